//! Trees on disk become snapshots.
//!
//! The walk and the parent snapshot's tree advance together in the order of names. A file that is proven to be
//! unchanged (`walk/unchanged.rs`) is taken over without being read.

mod at_rest;
mod disk;
mod error;
mod fake_super;
mod file;
mod file_systems;
#[cfg(unix)]
pub mod layout;
mod links;
#[cfg(target_os = "linux")]
pub mod mounts;
mod parent;
mod scan;
mod seen;
mod troubles;
mod walk;

pub use at_rest::AtRest;
pub(crate) use disk::path_of;
pub use error::ImportError;
pub use seen::SeenFiles;
pub use walk::{Options, Outcome, Stats, Taken, run};

/// What tells the directory at `path`, behind any links, from every other: see [`Options::skip`].
pub fn directory_id(path: &std::path::Path) -> std::io::Result<(u64, u64)> {
    Ok(disk::Directory::open(path)?.stat_self()?.id)
}

/// The identity of the file system of the directory at `path`, also after a reboot.
pub fn file_system(path: &std::path::Path) -> std::io::Result<Box<[u8]>> {
    let directory = disk::Directory::open(path)?;
    Ok(directory.file_system(directory.stat_self()?.id.0))
}

/// Folders in each other: below, nobody can name a file any more (`PATH_MAX` of one-letter names). A bound on open files.
pub(crate) const MAX_DEPTH: usize = 2048;

#[cfg(all(test, unix))]
mod tests;
