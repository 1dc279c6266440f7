//! Sets owner, extended attributes, ACLs, mode and time, in this order. No step undoes an earlier one, and a
//! file is never more open than in the end: a new owner clears set-user-ID and capabilities, an ACL decides
//! the mode's group bits, and every step changes the time. Values are read back, as a file system may accept
//! one and not keep it.

use std::ffi::CString;
use std::fs::File;
use std::io;

use rustix::io::Errno;

use super::Folder;
use super::handle::{Handle, SetAttributes, has_mode, hold};
use crate::format::XattrSet;
use crate::format::acl::{self, Acl};
use crate::restore::disk::{Created, LostAttribute, TemporaryEntry};
use crate::view::{Attr, FileKind};

/// Set-user-ID.
const SET_USER: u16 = 0o4000;
/// Set-group-ID.
const SET_GROUP: u16 = 0o2000;

/// The name of an ACL in messages.
const LIST: &str = "access control list";
/// The reason for a mode that is not restored.
const NARROWED: &str = "narrowed, so that nobody gains access";

/// Attributes other than ACLs that are removed if a snapshot does not have them. Labels of the kernel, such
/// as those of SELinux, and attributes made up by file systems are kept.
pub(super) const REMOVABLE: [&[u8]; 3] = [b"user.", b"trusted.", b"security.capability"];

/// Sets the attributes of an open file. Returns the attributes that could not be set, and the file's
/// identity.
pub(crate) fn set_file(file: &File, attr: &Attr, xattrs: &XattrSet) -> Created {
    let handle = Handle::open(file);
    (set(&handle, attr, xattrs), handle.id())
}

/// Sets the attributes of a folder.
pub(crate) fn set_folder(folder: &Folder, attr: &Attr, xattrs: &XattrSet) -> Vec<LostAttribute> {
    set(&Handle::open(folder), attr, xattrs)
}

/// Sets a folder's time, if permitted.
pub(crate) fn set_time(folder: &Folder, attr: &Attr) {
    let _ = Handle::open(folder).set_mtime(attr.mtime);
}

/// Sets the attributes of an entry that cannot be opened: a symbolic link or a special file.
pub(crate) fn set_unopened(node: &TemporaryEntry, attr: &Attr, xattrs: &XattrSet) -> io::Result<Created> {
    let held = hold(&node.folder, &node.name)?;
    let handle = Handle::held(&held)?;
    handle.check_made(attr)?;
    if has_mode(attr.kind) {
        handle.drop_lists();
    }
    Ok((set(&handle, attr, xattrs), handle.id()))
}

/// Removes from an existing folder the rights that it will not have, before entries are restored into it.
/// Errors are reported later, when its attributes are set.
pub(crate) fn tighten(folder: &Folder, attr: &Attr, xattrs: &XattrSet) {
    let handle = Handle::open(folder);
    let Ok(status) = handle.status() else { return };
    let had = status.mode;
    let list = handle.xattr(&c_name(acl::ACCESS)).ok().flatten();
    let mut mode = had & (0o7000 | attr.mode) | 0o700;
    if list.as_deref() != xattrs.get(acl::ACCESS) || status.gid != attr.gid {
        // With an ACL these bits are its mask.
        mode &= !0o070;
    }
    if mode != had {
        let _ = handle.chmod(mode);
    }
    if (status.uid, status.gid) != (attr.uid, attr.gid) {
        let _ = own(&handle, attr);
    }
}

/// Sets all attributes of a new entry, or of an existing folder. Returns those that could not be set.
pub(super) fn set(handle: &impl SetAttributes, attr: &Attr, xattrs: &XattrSet) -> Vec<LostAttribute> {
    let mut lost = set_rights(handle, attr, xattrs);
    lost.extend(set_mtime(handle, attr));
    lost
}

/// Sets all attributes but the time.
pub(super) fn set_rights(handle: &impl SetAttributes, attr: &Attr, xattrs: &XattrSet) -> Vec<LostAttribute> {
    let mut lost = Vec::new();
    let owned = own(handle, attr);
    let kept = handle.status();
    let (owner, group) =
        kept.map_or((false, false), |status| (status.uid == attr.uid, status.gid == attr.gid));
    if !(owner && group) {
        lost.push(LostAttribute { expected: !is_root(), ..LostAttribute::new("owner", reason(owned)) });
    }
    set_xattrs(handle, xattrs, &mut lost);
    if has_mode(attr.kind) {
        let is_set = set_lists(handle, attr, xattrs, group, &mut lost);
        let mode = allowed_mode(attr, xattrs, owner, group, is_set);
        lost.extend(set_mode(handle, attr, mode, owner && group));
    }
    lost
}

/// Sets the time.
pub(super) fn set_mtime(handle: &impl SetAttributes, attr: &Attr) -> Option<LostAttribute> {
    let set = handle.set_mtime(attr.mtime);
    let is_lost = handle.status().is_ok_and(|status| status.mtime != Some(attr.mtime)) || set.is_err();
    is_lost.then(|| lost_time(set))
}

/// A time that could not be set, or is not kept.
pub(super) fn lost_time(set: rustix::io::Result<()>) -> LostAttribute {
    LostAttribute::new("time", reason(set))
}

/// Sets owner and group, or only the group if nothing more is permitted.
fn own(handle: &impl SetAttributes, attr: &Attr) -> rustix::io::Result<()> {
    let status = handle.status()?;
    if (status.uid, status.gid) == (attr.uid, attr.gid) {
        return Ok(());
    }
    handle.chown(Some(attr.uid), Some(attr.gid)).inspect_err(|_| {
        if status.gid != attr.gid {
            let _ = handle.chown(None, Some(attr.gid));
        }
    })
}

/// Sets all extended attributes except ACLs, and removes those that the snapshot does not have.
fn set_xattrs(handle: &impl SetAttributes, xattrs: &XattrSet, lost: &mut Vec<LostAttribute>) {
    for name in handle.xattr_names().unwrap_or_default() {
        let bytes = name.to_bytes();
        let is_removable = REMOVABLE.iter().any(|kind| bytes.starts_with(kind));
        if is_removable
            && xattrs.get(bytes).is_none()
            && let Err(error) = handle.remove_xattr(&name)
        {
            let what = format!("absence of the extended attribute {}", String::from_utf8_lossy(bytes));
            lost.push(LostAttribute::new(what, reason(Err(error))));
        }
    }
    for name in xattrs.names().filter(|name| ![acl::ACCESS, acl::DEFAULT].contains(name)) {
        let value = xattrs.get(name).unwrap_or_default();
        let set =
            CString::new(name).map_err(|_| Errno::INVAL).and_then(|name| handle.set_xattr(&name, value));
        if let Err(error) = set {
            let what = format!("extended attribute {}", String::from_utf8_lossy(name));
            lost.push(LostAttribute::new(what, reason(Err(error))));
        }
    }
}

/// The mode of a file that may lack its owner, group or access ACL: nobody gains access.
fn allowed_mode(attr: &Attr, xattrs: &XattrSet, owner: bool, group: bool, is_list_set: bool) -> u16 {
    let bits = (attr.mode >> 3 & 7, attr.mode & 7);
    let list = xattrs.get(acl::ACCESS).map(Acl::decode);
    // Without an ACL these are the group's bits, with one its mask.
    let (own, other) = match &list {
        None => bits,
        Some(list) => list.as_ref().map_or((0, 0), Acl::strictest),
    };
    // With another group, its members and those of the right group may swap roles.
    let both = own & other;
    let (own, other) = match (list.is_some() && is_list_set, group) {
        (true, true) => bits,
        (true, false) => (bits.0, both),
        (false, true) => (own, other),
        (false, false) => (both, both),
    };
    let lent = if owner { SET_USER } else { 0 } | if group { SET_GROUP } else { 0 };
    attr.mode & (0o1700 | lent) | (bits.0 & own) << 3 | bits.1 & other
}

/// Sets or removes the ACLs; false if the access ACL could not be set.
fn set_lists(
    handle: &impl SetAttributes,
    attr: &Attr,
    xattrs: &XattrSet,
    group: bool,
    lost: &mut Vec<LostAttribute>,
) -> bool {
    let mut is_set = true;
    let lists = [acl::DEFAULT, acl::ACCESS].into_iter();
    for name in lists.filter(|name| *name == acl::ACCESS || attr.kind == FileKind::Directory) {
        let c_name = c_name(name);
        let Some(value) = xattrs.get(name) else {
            let removed = handle.remove_xattr(&c_name);
            if !matches!(removed, Ok(()) | Err(Errno::NODATA | Errno::NOTSUP))
                && handle.xattr(&c_name).is_ok_and(|value| value.is_some())
            {
                let what = format!("absence of an {LIST}");
                lost.push(LostAttribute::new(what, reason(removed)));
            }
            continue;
        };
        let is_narrowed = name == acl::ACCESS && !group;
        let narrowed =
            Acl::decode(value).filter(|_| is_narrowed).map(|list| list.for_another_group().encode());
        if let Err(error) = handle.set_xattr(&c_name, narrowed.as_deref().unwrap_or(value)) {
            lost.push(LostAttribute::new(LIST, reason(Err(error))));
            if name == acl::ACCESS {
                is_set = false;
                let _ = handle.remove_xattr(&c_name);
            }
        }
    }
    is_set
}

/// Sets `mode`, which may be narrower than the snapshot's.
fn set_mode(handle: &impl SetAttributes, attr: &Attr, mode: u16, is_own: bool) -> Option<LostAttribute> {
    let set = handle.chmod(mode);
    let kept = handle.status().map_or(mode, |status| status.mode);
    if kept == attr.mode && set.is_ok() {
        return None;
    }
    let is_narrowed = kept == mode && set.is_ok();
    let why = if is_narrowed { NARROWED.to_owned() } else { reason(set) };
    let expected = is_narrowed && !is_own && !is_root();
    Some(LostAttribute { expected, ..LostAttribute::new("mode", why) })
}

fn reason(result: rustix::io::Result<()>) -> String {
    match result {
        Ok(()) => "the file system does not keep it".to_owned(),
        Err(error) => io::Error::from(error).to_string(),
    }
}

/// Only root may give files to other users.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn c_name(name: &[u8]) -> CString {
    CString::new(name).unwrap_or_default()
}

/// Whether an existing entry has exactly these attributes.
pub(super) fn same(handle: &Handle<'_>, attr: &Attr, xattrs: &XattrSet) -> io::Result<bool> {
    let status = handle.status()?;
    if (status.uid, status.gid) != (attr.uid, attr.gid)
        || (has_mode(attr.kind) && status.mode != attr.mode)
        || status.mtime != Some(attr.mtime)
    {
        return Ok(false);
    }
    for name in handle.xattr_names()? {
        let bytes = name.to_bytes();
        let counts = bytes == acl::ACCESS || REMOVABLE.iter().any(|kind| bytes.starts_with(kind));
        if counts && xattrs.get(bytes).is_none() {
            return Ok(false);
        }
    }
    for name in xattrs.names() {
        let Ok(c_name) = CString::new(name) else { return Ok(false) };
        if handle.xattr(&c_name)?.as_deref() != xattrs.get(name) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Time;
    use crate::format::acl::Tag;

    #[test]
    fn nobody_gets_more_than_he_had() {
        let attr = |mode| Attr {
            ino: 2,
            kind: FileKind::File,
            size: 0,
            blocks: 0,
            mode,
            nlink: 1,
            uid: 1,
            gid: 2,
            mtime: Time::default(),
            rdev: (0, 0),
            is_unread: false,
        };
        let none = XattrSet::default();
        let mode = |mode, owner, group| allowed_mode(&attr(mode), &none, owner, group, true);
        assert_eq!(mode(0o7755, true, true), 0o7755);
        assert_eq!(mode(0o7755, false, false), 0o1755);
        assert_eq!(mode(0o6640, false, true), 0o2640);
        assert_eq!(mode(0o640, true, false), 0o600);
        assert_eq!(mode(0o604, true, false), 0o600);
        let list = Acl::new(vec![
            (Tag::UserObj, 6),
            (Tag::User(33), 6),
            (Tag::GroupObj, 4),
            (Tag::Mask, 6),
            (Tag::Other, 4),
        ]);
        let listed = XattrSet::new(vec![(acl::ACCESS.into(), list.encode().into())]).unwrap();
        let mode = |group, is_set| allowed_mode(&attr(0o664), &listed, true, group, is_set);
        assert_eq!((mode(true, true), mode(true, false)), (0o664, 0o644));
        assert_eq!((mode(false, true), mode(false, false)), (0o664, 0o644));
        let damaged = XattrSet::new(vec![(acl::ACCESS.into(), b"x"[..].into())]).unwrap();
        assert_eq!(allowed_mode(&attr(0o664), &damaged, true, true, false), 0o600);
    }
}
