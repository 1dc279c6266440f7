//! Compares existing entries with those to be restored.

use std::ffi::CStr;
use std::io;

use rustix::fs::{FileType, Mode, OFlags};

use super::attributes::same;
use super::subject::{Subject, hold};
use super::{Folder, file_type, id_of, is_device};
use crate::format::XattrSet;
use crate::restore::disk::Existing;
use crate::view::{Attr, FileKind};

impl Folder {
    /// Compares the entry of this name with `attr` of an entry that is no folder. `target` is the target of a
    /// symbolic link.
    pub(in crate::restore) fn existing(
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
        let subject = Subject::held(&held)?;
        let stat = subject.stat()?;
        let id = Some(id_of(&stat));
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            return Ok(Existing::Folder);
        }
        let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        if kind != file_type(attr.kind)
            || (is_device(attr.kind) && device != attr.rdev)
            || !same(&subject, attr, xattrs).unwrap_or(false)
        {
            return Ok(Existing::Different(id));
        }
        match attr.kind {
            FileKind::File if stat.st_size.cast_unsigned() != attr.size => Ok(Existing::Different(id)),
            FileKind::File => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let opened = rustix::fs::openat(self, name, flags, Mode::empty());
                let opened = opened.and_then(|file| Ok((rustix::fs::fstat(&file)?, file)));
                Ok(match opened {
                    Ok((stat, file)) if Some(id_of(&stat)) == id => Existing::Alike(id, Some(file.into())),
                    _ => Existing::Different(id),
                })
            }
            FileKind::Symlink => {
                let there = rustix::fs::readlinkat(&held, c"", Vec::new());
                let is_same = there.is_ok_and(|there| there.as_bytes() == target);
                Ok(if is_same { Existing::Alike(id, None) } else { Existing::Different(id) })
            }
            _ => Ok(Existing::Alike(id, None)),
        }
    }
}
