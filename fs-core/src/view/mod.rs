//! The platform-neutral file system that every frontend shows. This module decides everything about time,
//! names and inodes. A frontend only converts types.

mod access;
mod as_of;
mod aspects;
mod attr;
mod difference;
mod error;
mod filesystem;
#[cfg(all(test, unix))]
mod fixtures;
mod inodes;
mod invalidation;
mod listing;
mod node;
mod properties;
mod read_ahead;
mod top;
mod unread;
pub mod versions;
mod virtual_folder;

pub use aspects::{Aspect, Aspects};
pub use attr::{Attr, FileKind};
pub use difference::Difference;
pub use error::ViewError;
pub use filesystem::{Options, Scope, View};
pub use inodes::Inodes;
pub use invalidation::Invalidation;
pub use listing::{Listing, Unlisted};
pub use node::Node;
pub use virtual_folder::DirEntry;

#[cfg(all(test, unix))]
mod tests;
