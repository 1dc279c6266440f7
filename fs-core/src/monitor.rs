//! How long work tells of itself and is asked to stop. The core prints nothing.

use std::sync::atomic::{AtomicBool, Ordering};

/// Hears of the progress and the troubles of long work. Calls are frequent and must return at once.
pub trait Monitor: Send + Sync {
    /// Some of an import was done; the counts are since the start.
    fn progress(&self, _progress: &Progress) {}

    /// Some of the care of a repository was done.
    fn work(&self, _work: &Work) {}

    /// One of several runs is going to be imported.
    fn run(&self, _run: &RunBegins<'_>) {}

    /// A tree is going to be walked; the counts of [`progress`](Self::progress) begin anew. `expected` is how many
    /// entries it had when it was imported last, if it was.
    fn walk(&self, _expected: Option<u64>) {}

    /// An entry was not taken as it should have been.
    fn trouble(&self, _trouble: &Trouble) {}

    /// A dry run would replace the entry at this path (any bytes).
    fn replaces(&self, _path: &[u8]) {}
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}

/// Counts since the start of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries seen.
    pub entries: u64,
    /// Those of them that are files.
    pub files: u64,
    /// Entries whose content was taken from the parent snapshot.
    pub unchanged: u64,
    /// Files read.
    pub files_read: u64,
    /// Bytes read.
    pub bytes_read: u64,
}

/// A run that is going to be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunBegins<'a> {
    /// Its folder or name, for people; any bytes.
    pub name: &'a [u8],
    /// Which it is, from 1.
    pub number: u64,
    /// Of how many.
    pub total: u64,
}

/// How far the care of a repository has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// What goes on.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// All of it; 0 when nobody knows.
    pub total: u64,
}

/// The parts of the care of a repository, and what is counted in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading catalogues: packs.
    Catalogues,
    /// Comparing the index: blobs.
    Index,
    /// Following references: directories and the like.
    References,
    /// Reading blocks: bytes.
    Blocks,
    /// Looking for what damage harms: snapshots.
    Harm,
    /// Making the index: packs.
    Indexing,
    /// Reading all of each pack: packs.
    Verifying,
    /// Looking for what is left of damaged packs: packs.
    Salvaging,
}

/// An entry that was not taken as it should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The entry's path, as the user would name it; any bytes.
    pub path: Vec<u8>,
    /// What happened to it.
    pub kind: TroubleKind,
    /// The reason, for people.
    pub reason: String,
}

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// It could not be read, and is not in the snapshot.
    Unreadable,
    /// It is in the snapshot, but without what could not be read: a directory's content, extended attributes.
    Incomplete,
    /// It was gone before it could be read.
    Vanished,
    /// It is in the snapshot, but kept changing while it was read.
    Unsettled,
    /// It was left as it is on disk.
    Exists,
    /// It was restored, except for attributes that only root can set.
    Unkept,
    /// It was left out on purpose: another mount of history, or the repository itself.
    Skipped,
}

/// A request to stop, shared by those who ask and those who work.
#[derive(Debug, Default)]
pub struct Cancellation(AtomicBool);

impl Cancellation {
    /// Asks the work to stop soon, leaving nothing half-visible.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
