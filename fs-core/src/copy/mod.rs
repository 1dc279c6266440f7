//! Copies snapshots from one repository to another.
//!
//! Every repository has a secret of its own. So ids, the boundaries of nodes and chunks, and the keys of
//! paths differ, and a tree is written anew. It is walked in step with the snapshot before it and the copy
//! of that snapshot. What both snapshots share is taken over from the copy without being read.
//!
//! A copy names its original ([`CopiedFrom`](crate::format::CopiedFrom)), so nothing is copied twice. A
//! copy that is interrupted continues with the first snapshot that is not committed.

mod content;
mod copying;
mod fault;
mod links;
mod lockstep;
mod numbers;
mod present;
mod selection;
mod snapshot;
mod tags;
mod tree;

use std::path::PathBuf;

use copying::Copying;
use jiff::tz::TimeZone;
pub(crate) use present::originals;
pub use selection::Selection;
use thiserror::Error;

use crate::format::SnapshotId;
use crate::history::{Snapshot, Sources};
use crate::monitor::{Cancellation, Monitor};
use crate::store::{Repository, Statistics, StoreError};

/// Why a copy stopped. Snapshots that were committed stay.
#[derive(Debug, Error)]
pub enum CopyFailed {
    /// The repository that is copied from cannot be read at all.
    #[error("{}: {error}", root.display())]
    From {
        /// Folder of the repository.
        root: PathBuf,
        /// The reason.
        error: StoreError,
    },
    /// The repository that is copied to failed.
    #[error("{}: {error}", root.display())]
    To {
        /// Folder of the repository.
        root: PathBuf,
        /// The reason.
        error: StoreError,
    },
    /// Both repositories have the same id.
    #[error(
        "{} and {} are the same repository, or one is a copy of the other's folder; name two repositories",
        from.display(), to.display()
    )]
    SameRepository {
        /// Folder of the repository that is copied from.
        from: PathBuf,
        /// Folder of the repository that is copied to.
        to: PathBuf,
    },
    /// A snapshot of the repository that is copied to cannot be read at the moment.
    #[error(
        "a snapshot of {} cannot be read at the moment, so a snapshot might be copied twice; try again",
        .0.display()
    )]
    Unreadable(PathBuf),
    /// The user asked to stop.
    #[error("interrupted: snapshots copied before stay, and the next copy continues")]
    Cancelled,
}

/// Options of a copy.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// The snapshots to copy.
    pub selection: Selection,
    /// Only report what would be copied.
    pub dry_run: bool,
    /// The zone of the names of snapshots.
    pub zone: TimeZone,
}

/// The result for one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was copied.
    Copied {
        /// Id of the copy.
        copy: SnapshotId,
        /// What was added for it.
        statistics: Statistics,
    },
    /// The other repository has it: a copy of it, or its original.
    Present {
        /// Id of that snapshot.
        copy: SnapshotId,
    },
    /// A dry run would copy it.
    New,
    /// It cannot be read in full, and was left out. The monitor received the reason.
    LeftOut {
        /// The reason.
        reason: String,
    },
}

/// A snapshot of the repository that is copied from, and its fate.
#[derive(Debug, Clone, Copy)]
pub struct Copied<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Its canonical name.
    pub name: &'a str,
    /// Its fate.
    pub fate: &'a Fate,
}

/// Sums of a copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyTotals {
    /// Snapshots copied; in a dry run, those that would be.
    pub copied: u64,
    /// Snapshots that the other repository had.
    pub present: u64,
    /// Snapshots left out because they cannot be read in full, or are lost.
    pub left_out: u64,
    /// Tags that were added.
    pub tags: u64,
    /// Tags that cannot be read.
    pub lost_tags: u64,
    /// Blobs, bytes and bytes of packs that were added.
    pub statistics: Statistics,
}

impl CopyTotals {
    /// Whether everything selected could be read.
    pub fn is_complete(&self) -> bool {
        self.left_out + self.lost_tags == 0
    }
}

/// Copies the selected snapshots of `from`, each source from its first snapshot on, and their tags. `sources`
/// are those of `from`. Passes each snapshot to `report`. `to` must be open for writing, unless the options
/// ask for a dry run.
///
/// Something that cannot be read in `from` is reported to the monitor. Its snapshot is left out, and the
/// others are copied.
///
/// # Errors
///
/// If both are the same repository, if `to` cannot be read or written, or if the cancellation asks to stop.
pub fn copy_snapshots(
    from: &Repository,
    sources: &Sources,
    to: &Repository,
    options: &CopyOptions,
    report: &mut dyn FnMut(Copied<'_>),
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<CopyTotals, CopyFailed> {
    if from.id() == to.id() {
        let [from, to] = [from, to].map(|repository| repository.root().to_owned());
        return Err(CopyFailed::SameRepository { from, to });
    }
    let mut copying = Copying::new(from, sources, to, options, report, monitor, cancellation)?;
    copying.run().map_err(|fault| fault.into_failure(from, to))?;
    Ok(copying.totals)
}

#[cfg(test)]
mod tests;
