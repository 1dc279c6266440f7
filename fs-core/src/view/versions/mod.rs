//! What a path was through a source's snapshots.
//!
//! A *version* is what the entry of a path says: content, size, mode, owner, time, extended attributes, kind. Snapshots
//! in which the directory on the way to a path has an equal id share the answer, so that the cost follows what differs
//! and never is snapshots × files.

mod folder;
mod numbered;
mod past;
mod places;
mod search;
mod sweep;
mod trace;

pub(super) use folder::VERSIONS;
pub use numbered::is_numbered;
pub(super) use past::Recent;
pub use search::{Hit, Query};
pub use trace::{State, Stretch, Trace};

#[cfg(all(test, unix))]
mod tests;
