//! Differences between two trees, of one source or of two.
//!
//! Both trees are walked in lock-step. Equal ids prove that nothing below differs. So little more is read
//! than what changed: the directories on the way to a change, and of a large directory the few nodes around
//! the change.

mod folders;
mod known;
mod pairs;
mod shown;
mod walk;

pub(in crate::view) use folders::ChangesFolder;
pub use walk::Difference;

#[cfg(all(test, unix))]
mod tests;
