//! Compares existing entries with those to be restored.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::PathBuf;

use super::attributes::{WRITABLE, dos_of};
use super::{Folder, OsString, OsStringExt, to_target};
use crate::format::XattrSet;
use crate::restore::disk::Existing;
use crate::view::{Attr, FileKind};
use crate::windows::attributes::{HIDDEN, SYSTEM};

impl Folder {
    /// Compares the entry of this name with `attr` of an entry that is no folder. `target` is the target of a
    /// symbolic link. Files have no numbers here.
    pub(crate) fn existing(
        &self,
        name: &CStr,
        attr: &Attr,
        xattrs: &XattrSet,
        target: &[u8],
    ) -> io::Result<Existing> {
        let path = self.entry(name);
        let there = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::Nothing),
            there => there?,
        };
        if there.is_dir() {
            return Ok(Existing::Folder);
        }
        let same_time = attr.mtime.system_time() == there.modified().ok();
        let bits = dos_of(xattrs).map_or(0, |dos| dos.bits) & (HIDDEN | SYSTEM);
        let is_alike = match attr.kind {
            FileKind::File => {
                there.is_file()
                    && there.len() == attr.size
                    && same_time
                    && there.permissions().readonly() == (attr.mode & WRITABLE == 0)
                    && there.file_attributes() & (HIDDEN | SYSTEM) == bits
            }
            FileKind::Symlink => {
                let wanted = PathBuf::from(OsString::from_wide(&to_target(target)));
                there.is_symlink() && same_time && fs::read_link(&path).is_ok_and(|there| there == wanted)
            }
            _ => false,
        };
        Ok(match attr.kind {
            _ if !is_alike => Existing::Different(None),
            FileKind::File => match File::open(&path) {
                Ok(file) => Existing::Identical(None, Some(file)),
                Err(_) => Existing::Different(None),
            },
            _ => Existing::Identical(None, None),
        })
    }
}
