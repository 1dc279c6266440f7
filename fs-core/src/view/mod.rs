//! The platform-neutral file system that every frontend shows. This module decides everything about time,
//! names and inodes. A frontend only converts types.

mod access;
mod as_of;
mod aspects;
mod attr;
mod changes;
mod difference;
mod directory;
mod error;
mod filesystem;
#[cfg(all(test, unix))]
mod fixtures;
mod inodes;
mod node;
mod properties;
mod read_ahead;
pub mod versions;

pub use aspects::{Aspect, Aspects};
pub use attr::{Attr, FileKind};
pub use changes::Change;
pub use difference::Difference;
pub use directory::DirEntry;
pub use error::ViewError;
pub use filesystem::{Options, Scope, View};
pub use inodes::Inodes;
pub use node::Node;

#[cfg(all(test, unix))]
mod tests;
