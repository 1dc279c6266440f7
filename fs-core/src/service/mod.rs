//! The façade that the command line and the frontends call.

mod days;
mod error;
mod history;
pub(crate) mod import;
mod maintain;
mod meant;
#[cfg(target_os = "linux")]
mod mount_path;
mod other_tree;
#[cfg(unix)]
pub(crate) mod rsync_at_work;
#[cfg(unix)]
mod runs;
pub(crate) mod session;
mod stats;
mod tags;
mod versions;
mod waiting;

use std::path::Path;

#[cfg(target_os = "linux")]
pub use crate::import::mounts::{MOUNT_TYPE, Mounted, mounted};
pub use days::{Day, days};
pub use error::ServiceError;
pub use history::{History, SnapshotInfo, TagInfo, open_view};
pub use import::{ImportOptions, Imported, check_other_tree, import_tree, source_name};
pub use maintain::{check, rebuild_index, repair};
#[cfg(target_os = "linux")]
pub use mount_path::MountPath;
#[cfg(unix)]
pub use runs::{Known, Outcome, RunImporter, RunState, make_plan, run_states};
pub use stats::Stats;
pub use tags::{TagOptions, Tagged, tag};
pub use versions::PathLog;

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
