//! Trees on disk become snapshots.
//!
//! [`import_tree`] imports one tree (`tree.rs`), [`RunImporter`] the runs that other programs keep (`runs/`,
//! read from disk by [`layout`]). Both open a repository as a session, walk a tree, and commit a snapshot
//! (`session.rs`). The walk and the parent snapshot's tree advance together (`walk.rs`).

mod disk;
mod error;
mod identity;
#[cfg(unix)]
pub mod layout;
mod opening;
mod options;
#[cfg(unix)]
mod runs;
mod session;
mod tree;
mod walk;

#[cfg(target_os = "linux")]
pub(crate) use disk::path_of;
pub use error::ImportError;
#[cfg(target_os = "linux")]
pub(crate) use identity::StatCacheKey;
pub use identity::{check_other_tree, source_name};
pub use opening::open_for_writing;
pub use options::ImportOptions;
#[cfg(unix)]
pub use runs::{ResolvedRuns, RunImporter, RunOutcome, RunState, make_plan, run_states};
pub use session::Imported;
#[cfg(target_os = "linux")]
pub(crate) use session::history_devices;
pub use tree::import_tree;
#[cfg(test)]
pub(crate) use walk::{Options, walk};

#[cfg(all(test, unix))]
mod tests;
