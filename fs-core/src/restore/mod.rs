//! Restores a tree of a snapshot to disk.
//!
//! One thread walks the tree and creates folders; other threads create files. Each file appears under its
//! name only when it is complete, with all attributes. Hard links and the attributes of folders come last:
//! they rely on the files.
//!
//! Content comes first: a file is restored even if an attribute cannot be set. Nothing is ever more open than
//! in the snapshot: a new entry is private to this process until it has its owner, its ACLs and its mode.

mod claims;
mod content;
mod create;
mod disk;
mod entry;
mod losses;
mod path;
mod restorer;
mod target;
mod walk;

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;

use claims::{Claim, Claims};
use path::RelativePath;
use restorer::{LinkGroups, Origin, Restorer, State};
pub use target::Shape;
use target::Target;
use thiserror::Error;
use walk::Walk;

use crate::monitor::{Cancellation, Monitor, TroubleKind};
use crate::view::{Node, View};

/// Bound of the files that wait for a thread.
const WAITING: usize = 64;

/// The reason why a restore stopped.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The target cannot be opened or created.
    #[error("cannot restore to {}: {reason}", path.display())]
    Target {
        /// The folder.
        path: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// The user asked the restore to stop.
    #[error("interrupted: what was already restored stays")]
    Cancelled,
}

/// Options of a restore.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestoreOptions {
    /// Replace existing files that differ. Folders are merged in any case.
    pub overwrite: bool,
    /// Only predict the result of the restore.
    pub dry_run: bool,
}

/// The result of a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Regular files created, each hard link counted.
    pub files: u64,
    /// Folders, including those that existed.
    pub directories: u64,
    /// Other entries created, except folders.
    pub others: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Existing entries that are identical in everything, except folders.
    pub kept: u64,
    /// Existing entries that were replaced.
    pub replaced: u64,
    /// Entries that were not restored completely, as reported to the monitor.
    pub troubled: u64,
}

/// Restores several entries of history into one folder. Hard links between them are kept. No entry replaces
/// an entry that this restore has created.
///
/// ```
/// use fs_core::restore::{Restore, RestoreOptions, Shape};
///
/// # use fs_core::import::{ImportOptions, import_tree};
/// # use fs_core::monitor::{Cancellation, Silent};
/// # let folder = tempfile::tempdir()?;
/// # let (root, tree) = (folder.path().join("repository"), folder.path().join("tree"));
/// # fs_core::service::init(&root)?;
/// # std::fs::create_dir(&tree)?;
/// # std::fs::write(tree.join("file"), "content")?;
/// # import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())?;
/// # use std::sync::Arc;
/// # use fs_core::clock::SystemClock;
/// # use fs_core::store::{Access, Repository};
/// # use fs_core::view::{Options, Scope, View};
/// # let options = Options::new(Scope::Repository, jiff::tz::TimeZone::UTC, Arc::new(SystemClock));
/// # let mut view = View::new(Repository::open(&root, Access::Read)?, options)?;
/// # view.resolves_times = true;
/// # let source = view.lookup(&view.top(), b"tree")?;
/// let snapshot = view.lookup(&source, b"@latest")?;
/// let to = folder.path().join("restored");
/// let mut restore = Restore::begin(&to, Shape::Whole, RestoreOptions::default())?;
/// restore.restore(&view, snapshot, None, &Silent, &Cancellation::default())?;
/// assert_eq!(std::fs::read(to.join("file"))?, b"content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Restore {
    target: Target,
    options: RestoreOptions,
    link_groups: LinkGroups,
    claims: Claims,
}

impl Restore {
    /// Begins to restore entries of this shape to `to`, which is created if it is missing.
    pub fn begin(to: &Path, shape: Shape, options: RestoreOptions) -> Result<Self, RestoreError> {
        let target = Target::open(to, shape, options.dry_run)
            .map_err(|reason| RestoreError::Target { path: to.to_owned(), reason })?;
        Ok(Self { target, options, link_groups: LinkGroups::default(), claims: Claims::default() })
    }

    /// Restores `node` of `view` as `name`, or its entries if there is no name. Links in the target are not
    /// followed. Entries that cannot be restored are reported to the monitor, and the others are restored.
    pub fn restore(
        &mut self,
        view: &View,
        node: Node,
        name: Option<&[u8]>,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Restored, RestoreError> {
        let state = State { link_groups: std::mem::take(&mut self.link_groups), ..State::default() };
        let Target { path, site: target, is_new, unclaimed, name: new_name } = &mut self.target;
        let (target, claims, options) = (&*target, &mut self.claims, self.options);
        let from = Origin { path: node.path(name.unwrap_or_default()), is_named: name.is_some() };
        let state = Mutex::new(state);
        let restorer = &Restorer { view, from, target, path, options, monitor, cancellation, state };
        let deferred = thread::scope(|scope| {
            let (sender, jobs) = sync_channel(WAITING);
            let jobs = Arc::new(Mutex::new(jobs));
            for _ in 0..thread::available_parallelism().map_or(2, usize::from).clamp(2, 8) {
                let jobs = Arc::clone(&jobs);
                scope.spawn(move || restorer.work(&jobs));
            }
            let mut walk = Walk::new(restorer, sender, claims);
            let top = RelativePath::default();
            match name.map(|name| new_name.clone().map_or_else(|| CString::new(name), Ok)) {
                // The target keeps its owner and mode, unless it was created as this folder.
                None => walk.enter_target(std::mem::take(is_new), node, std::mem::take(unclaimed)),
                Some(Ok(name)) => {
                    let existed = unclaimed.remove(&disk::key_of(&name));
                    walk.take(target, Claim::default(), top.join(name), node, existed);
                }
                Some(Err(_)) => {
                    restorer.report_trouble(&top, TroubleKind::Unreadable, "its name cannot be one here");
                }
            }
            walk.run(unclaimed)
        });
        restorer.finish(&deferred, &mut self.claims);
        let state = std::mem::take(&mut *restorer.state());
        self.link_groups = state.link_groups;
        if cancellation.is_cancelled() {
            return Err(RestoreError::Cancelled);
        }
        Ok(state.restored)
    }
}

#[cfg(test)]
mod tests;
