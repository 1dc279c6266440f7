//! The file systems of a walk.

use super::parent::may_have_changed_since;
use crate::clock::Clock;
use crate::format::{KnownFileSystem, Time};
use crate::import::disk::{Directory, Stat};
use crate::store::StatCache;

/// Upper bound on the difference between correct clocks, in seconds.
const FUTURE_SECS: i64 = 86_400;

#[derive(Debug)]
pub(super) struct FileSystem {
    device: u64,
    /// Identity that survives a reboot.
    pub(super) identity: Box<[u8]>,
    /// Whether files keep their inode numbers.
    pub(super) keeps_inodes: bool,
    /// Whether a change of a file changes its ctime.
    pub(super) keeps_ctimes: bool,
    /// A time that the file system's clock has passed.
    clock: Time,
    /// The clock could not be read. The latest ctime seen replaces it.
    is_estimated: bool,
}

/// All file systems of a walk, by index.
#[derive(Debug)]
pub(super) struct FileSystems<'a> {
    all: Vec<FileSystem>,
    /// The clock of the system.
    clock: &'a dyn Clock,
    /// Identity of the root's file system, if `--origin` declares it.
    declared: Option<Box<[u8]>>,
}

impl<'a> FileSystems<'a> {
    pub(super) fn new(declared: Option<&[u8]>, clock: &'a dyn Clock) -> Self {
        let declared = declared.map(|name| blake3::hash(name).as_bytes().as_slice().into());
        Self { all: Vec::new(), clock, declared }
    }

    /// Index of the file system of `directory`, whose attributes are `stat`.
    pub(super) fn of(&mut self, directory: &Directory, stat: &Stat, cache: Option<&StatCache>) -> usize {
        let device = stat.id.0;
        if let Some(known) = self.all.iter().position(|known| known.device == device) {
            return known;
        }
        let declared = self.declared.take();
        // The clock of a frozen copy stopped when the copy was frozen.
        let read = if declared.is_some() { None } else { directory.clock(self.clock) };
        let identity = declared.unwrap_or_else(|| directory.file_system(device));
        let known = cache.and_then(|cache| cache.clock(&identity)).filter(|known| *known <= self.now());
        let earliest = Time::new(i64::MIN, 0).unwrap_or_default();
        self.all.push(FileSystem {
            device,
            identity,
            keeps_inodes: directory.keeps_inodes(device),
            keeps_ctimes: directory.keeps_ctimes(),
            clock: read.or(known).unwrap_or(earliest),
            is_estimated: read.is_none(),
        });
        self.all.len() - 1
    }

    pub(super) fn get(&self, index: usize) -> &FileSystem {
        &self.all[index]
    }

    /// Records an entry's ctime. The clock of its file system is at least as late.
    pub(super) fn note(&mut self, index: usize, stat: &Stat) {
        let (clock, file_system) = (self.clock, &mut self.all[index]);
        // A ctime from the future must not make all others look old.
        if file_system.is_estimated
            && file_system.holds(stat)
            && stat.ctime > file_system.clock
            && stat.ctime <= clock.now().into()
        {
            file_system.clock = stat.ctime;
        }
    }

    fn now(&self) -> Time {
        self.clock.now().into()
    }

    /// Whether a file's ctime is proof: the clock of its file system has advanced beyond it, so that every
    /// later change changes the ctime.
    pub(super) fn has_passed(&self, index: usize, stat: &Stat) -> bool {
        // A wrong clock may have set a ctime far in the future. Any change replaces it by an earlier one.
        let is_future = || stat.ctime.secs() > self.now().secs().saturating_add(FUTURE_SECS);
        !may_have_changed_since(stat.ctime, self.all[index].clock) || is_future()
    }

    /// The file systems as the stat cache records them.
    pub(super) fn known(self) -> Vec<KnownFileSystem> {
        let known = |file_system: FileSystem| KnownFileSystem {
            identity: file_system.identity,
            clock: file_system.clock,
        };
        self.all.into_iter().map(known).collect()
    }
}

impl FileSystem {
    /// Whether the entry is on this file system. On an overlay, an entry and its directory may be on
    /// different ones.
    pub(super) fn holds(&self, stat: &Stat) -> bool {
        stat.id.0 == self.device
    }
}
