//! The history that a repository holds: its sources, their snapshots, and the names that lead to them.
//!
//! [`Sources`] are read from a repository. [`Source::resolve`] finds the snapshot that a name means: a
//! canonical name, a [time expression](time) or a tag. Nothing here reads the clock: the present time is an
//! argument.

mod calendar;
mod path;
mod reading;
mod snapshot_path;
mod source;
mod sources;
mod tags;
pub mod time;

pub use calendar::{Calendar, Position};
pub use path::{CHANGES, VERSIONS, components, joined, parted};
pub use reading::{Reading, Readings};
pub use snapshot_path::SnapshotPath;
pub use source::{Snapshot, SnapshotInfo, Source};
pub use sources::Sources;
pub use tags::is_reserved_name;
