//! Entries that are not directories.

use std::ffi::CStr;
use std::io;

use super::fake_super;
use super::file::ReadError;
use super::parent::ParentEntry;
use super::scan::Facts;
use super::{Frame, Walk};
use crate::format::limits::{MAX_INLINE_XATTRS, MAX_TARGET};
use crate::format::{Entry, Gaps, Kind, PackKind, XattrSet, Xattrs};
use crate::import::disk::{FileType, ReadXattrs, Stat, is_gone};
use crate::monitor::TroubleKind;

impl Walk<'_> {
    /// Takes an entry that is not a directory. Returns it with its attributes at that time.
    pub(super) fn leaf(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        facts: Facts,
        parent: Option<&ParentEntry>,
    ) -> Result<(Entry, Stat), ReadError> {
        let Facts { mut stat, xattrs, mut target } = facts;
        let mut xattrs = xattrs.unwrap_or_else(|| frame.directory.xattrs(name));
        let mut changed_while_read = false;
        let real = stat.kind;
        self.reveal(&mut stat, &mut xattrs);
        if (real, stat.kind) == (FileType::RegularFile, FileType::Symlink) {
            target = frame.directory.text(name, MAX_TARGET);
        }
        let (major, minor) = stat.device;
        let kind = match stat.kind {
            FileType::RegularFile => {
                if let Some(kind) = self.known_content(frame, &stat, parent) {
                    self.progress.unchanged += 1;
                    kind
                } else {
                    let read = self.read(&frame.directory, name, parent.map(|parent| &parent.entry))?;
                    (stat, xattrs, changed_while_read) = (read.stat, read.xattrs, read.changed_while_read);
                    self.reveal(&mut stat, &mut xattrs);
                    if let (Some(seen), false) = (self.options.seen, changed_while_read) {
                        seen.add(&stat, &read.kind, self.started);
                    }
                    read.kind
                }
            }
            FileType::Symlink => {
                let target = target?;
                if target.is_empty() || target.len() > MAX_TARGET {
                    return Err(ReadError::unreadable("its target is too long"));
                }
                Kind::Symlink(target)
            }
            FileType::CharacterDevice => Kind::CharDevice { major, minor },
            FileType::BlockDevice => Kind::BlockDevice { major, minor },
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::Directory | FileType::Unknown => {
                return Err(ReadError::unreadable("its type is unknown"));
            }
        };
        let (xattrs, gaps) = self.xattrs(xattrs)?;
        Ok((Entry { attributes: stat.attributes, kind, xattrs, changed_while_read, gaps }, stat))
    }

    /// Extended attributes as they were read, and whether some are missing. They are always read. If a
    /// directory was moved here, or another mounted over it, an entry with an old ctime may be unknown to the
    /// parent snapshot.
    pub(super) fn xattrs(&mut self, read: io::Result<ReadXattrs>) -> Result<(Xattrs, Gaps), ReadError> {
        let (set, lacking) = match read {
            Err(error) if is_gone(&error) => return Err(error.into()),
            Err(error) => (XattrSet::default(), Some(error)),
            Ok(read) => read,
        };
        let gaps = Gaps { xattrs: lacking.is_some(), ..Gaps::default() };
        if let Some(error) = lacking {
            let reason = format!("extended attributes of it cannot be read: {error}");
            self.troubles.note(TroubleKind::Incomplete, reason);
        }
        if set.is_empty() {
            return Ok((Xattrs::None, gaps));
        }
        let bytes = set.encode();
        if bytes.len() <= MAX_INLINE_XATTRS {
            return Ok((Xattrs::Inline(set), gaps));
        }
        Ok((Xattrs::Blob(self.writer.put(PackKind::Metadata, &bytes, None)?), gaps))
    }

    /// With `fake_super`, turns a stand-in of `rsync --fake-super` into the entry it stands for.
    pub(super) fn reveal(&self, stat: &mut Stat, xattrs: &mut io::Result<ReadXattrs>) {
        if self.import.fake_super {
            fake_super::reveal(stat, xattrs);
        }
    }
}
