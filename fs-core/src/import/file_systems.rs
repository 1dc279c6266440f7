//! The file systems of a walk.

use super::disk::{Directory, Stat};
use super::parent::may_have_changed_since;
use crate::format::{KnownFileSystem, Time};
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
#[derive(Debug, Default)]
pub(super) struct FileSystems {
    all: Vec<FileSystem>,
    /// Time of every clock, in tests.
    fixed: Option<Time>,
    /// Identity of the root's file system, if `--origin` declares it.
    declared: Option<Box<[u8]>>,
}

impl FileSystems {
    pub(super) fn new(declared: Option<&[u8]>, fixed: Option<Time>) -> Self {
        let declared = declared.map(|name| blake3::hash(name).as_bytes().as_slice().into());
        Self { all: Vec::new(), fixed, declared }
    }

    /// Index of the file system of `directory`, whose attributes are `stat`.
    pub(super) fn of(&mut self, directory: &Directory, stat: &Stat, cache: Option<&StatCache>) -> usize {
        let device = stat.id.0;
        if let Some(known) = self.all.iter().position(|known| known.device == device) {
            return known;
        }
        let declared = self.declared.take();
        // The clock of a frozen copy stopped when the copy was frozen.
        let read = self.fixed.or_else(|| if declared.is_some() { None } else { directory.clock() });
        let identity = declared.unwrap_or_else(|| directory.file_system(device));
        let known = cache.and_then(|cache| cache.clock(&identity)).filter(|known| *known <= now());
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
        let file_system = &mut self.all[index];
        // A ctime from the future must not make all others look old.
        if file_system.is_estimated
            && file_system.holds(stat)
            && stat.ctime > file_system.clock
            && stat.ctime <= now()
        {
            file_system.clock = stat.ctime;
        }
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

fn now() -> Time {
    jiff::Timestamp::now().into()
}

impl FileSystem {
    /// Whether the clock has advanced beyond this file's ctime, so that every later change changes the ctime.
    pub(super) fn is_settled(&self, stat: &Stat) -> bool {
        // A wrong clock may have set a ctime far in the future. Any change replaces it by an earlier one.
        let is_future = || stat.ctime.secs() > now().secs().saturating_add(FUTURE_SECS);
        !may_have_changed_since(stat.ctime, self.clock) || is_future()
    }

    /// Whether the entry is on this file system. On an overlay, an entry and its directory may be on
    /// different ones.
    pub(super) fn holds(&self, stat: &Stat) -> bool {
        stat.id.0 == self.device
    }
}
