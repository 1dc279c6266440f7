//! The façade that the command line and the frontends call.

mod copy;
mod days;
mod error;
mod history;
#[cfg(target_os = "linux")]
mod mount_path;
mod suggestion;
mod tags;

use std::path::Path;

pub use copy::{CopyRequest, copy, upgrade};
pub use days::{Day, days};
pub use error::ServiceError;
pub use history::{History, PathLog, Stats, TagInfo, open_view};
#[cfg(target_os = "linux")]
pub use mount_path::MountPath;
pub use tags::{TagOptions, Tagged, tag};

use crate::store::{Access, Repository};

/// Creates a repository in the new or empty directory `root`.
pub fn init(root: &Path) -> Result<(), ServiceError> {
    Ok(Repository::init(root)?)
}

/// Fails if there is no repository in `root`, or if it cannot be read.
pub fn require_repository(root: &Path) -> Result<(), ServiceError> {
    Repository::open(root, Access::Read)?;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests;
