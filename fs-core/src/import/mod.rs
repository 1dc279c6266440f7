//! Trees on disk become snapshots.
//!
//! The walk and the parent snapshot's tree advance together in the order of names. A file that is proven
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

/// Identity of the directory at `path`, behind any links: device and inode number. See [`Options::skip`].
pub fn directory_id(path: &std::path::Path) -> std::io::Result<(u64, u64)> {
    Ok(disk::Directory::open(path)?.stat_self()?.id)
}

/// Identity of the directory at `path` that survives a reboot: the identity of its file system, and its inode
/// number.
pub fn root_identity(path: &std::path::Path) -> std::io::Result<(Box<[u8]>, u64)> {
    let directory = disk::Directory::open(path)?;
    let (device, inode) = directory.stat_self()?.id;
    Ok((directory.file_system(device), inode))
}

/// Maximum depth of nested folders. Nobody can name a file below it (`PATH_MAX` of one-letter names). It
/// bounds the number of open files.
pub(crate) const MAX_DEPTH: usize = 2048;

#[cfg(all(test, unix))]
mod tests;
