//! The history of a path in a source.
//!
//! A *version* is the state of a path's entry: content, size, mode, owner, time, extended attributes and
//! kind. Snapshots share an answer if the directory on the way to a path has an equal id in them. So the cost
//! depends on what differs, and is never snapshots × files.

mod folder;
mod numbered;
mod past;
mod path_history;
mod positions;
mod search;
mod sweep;

pub(super) use folder::VersionsFolder;
pub use numbered::is_numbered;
pub(super) use past::Recent;
pub use path_history::{Interval, PathHistory, State};
pub use search::{Hit, Query};

#[cfg(all(test, unix))]
mod tests;
