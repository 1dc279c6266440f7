//! Proves that a file is unchanged since the parent snapshot, so that it need not be read.
//!
//! Size and modification time are no proof: a program that changes the content can keep or set both. In a
//! plain tree the inode number and the ctime must be equal, too. No program can set a ctime. So a changed
//! file has a later one, provided that the clock has advanced since it was read. [`FileSystems::has_passed`]
//! checks this.
//!
//! In a farm of hard links each new link changes the ctime, so the inode number must suffice. A program that
//! changes content there gives the file a new inode, or changes it in all levels.
//!
//! Only [`Options::checksum`](super::Options::checksum) finds two kinds of change. The first is a store
//! through a shared mapping. It changes the ctime only if it is the first since the page was written back.
//! The second is a farm's file changed in place, with its time restored.
//!
//! [`FileSystems::has_passed`]: super::file_systems::FileSystems::has_passed

use super::parent::{ParentEntry, may_have_changed_since};
use super::{Frame, Walk};
use crate::format::{Entry, FileStat, Kind, Slot};
use crate::import::disk::{Directory, Stat};
use crate::store::StatCursor;

impl Walk<'_> {
    /// The content of a file that need not be read: another name of it was read, or it is proven unchanged.
    pub(super) fn known_content(
        &mut self,
        frame: &mut Frame,
        stat: &Stat,
        parent: Option<&ParentEntry>,
    ) -> Option<Kind> {
        if stat.links > 1
            && let Some(kind) = self.links.known(stat.id, stat.size, stat.attributes.mtime, stat.ctime)
        {
            return Some(kind);
        }
        if self.options.checksum {
            return None;
        }
        if let Some(kind) = self.options.seen.and_then(|seen| seen.content(stat)) {
            return Some(kind);
        }
        let ParentEntry { entry, slot } = parent?;
        let Kind::File { size, content, .. } = &entry.kind else { return None };
        let looks_same = *size == stat.size
            && entry.attributes.mtime == stat.attributes.mtime
            && !entry.changed_while_read
            && entry.not_read().is_none();
        if !looks_same || !self.is_proven(frame, stat, *slot) {
            return None;
        }
        let is_stored = !self.writer.verifies() || self.reader.has_content(content, *size);
        is_stored.then(|| entry.kind.clone())
    }

    /// Whether this is the file that the parent's import read, unchanged since.
    fn is_proven(&mut self, frame: &mut Frame, stat: &Stat, slot: u64) -> bool {
        let Some(slot) = frame.seen_before.as_mut().and_then(|seen| seen.get(slot)) else { return false };
        let Some(same) = slot.compare(self.slot_of_file(stat)) else { return false };
        let inodes_count = self.inodes_count(frame.file_system);
        let file_system = self.file_systems.get(frame.file_system);
        let is_same_inode = same.inode || !inodes_count;
        // If inode numbers prove nothing, the ctime must, also in a farm.
        let is_unchanged = if self.is_farm() && inodes_count {
            let is_later = |started| may_have_changed_since(stat.attributes.mtime, started);
            self.options.parent.is_some_and(|parent| !is_later(parent.manifest.started))
        } else {
            same.ctime
        };
        file_system.holds(stat) && is_same_inode && is_unchanged
    }

    /// The slot by which the next import can prove an entry unchanged.
    pub(super) fn slot_of(&mut self, file_system: usize, stat: &Stat, entry: &Entry) -> Slot {
        self.file_systems.note(file_system, stat);
        let inodes_count = self.inodes_count(file_system);
        let is_proof = self.is_farm() && inodes_count || self.file_systems.has_passed(file_system, stat);
        let file_system = self.file_systems.get(file_system);
        if entry.changed_while_read || !is_proof || !file_system.keeps_ctimes || !file_system.holds(stat) {
            return Slot::UNKNOWN;
        }
        self.slot_of_file(stat)
    }

    /// The slot of a file. A file that is proven unchanged needs it for the proof, and again to be written.
    fn slot_of_file(&mut self, stat: &Stat) -> Slot {
        let stat = FileStat { inode: inode(stat), ctime: stat.ctime };
        match self.last_slot {
            Some((last, slot)) if last == stat => slot,
            _ => {
                let slot = Slot::of_file(self.writer.keys(), stat);
                self.last_slot = Some((stat, slot));
                slot
            }
        }
    }

    /// Index of a directory's file system.
    pub(super) fn file_system(&mut self, directory: &Directory, stat: &Stat) -> usize {
        let index = self.file_systems.of(directory, stat, self.options.stat_cache.as_ref());
        self.file_systems.note(index, stat);
        index
    }

    /// Returns the slots if they belong to this file system. Others prove nothing: inode numbers are unique
    /// only within one file system.
    pub(super) fn if_on(&self, file_system: usize, mut seen: StatCursor) -> Option<StatCursor> {
        let is_same = seen.file_system()? == &*self.file_systems.get(file_system).identity;
        if !is_same {
            log::info!("a directory was on another file system before: its files are read");
        }
        is_same.then_some(seen)
    }

    /// Whether the inode numbers of a file system are proof.
    fn inodes_count(&self, file_system: usize) -> bool {
        !self.import.ignore_inode && self.file_systems.get(file_system).keeps_inodes
    }

    fn is_farm(&self) -> bool {
        self.options.seen.is_some()
    }
}

/// The inode number, never 0, which stands for an unknown file.
fn inode(stat: &Stat) -> u64 {
    stat.id.1.max(1)
}
