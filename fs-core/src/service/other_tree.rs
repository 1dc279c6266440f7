//! Protects a source's history: it belongs to one tree, so another tree is refused by default.

use std::path::Path;

use super::session::{host, origin};
use super::{ImportOptions, ServiceError};
use crate::format::Origin;
use crate::history::Snapshot;
use crate::import::path_of;

/// Fails unless the last snapshot of `source` is from the plain tree at `path`, on this machine or file
/// system. It also succeeds if the options allow another tree.
pub(super) fn check(
    source: &[u8],
    path: &Path,
    last: &Snapshot,
    options: &ImportOptions,
    is_same_directory: impl FnOnce() -> bool,
) -> Result<(), ServiceError> {
    let manifest = &last.manifest;
    let is_run = manifest.extensions.run.is_some();
    // An old copy is always elsewhere; the user gives its time and its source.
    let is_old_copy = !is_run && options.time.is_some() && options.source.is_some();
    if options.allow_other_tree || is_old_copy {
        return Ok(());
    }
    // A container has another host name each time.
    if !is_run && *manifest.origin.path == *origin(path) && (is_here(&manifest.origin) || is_same_directory())
    {
        return Ok(());
    }
    let more = if is_run { ", a run of rsnapshot or dirvish" } else { "" };
    Err(error(source, &manifest.origin, more))
}

/// Whether the origin is this machine, as far as is known.
pub(super) fn is_here(origin: &Origin) -> bool {
    origin.host.is_empty() || *origin.host == *host()
}

/// The error for a refused tree. `more` is a further remark about the history's tree.
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
