//! Owner, mode, extended attributes and time, in the order in which one does not undo the other: a new owner clears
//! set-user-id and capabilities, anything else the time.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::Folder;
use crate::format::{Time, XattrSet};
use crate::service::restore::disk::{Lacking, Unfinished};
use crate::view::{Attr, FileKind};

/// Modes that lend the owner's rights.
const LENDING: u16 = 0o6000;

/// Gives an open file its attributes.
pub(in crate::service::restore) fn set_file(
    file: &File,
    attr: &Attr,
    xattrs: &XattrSet,
) -> io::Result<Lacking> {
    set(file, attr, xattrs)
}

/// Gives a folder its attributes.
pub(in crate::service::restore) fn set_folder(
    folder: &Folder,
    attr: &Attr,
    xattrs: &XattrSet,
) -> io::Result<Lacking> {
    set(folder, attr, xattrs)
}

fn set(file: impl AsFd, attr: &Attr, xattrs: &XattrSet) -> io::Result<Lacking> {
    let owned = own(rustix::fs::fchown(&file, Some(Uid::from_raw(attr.uid)), Some(Gid::from_raw(attr.gid))))?;
    rustix::fs::fchmod(&file, mode(attr, owned))?;
    let lacking =
        set_xattrs(xattrs, |name, value| rustix::fs::fsetxattr(&file, name, value, XattrFlags::empty()));
    rustix::fs::futimens(&file, &times(attr.mtime))?;
    Ok(lacking)
}

/// Gives them to what cannot be opened: a symbolic link or a special file.
pub(in crate::service::restore) fn set_unopened(
    node: &Unfinished,
    attr: &Attr,
    xattrs: &XattrSet,
) -> io::Result<Lacking> {
    let (folder, name, flags) = (&node.folder, &*node.name, AtFlags::SYMLINK_NOFOLLOW);
    let owner = (Some(Uid::from_raw(attr.uid)), Some(Gid::from_raw(attr.gid)));
    let owned = own(rustix::fs::chownat(folder, name, owner.0, owner.1, flags))?;
    if attr.kind != FileKind::Symlink {
        // It was made by this process and no link, which older kernels would insist on following.
        rustix::fs::chmodat(folder, name, mode(attr, owned), AtFlags::empty())?;
    }
    let mut path = format!("/proc/self/fd/{}/", folder.as_fd().as_raw_fd()).into_bytes();
    path.extend(name.to_bytes());
    let path = CString::new(path)?;
    let lacking =
        set_xattrs(xattrs, |name, value| rustix::fs::lsetxattr(&*path, name, value, XattrFlags::empty()));
    rustix::fs::utimensat(folder, name, &times(attr.mtime), flags)?;
    Ok(lacking)
}

/// Whether the owner is right. Only root may give files away; others get them back as their own.
fn own(result: rustix::io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL) if !rustix::process::geteuid().is_root() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Who did not get the file must not be lent its owner's rights by another.
fn mode(attr: &Attr, owned: bool) -> Mode {
    let mode = if owned { attr.mode } else { attr.mode & !LENDING };
    Mode::from_raw_mode(u32::from(mode))
}

fn set_xattrs(xattrs: &XattrSet, set: impl Fn(&std::ffi::CStr, &[u8]) -> rustix::io::Result<()>) -> Lacking {
    let mut lacking = Vec::new();
    for name in xattrs.names() {
        let value = xattrs.get(name).unwrap_or_default();
        let shown = String::from_utf8_lossy(name);
        let result = CString::new(name).map_err(|_| Errno::INVAL).and_then(|name| set(&name, value));
        if let Err(error) = result {
            lacking.push(format!("extended attribute {shown}: {error}"));
        }
    }
    lacking
}

fn times(mtime: Time) -> Timestamps {
    let time = Timespec { tv_sec: mtime.secs(), tv_nsec: mtime.nanos().into() };
    Timestamps { last_access: time, last_modification: time }
}
