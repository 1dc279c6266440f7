//! Imports one tree as one snapshot.

use std::path::Path;
use std::sync::Arc;

use super::identity::{PlainTree, absolute, recorded_path};
use super::opening::{WRITERS, Waiting};
use super::session::{Imported, Label, Session, store, worse};
use super::walk::{Options, Quiescence};
use super::{ImportError, ImportOptions};
use crate::format::{Status, Time};
use crate::monitor::{Cancellation, Monitor};
use crate::platform::rsync_writer;

/// Imports the directory `tree` into the repository in `root`. Returns `None` if
/// [`ImportOptions::only_if_changed`] is set and nothing changed.
///
/// ```
/// use fs_core::import::{ImportOptions, import_tree};
/// use fs_core::monitor::{Cancellation, Silent};
///
/// let folder = tempfile::tempdir()?;
/// let (root, tree) = (folder.path().join("repository"), folder.path().join("tree"));
/// fs_core::service::init(&root)?;
/// std::fs::create_dir(&tree)?;
/// std::fs::write(tree.join("file"), "content")?;
/// let options = ImportOptions { only_if_changed: true, ..ImportOptions::default() };
/// let import = || import_tree(&root, &tree, &options, &Silent, &Cancellation::default());
/// assert_eq!(import()?.map(|imported| imported.progress.files_read), Some(1));
/// assert!(import()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ImportError::OtherTree`] if the source has the history of another tree, [`ImportError::NotQuiescent`] if
/// [`ImportOptions::quiescent_for`] is set and a program is writing to the tree. Entries that cannot be read
/// are reported to the monitor and do not fail the import.
pub fn import_tree(
    root: &Path,
    tree: &Path,
    options: &ImportOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Option<Imported>, ImportError> {
    let plain = PlainTree::new(absolute(tree)?, options)?;
    let run_status = status_of_writers(&plain.path, options, cancellation)?;
    let mut session = Session::open(root, options, cancellation)?;
    session.check_outside(&plain.path, tree)?;
    let last = session.sources.last(&plain.source).map(|(_, snapshot)| Arc::clone(snapshot));
    let last = last.as_deref();
    if let Some(last) = last {
        plain.check(last, &session.repository)?;
    }
    let quiescence = options.quiescent_for.map_or(Quiescence::NotRequired, |quiet| {
        let since = options.clock.now().checked_sub(quiet).unwrap_or(jiff::Timestamp::MIN);
        Quiescence::Everything(since.into())
    });
    let tree = options.read_from.as_deref().unwrap_or(tree);
    let key = plain.stat_cache();
    let (parent, stat_cache) = session.imported_last(&key).unzip();
    let is_unproven = parent.is_none()
        && last.is_some_and(|last| *last.manifest.origin.path == *recorded_path(&plain.origin));
    if is_unproven {
        log::info!("every file of {} is read: its stat cache is missing", tree.display());
    }
    let walk = Options {
        parent: parent.as_deref().or(last),
        stat_cache,
        quiescence,
        allow_empty: options.allow_empty,
        ..session.walk_options()
    };
    let pending = session.walk(tree, &key, walk, monitor)?;
    let walked = &pending.walked.manifest;
    let is_unchanged = match last.map(|last| &last.manifest) {
        Some(last) => (&last.root, &last.links) == (&walked.root, &walked.links),
        None => walked.totals.is_empty() && !options.allow_empty,
    };
    if options.only_if_changed && is_unchanged {
        if let Some(last) = last {
            store(pending.stat_cache, pending.walked.stat_trailer, last.id);
        }
        return Ok(None);
    }
    let time: Time = options.time.unwrap_or_else(|| options.clock.now()).into();
    if let Some(last) = last.filter(|last| options.time.is_none() && last.manifest.time.secs() > time.secs())
    {
        log::warn!(
            "the clock has gone back: the last snapshot is from {}, and stays @latest until then",
            last.manifest.time.timestamp()
        );
    }
    let status = worse(walked.status, run_status);
    let label =
        Label { source: &plain.source, path: &plain.origin, time, status, run: None, run_folder: None };
    let imported = session.commit(pending, label)?;
    Ok(Some(Imported { is_unproven, ..imported }))
}

/// The status of the run, or a worse one if rsync is still writing.
fn status_of_writers(
    tree: &Path,
    options: &ImportOptions,
    cancellation: &Cancellation,
) -> Result<Status, ImportError> {
    let mut waiting = Waiting::new(&*options.clock, options.wait_limit);
    loop {
        let Some(pid) = rsync_writer(tree) else { return Ok(options.run_status) };
        let sign = format!("rsync is writing to it (process {pid})");
        if options.quiescent_for.is_some() {
            return Err(ImportError::NotQuiescent { path: tree.to_owned(), sign });
        }
        let what = format!("{}: {sign}; stop that process if it hangs", tree.display());
        if !options.wait || !waiting.step(WRITERS, &what, cancellation)? {
            log::warn!("{} is taken as it is, and counts as partial: {sign}", tree.display());
            return Ok(Status::Partial);
        }
    }
}
