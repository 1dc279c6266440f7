//! What is kept of an entry that cannot be read.

use std::ffi::CStr;

use super::directory::unwalked;
use super::file::ReadError;
use super::{Frame, Walk, push_absence};
use crate::format::limits::{MAX_FILE, MAX_NAME};
use crate::format::{Absence, Content, Entry, Gaps, Kind, NotRead, Slot};
use crate::import::disk::{FileType, Stat};

impl Walk<'_> {
    /// Records an entry that cannot be read: its attributes if `stat` has them, or else its name.
    pub(super) fn keep_unread(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        stat: Option<Stat>,
        not_read: NotRead,
    ) -> Result<(), ReadError> {
        if name.to_bytes().len() > MAX_NAME {
            // No item can have this name, so the list of entries is incomplete.
            let before = frame.parent.as_ref().map(|parent| parent.id);
            let reason = "a name in it is longer than 255 bytes";
            frame.entry.gaps.content.get_or_insert_with(|| NotRead::new(reason, before));
            return Ok(());
        }
        let known = stat.filter(|stat| stat.kind != FileType::Unknown);
        let Some(mut stat) = known else {
            return Ok(push_absence(frame, self.writer, name, Absence::NotRead(not_read))?);
        };
        let mut xattrs = frame.directory.xattrs(name);
        self.reveal(&mut stat, &mut xattrs);
        let (xattrs, gaps) = self.xattrs(xattrs)?;
        let with_gap = |not_read| Entry {
            gaps: Gaps { content: Some(not_read), ..gaps },
            ..unwalked(stat.attributes, xattrs)
        };
        let kind = match stat.kind {
            FileType::Directory => return Ok(self.push_empty(frame, name, with_gap(not_read))?),
            FileType::RegularFile => {
                Kind::File { size: stat.size.min(MAX_FILE), holes: 0, content: Content::NotRead }
            }
            FileType::Symlink => Kind::Symlink(Box::default()),
            // A stand-in of `rsync --fake-super` for an entry without content.
            _ => return Ok(push_absence(frame, self.writer, name, Absence::NotRead(not_read))?),
        };
        Ok(self.push_leaf(frame, name, Entry { kind, ..with_gap(not_read) }, Slot::UNKNOWN)?)
    }
}
