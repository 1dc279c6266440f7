//! Compares existing entries with those to be restored.

use std::ffi::CStr;
use std::io;

use rustix::fs::{FileType, Mode, OFlags};

use super::attributes::same;
use super::handle::{Handle, has_type, hold};
use super::{Folder, id_of};
use crate::format::XattrSet;
use crate::restore::disk::Existing;
use crate::view::{Attr, FileKind};

impl Folder {
    /// Compares the entry of this name with `attr` of an entry that is no folder. `target` is the target of a
    /// symbolic link.
    pub(crate) fn existing(
        &self,
        name: &CStr,
        attr: &Attr,
        xattrs: &XattrSet,
        target: &[u8],
    ) -> io::Result<Existing> {
        let held = match hold(self, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::Nothing),
            held => held?,
        };
        let handle = Handle::held(&held)?;
        let stat = handle.stat()?;
        let id = Some(id_of(&stat));
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Ok(Existing::Folder);
        }
        let is_same = has_type(&stat, attr)
            && same(&handle, attr, xattrs).unwrap_or(false)
            && match attr.kind {
                FileKind::File => stat.st_size.cast_unsigned() == attr.size,
                FileKind::Symlink => {
                    let there = rustix::fs::readlinkat(&held, c"", Vec::new());
                    there.is_ok_and(|there| there.as_bytes() == target)
                }
                _ => true,
            };
        if !is_same || attr.kind != FileKind::File {
            return Ok(if is_same { Existing::Identical(id, None) } else { Existing::Different(id) });
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self, name, flags, Mode::empty());
        Ok(match opened.and_then(|file| Ok((rustix::fs::fstat(&file)?, file))) {
            Ok((stat, file)) if Some(id_of(&stat)) == id => Existing::Identical(id, Some(file.into())),
            _ => Existing::Different(id),
        })
    }
}
