//! Progress, troubles and cancellation of long work. The core prints nothing.

use std::sync::atomic::{AtomicBool, Ordering};

/// Receives the progress and the troubles of long work. Calls are frequent, so each must return at once.
pub trait Monitor: Send + Sync {
    /// Reports the progress of an import; the counts are since its start.
    fn progress(&self, _progress: &Progress) {}

    /// Reports the progress of a check, a repair or a new index.
    fn work(&self, _work: &Work) {}

    /// Announces the import of the next of several runs.
    fn run(&self, _run: &RunBegins<'_>) {}

    /// Announces the walk of a tree; the counts of [`progress`](Self::progress) restart at zero. `expected`
    /// is the number of entries at the tree's last import, if there was one.
    fn walk(&self, _expected: Option<u64>) {}

    /// Reports an entry that was not imported, restored or exported completely.
    fn trouble(&self, _trouble: &Trouble) {}

    /// Reports that a dry run would replace the entry at this path (any bytes).
    fn replaces(&self, _path: &[u8]) {}
}

/// A monitor that ignores all reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}

/// Counts since the start of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries seen.
    pub entries: u64,
    /// Files among these entries.
    pub files: u64,
    /// Entries whose content was taken from the parent snapshot.
    pub unchanged: u64,
    /// Files read.
    pub files_read: u64,
    /// Bytes read.
    pub bytes_read: u64,
}

/// A run whose import begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunBegins<'a> {
    /// The run's folder or name, for people; any bytes.
    pub name: &'a [u8],
    /// The run's number, from 1.
    pub number: u64,
    /// Number of runs.
    pub total: u64,
}

/// Progress of a check, a repair or a new index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// The current phase.
    pub phase: Phase,
    /// Units done.
    pub done: u64,
    /// All units; 0 if unknown.
    pub total: u64,
}

/// Phases of a check, a repair or a new index, each with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading catalogues, in packs.
    Catalogues,
    /// Comparing the index, in blobs.
    Index,
    /// Following references, in directories and similar objects.
    References,
    /// Reading blocks, in bytes.
    Blocks,
    /// Finding the damaged paths, in snapshots.
    DamagedPaths,
    /// Making the index, in packs.
    Indexing,
    /// Reading each pack in full, in packs.
    Verifying,
    /// Salvaging blocks of damaged packs, in packs.
    Salvaging,
}

/// An entry that was not imported, restored or exported completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The entry's path, as the user would name it; any bytes.
    pub path: Vec<u8>,
    /// The kind of trouble.
    pub kind: TroubleKind,
    /// The reason, for people.
    pub reason: String,
}

/// Kinds of trouble with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// The entry could not be read, and is not in the snapshot.
    Unreadable,
    /// The entry is in the snapshot, but without its unreadable parts: a directory's content, extended
    /// attributes.
    Incomplete,
    /// The entry vanished before it could be read.
    Vanished,
    /// The entry is in the snapshot, but kept changing while it was read.
    ChangedWhileRead,
    /// The existing entry on disk was left as it is.
    Exists,
    /// The entry was restored, except for attributes that only root can set.
    Unkept,
    /// The entry was left out on purpose: another mount of history, or the repository itself.
    Skipped,
}

/// A request to stop, shared by the requesting thread and the working threads.
#[derive(Debug, Default)]
pub struct Cancellation(AtomicBool);

impl Cancellation {
    /// Asks the work to stop soon, leaving nothing half-visible.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
