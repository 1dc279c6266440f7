//! Times, and attributes such as hidden. Windows has no equivalent of owners, modes and extended attributes
//! other than [`NAME`].

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io;
use std::os::windows::fs::{FileTimesExt, OpenOptionsExt};
use std::path::Path;

use super::{FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, Folder};
use crate::format::{Time, XattrSet};
use crate::restore::disk::{Created, LostAttribute, Site, TemporaryEntry};
use crate::view::{Attr, FileKind};
use crate::windows::attributes::{ARCHIVE, DIRECTORY, DosAttributes, HIDDEN, NAME, READ_ONLY, SYSTEM};

const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
const FILE_READ_ATTRIBUTES: u32 = 0x80;
/// Excluded from the search index.
const NOT_CONTENT_INDEXED: u32 = 0x2000;
/// Write permission of owner, group and others.
pub(super) const WRITABLE: u16 = 0o222;

pub(super) fn dos_of(xattrs: &XattrSet) -> Option<DosAttributes> {
    DosAttributes::decode(xattrs.get(NAME)?)
}

/// The attributes that a file has from its creation.
pub(super) fn of_new_file(xattrs: &XattrSet) -> u32 {
    dos_of(xattrs).map_or(0, |dos| dos.bits & (HIDDEN | SYSTEM | ARCHIVE | NOT_CONTENT_INDEXED))
}

/// Whether the target of a symbolic link is a folder, if that was recorded.
pub(super) fn leads_to_folder(xattrs: &XattrSet) -> Option<bool> {
    dos_of(xattrs).map(|dos| dos.bits & DIRECTORY != 0)
}

/// Sets the attributes of an open file.
pub(crate) fn set_file(file: &File, attr: &Attr, xattrs: &XattrSet) -> Created {
    (lost(set_times(file, attr, xattrs), xattrs), None)
}

/// Predicts the attributes that an entry will lack.
pub(crate) fn predict(_: &Site, attr: &Attr, xattrs: &XattrSet) -> io::Result<Created> {
    match attr.kind {
        FileKind::File | FileKind::Directory | FileKind::Symlink => Ok((lost(Ok(()), xattrs), None)),
        _ => Err(super::no_special()),
    }
}

/// Predicts the attributes that an existing folder will lack after they are set.
pub(crate) fn predict_existing(_: &Folder, _: &Site, _: &Attr, xattrs: &XattrSet) -> Vec<LostAttribute> {
    lost(Ok(()), xattrs)
}

/// Always succeeds: only an attempt shows whether a hard link can be made.
#[expect(clippy::unnecessary_wraps, reason = "other platforms know")]
pub(crate) fn predict_link(_: &Site, _: &Site, _: u64) -> io::Result<()> {
    Ok(())
}

/// Does nothing: rights are not restored on Windows.
pub(crate) fn tighten(_: &Folder, _: &Attr, _: &XattrSet) {}

/// Makes the file read-only. This comes last, as the temporary name of a read-only file could not be removed.
pub(crate) fn seal(file: &File, attr: &Attr) -> io::Result<()> {
    if attr.mode & WRITABLE != 0 {
        return Ok(());
    }
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)
}

/// Sets the attributes of a folder.
pub(crate) fn set_folder(folder: &Folder, attr: &Attr, xattrs: &XattrSet) -> Vec<LostAttribute> {
    let set = || {
        let opened = open(&folder.0.path)?;
        let bits = dos_of(xattrs).map_or(0, |dos| dos.bits & (HIDDEN | SYSTEM | READ_ONLY));
        if bits != 0 {
            opened.set_permissions(permissions(folder, bits)?)?;
        }
        set_times(&opened, attr, xattrs)
    };
    lost(set(), xattrs)
}

/// Sets a folder's time, if permitted.
pub(crate) fn set_time(folder: &Folder, attr: &Attr) {
    let set = open(&folder.0.path).and_then(|opened| set_times(&opened, attr, &XattrSet::default()));
    drop(set);
}

/// Sets the attributes of a symbolic link.
#[expect(clippy::unnecessary_wraps, reason = "on other platforms it fails")]
pub(crate) fn set_unopened(node: &TemporaryEntry, attr: &Attr, xattrs: &XattrSet) -> io::Result<Created> {
    let set = open(&node.folder.entry(&node.name)).and_then(|opened| set_times(&opened, attr, xattrs));
    Ok((lost(set, xattrs), None))
}

/// Makes an existing file writable, so that it can be replaced.
pub(super) fn make_writable(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let mut permissions = metadata.permissions();
    if metadata.is_file() && permissions.readonly() {
        #[expect(
            clippy::permissions_set_readonly_false,
            reason = "on Windows it is one attribute, and nobody else's"
        )]
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// Removes one name of a read-only file, which Windows refuses. The file stays read-only under its other
/// names.
pub(super) fn remove_read_only(path: &Path) -> io::Result<()> {
    let file = open(path)?;
    let sealed = file.metadata()?.permissions();
    make_writable(path)?;
    let removed = fs::remove_file(path);
    file.set_permissions(sealed)?;
    removed
}

/// Opens an entry, also a folder or a link, to set its attributes but not its content.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .access_mode(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

/// Permissions with these attributes. std can only set permissions that it has read from a file. So a file
/// with these attributes is created for a moment.
fn permissions(folder: &Folder, bits: u32) -> io::Result<Permissions> {
    let (model, mut permissions) = folder.begin(|folder, name| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).attributes(bits & (HIDDEN | SYSTEM));
        Ok(options.open(folder.entry(name))?.metadata()?.permissions())
    })?;
    drop(model);
    permissions.set_readonly(bits & READ_ONLY != 0);
    Ok(permissions)
}

fn set_times(file: &File, attr: &Attr, xattrs: &XattrSet) -> io::Result<()> {
    let no_time = || io::Error::other("Windows has no such time");
    let modified = attr.mtime.system_time().ok_or_else(no_time)?;
    let mut times = FileTimes::new().set_modified(modified);
    if attr.kind != FileKind::Symlink {
        times = times.set_accessed(modified);
    }
    if let Some(created) = dos_of(xattrs).and_then(|dos| dos.created) {
        let (secs, nanos) = created.to_unix();
        if let Some(created) = Time::new(secs, nanos).and_then(Time::system_time) {
            times = times.set_created(created);
        }
    }
    file.set_times(times)
}

/// The attributes that are lost, with the times and attributes of Windows if they could not be set.
fn lost(set: io::Result<()>, xattrs: &XattrSet) -> Vec<LostAttribute> {
    let others = xattrs.names().filter(|name| *name != NAME);
    let lost = |name: &[u8]| {
        LostAttribute::new(
            format!("extended attribute {}", String::from_utf8_lossy(name)),
            "Windows keeps none",
        )
    };
    let time = set.err().map(|error| LostAttribute::new("time", error.to_string()));
    others.map(lost).chain(time).collect()
}
