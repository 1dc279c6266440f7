//! One entry that is no folder.

use std::ffi::CStr;
use std::io;

use super::content::{self, ContentError};
use super::disk::{self, Folder, Lacking};
use super::{Entry, Shared};
use crate::store::StoreError;
use crate::view::{FileKind, ViewError};

/// Why an entry was not taken back.
pub(super) enum Reason {
    /// Something has its name.
    Exists,
    /// History does not give it.
    Read(ViewError),
    /// The target does not take it.
    Write(io::Error),
    /// Somebody asked for it to stop.
    Cancelled,
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Reason::Exists,
            _ => Reason::Write(error),
        }
    }
}

impl From<ContentError> for Reason {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Read(error) => Reason::Read(error),
            ContentError::Write(error) => error.into(),
            ContentError::Cancelled => Reason::Cancelled,
        }
    }
}

impl From<ViewError> for Reason {
    fn from(error: ViewError) -> Self {
        Reason::Read(error)
    }
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        Reason::Read(error.into())
    }
}

/// Makes `name` in `folder` what the entry is. Tells what of it could not be set.
pub(super) fn make(
    shared: &Shared<'_>,
    folder: &Folder,
    name: &CStr,
    entry: &Entry,
) -> Result<Lacking, Reason> {
    let Entry { node, attr, .. } = entry;
    let xattrs = shared.view.xattrs(node)?;
    let replace = shared.options.overwrite;
    if attr.kind == FileKind::File {
        let (unfinished, mut file) = folder.begin(|folder, name| folder.make_file(name, &xattrs))?;
        content::write(shared.view, node, attr, &mut file, shared.cancellation)?;
        let lacking = disk::set_file(&file, attr, &xattrs)?;
        unfinished.finish(name, replace)?;
        disk::seal(&file, attr)?;
        return Ok(lacking);
    }
    let (unfinished, ()) = if attr.kind == FileKind::Symlink {
        let target = shared.view.read_link(node)?;
        folder.begin(|folder, name| folder.make_symlink(name, target, &xattrs))?
    } else {
        folder.begin(|folder, name| folder.make_special(name, attr))?
    };
    let lacking = disk::set_unopened(&unfinished, attr, &xattrs)?;
    unfinished.finish(name, replace)?;
    Ok(lacking)
}
