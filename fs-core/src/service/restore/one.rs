//! One entry that is no folder.

use std::ffi::CStr;
use std::io;

use rustix::fs::{FileType, Mode, OFlags, makedev};

use super::attributes::{self, Lacking};
use super::content::{self, ContentError};
use super::destination::{Folder, Unfinished};
use super::{Entry, Shared};
use crate::store::StoreError;
use crate::view::{Attr, FileKind, Node, ViewError};

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
    let (unfinished, lacking) = if attr.kind == FileKind::File {
        let mut open = None;
        let unfinished = folder.begin(|folder, name| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            open = Some(rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
            Ok(())
        })?;
        let Some(file) = open else { return Err(Reason::Exists) };
        let mut file = file.into();
        content::write(shared.view, node, attr, &mut file, shared.cancellation)?;
        (unfinished, attributes::set(&file, attr, &xattrs)?)
    } else {
        let unfinished = special(shared, folder, node, attr)?;
        let lacking = attributes::set_unopened(&unfinished, attr, &xattrs)?;
        (unfinished, lacking)
    };
    unfinished.finish(name, shared.options.overwrite)?;
    Ok(lacking)
}

fn special(shared: &Shared<'_>, folder: &Folder, node: &Node, attr: &Attr) -> Result<Unfinished, Reason> {
    let kind = match attr.kind {
        FileKind::Symlink => {
            let target = shared.view.read_link(node)?;
            return Ok(folder.begin(|folder, name| rustix::fs::symlinkat(target, folder, name))?);
        }
        FileKind::CharDevice => FileType::CharacterDevice,
        FileKind::BlockDevice => FileType::BlockDevice,
        FileKind::Fifo => FileType::Fifo,
        FileKind::Socket => FileType::Socket,
        FileKind::File | FileKind::Directory => FileType::RegularFile,
    };
    let device = makedev(attr.rdev.0, attr.rdev.1);
    Ok(folder
        .begin(|folder, name| rustix::fs::mknodat(folder, name, kind, Mode::RUSR | Mode::WUSR, device))?)
}
