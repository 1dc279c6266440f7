//! What differs between two trees, of one source or of two.
//!
//! Both are walked in lock-step. Equal ids say that nothing below differs, so what is read is little more than what
//! changed: the directories on the way to a change, and of a large one the few nodes around it.

mod folders;
mod pairs;
mod shown;
mod walk;

pub(in crate::view) use folders::{CHANGES, Changes};
pub use walk::Difference;

#[cfg(all(test, unix))]
mod tests;
