//! A source has the history of one tree: another one does not get into it by mistake.

use std::path::Path;

use super::session::{host, origin};
use super::{ImportOptions, ServiceError};
use crate::format::Origin;
use crate::import::path_of;
use crate::view::Snapshot;

/// Fails unless the last snapshot of `source` was imported from the plain tree at `path`, on this machine, or another tree
/// is meant.
pub(super) fn check(
    source: &[u8],
    path: &Path,
    last: &Snapshot,
    options: &ImportOptions,
    is_same_directory: impl FnOnce() -> bool,
) -> Result<(), ServiceError> {
    let manifest = &last.manifest;
    let is_run = manifest.extensions.run.is_some();
    // An old copy, which is somewhere else by nature, with its time and whose it is.
    let is_old_copy = !is_run && options.time.is_some() && options.source.is_some();
    if options.allow_other_tree || is_old_copy {
        return Ok(());
    }
    // A container has another name each time.
    if !is_run && *manifest.origin.path == *origin(path) && (is_here(&manifest.origin) || is_same_directory())
    {
        return Ok(());
    }
    let more = if is_run { ", a run of rsnapshot or dirvish" } else { "" };
    Err(error(source, &manifest.origin, more))
}

/// Whether something came from this machine, as far as is known.
pub(super) fn is_here(origin: &Origin) -> bool {
    origin.host.is_empty() || *origin.host == *host()
}

/// The refusal; `more` is what else is to be said of the tree that the history is of.
pub(super) fn error(source: &[u8], origin: &Origin, more: &str) -> ServiceError {
    let path = path_of(&origin.path);
    let host = if is_here(origin) {
        String::new()
    } else {
        format!(" on {}", String::from_utf8_lossy(&origin.host))
    };
    ServiceError::OtherTree {
        name: String::from_utf8_lossy(source).into_owned(),
        whose: format!("{}{host}{more}", path.display()),
    }
}
