//! Trees on disk become snapshots.
//!
//! The walk and the parent snapshot's tree advance together in the order of names: what has the same size and
//! modification time as before is taken over without being read, as rsync itself decides.

#[cfg(unix)]
mod at_rest;
#[cfg(unix)]
mod disk;
mod error;
#[cfg(unix)]
mod fake_super;
#[cfg(unix)]
mod file;
#[cfg(unix)]
pub mod layout;
mod links;
mod parent;
#[cfg(unix)]
mod scan;
#[cfg(unix)]
mod seen;
#[cfg(unix)]
mod troubles;
#[cfg(unix)]
mod walk;
#[cfg(unix)]
mod xattrs;

#[cfg(unix)]
pub use at_rest::AtRest;
pub use error::ImportError;
#[cfg(unix)]
pub use seen::SeenFiles;
#[cfg(unix)]
pub use walk::{Options, Outcome, Taken, run};

/// Folders in each other: below, nobody can name a file any more (`PATH_MAX` of one-letter names). A bound on open files.
#[cfg(unix)]
pub(crate) const MAX_DEPTH: usize = 2048;

#[cfg(all(test, unix))]
mod tests;
