//! Copies snapshots from one repository to another.
//!
//! Every repository has a secret of its own. So ids, the boundaries of nodes and chunks, and the keys of paths
//! differ, and a tree is written anew. It is walked in step with the snapshot before it and the copy of that
//! snapshot. What both snapshots share is taken over from the copy without being read.
//!
//! A copy names its original ([`CopiedFrom`](crate::format::CopiedFrom)), so nothing is copied twice. A copy
//! that is interrupted continues with the first snapshot that is not committed.

mod content;
mod fault;
mod links;
mod lockstep;
mod numbers;
mod present;
mod selection;
mod snapshot;
mod tags;
mod tree;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use thiserror::Error;

pub use selection::Selection;

use crate::format::{CopiedFrom, SnapshotId};
use crate::history::{Snapshot, Source, Sources};
use crate::monitor::{Cancellation, Monitor, RunBegins, Trouble, TroubleKind};
use crate::store::{CacheSizes, Reader, Repository, Statistics, StoreError};
use fault::Fault;
use present::Present;
use snapshot::{Before, Label, write_snapshot};
use tags::Tags;

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
    let present = Present::load(to, &options.zone)?;
    let mut copying = Copying {
        reader: from.reader(CacheSizes::default()).remembering_damage(),
        from,
        sources,
        to,
        options,
        report,
        monitor,
        cancellation,
        originals: present::originals(from, sources),
        present,
        tags: Tags::default(),
        totals: CopyTotals::default(),
        begun: 0,
        total: 0,
    };
    copying.run().map_err(|fault| fault.into_failure(from, to))?;
    Ok(copying.totals)
}

struct Copying<'a> {
    from: &'a Repository,
    sources: &'a Sources,
    reader: Reader,
    to: &'a Repository,
    options: &'a CopyOptions,
    report: &'a mut dyn FnMut(Copied<'_>),
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    /// The originals of the snapshots, by id.
    originals: HashMap<SnapshotId, CopiedFrom>,
    present: Present,
    tags: Tags,
    totals: CopyTotals,
    /// Number of snapshots whose copy was begun, and of all that are to be copied.
    begun: u64,
    total: u64,
}

impl Copying<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        let (tags, lost) = Tags::load(self.from).map_err(Fault::of_source)?;
        self.tags = tags;
        for error in lost {
            self.totals.lost_tags += 1;
            self.trouble(b"tags".to_vec(), format!("a tag is not copied: {error}"));
        }
        self.report_lost()?;
        let sources = self.sources;
        let all = sources.iter().flat_map(|source| source.snapshots());
        let new = all.filter(|(_, snapshot)| self.is_selected(snapshot) && self.copy_of(snapshot).is_none());
        self.total = new.count() as u64;
        sources.iter().try_for_each(|source| self.source(source))
    }

    /// Copies the selected snapshots of a source, oldest first.
    fn source(&mut self, source: &Source) -> Result<(), Fault> {
        let numbers = numbers::of(source);
        let mut before: Option<(Arc<Snapshot>, SnapshotId)> = None;
        for (name, snapshot) in source.snapshots() {
            if self.cancellation.is_cancelled() {
                return Err(Fault::Cancelled);
            }
            let is_selected = self.is_selected(snapshot);
            let fate = match self.copy_of(snapshot) {
                Some(copy) => Fate::Present { copy },
                None if !is_selected => continue,
                None if self.options.dry_run => Fate::New,
                None => {
                    let number = numbers.get(&snapshot.id).copied();
                    self.snapshot(name, snapshot, number, before.as_ref())?
                }
            };
            if let Fate::Present { copy } | Fate::Copied { copy, .. } = fate {
                before = Some((Arc::clone(snapshot), copy));
            }
            if is_selected {
                self.finish(name, snapshot, &fate)?;
            }
        }
        Ok(())
    }

    /// Counts a snapshot, adds its tags, and reports it.
    fn finish(&mut self, name: &str, snapshot: &Snapshot, fate: &Fate) -> Result<(), Fault> {
        match fate {
            Fate::Copied { .. } | Fate::New => self.totals.copied += 1,
            Fate::Present { .. } => self.totals.present += 1,
            Fate::LeftOut { .. } => self.totals.left_out += 1,
        }
        if let (Fate::Copied { copy, .. } | Fate::Present { copy }, false) = (fate, self.options.dry_run) {
            self.totals.tags += self.tags.give(snapshot, *copy, self.to).map_err(Fault::Target)?;
        }
        (self.report)(Copied { snapshot, name, fate });
        Ok(())
    }

    /// Copies one snapshot, or reports why it cannot be read.
    fn snapshot(
        &mut self,
        name: &str,
        snapshot: &Snapshot,
        number: Option<u32>,
        before: Option<&(Arc<Snapshot>, SnapshotId)>,
    ) -> Result<Fate, Fault> {
        let manifest = &snapshot.manifest;
        let shown = [&*manifest.source, name.as_bytes()].concat();
        self.begun += 1;
        self.monitor.run(&RunBegins { name: &shown, number: self.begun, total: self.total });
        let expected = before.is_none().then(|| manifest.totals.entries());
        self.monitor.walk(expected);
        let parent = manifest.parent.and_then(|parent| {
            // A parent that is gone may have been copied before.
            let gone = CopiedFrom { repository: self.from.id(), snapshot: parent };
            self.present.copy(self.originals.get(&parent).unwrap_or(&gone))
        });
        let label = Label {
            number: self.present.number_for(&manifest.source, manifest.time, number),
            parent,
            original: present::original(self.from, snapshot),
        };
        let before = before.map(|(before, copy)| Before::load(before, copy, self.to)).transpose();
        let before = before.map_err(Fault::Target)?.flatten();
        let written = write_snapshot(
            &self.reader,
            snapshot,
            before.as_ref(),
            self.to,
            label,
            self.monitor,
            self.cancellation,
        );
        match written {
            Ok((copy, statistics)) => {
                self.present.add(label.original, copy, &manifest.source, manifest.time, label.number);
                let totals = &mut self.totals.statistics;
                totals.new_blobs += statistics.new_blobs;
                totals.new_bytes += statistics.new_bytes;
                totals.stored_bytes += statistics.stored_bytes;
                Ok(Fate::Copied { copy, statistics })
            }
            Err(Fault::Source { path, error }) => {
                let path = if path.is_empty() { shown } else { [&*shown, b":", &path].concat() };
                self.trouble(path, format!("{error}; the snapshot is not copied"));
                Ok(Fate::LeftOut { reason: error.to_string() })
            }
            Err(fault) => Err(fault),
        }
    }

    /// Reports the snapshots that are known to have existed, but whose manifests cannot be read.
    fn report_lost(&mut self) -> Result<(), Fault> {
        for (id, record) in selection::lost(self.from, self.sources).map_err(Fault::of_source)? {
            let source = record.as_ref().map(|record| &*record.source);
            if !self.options.selection.has_lost(source) {
                continue;
            }
            let path = record.map_or_else(
                || id.to_string(),
                |record| {
                    let source = String::from_utf8_lossy(&record.source);
                    format!("{source} of {}", record.time.timestamp())
                },
            );
            self.totals.left_out += 1;
            let reason = format!("{}; the snapshot is not copied", StoreError::LostSnapshot(id));
            self.trouble(path.into_bytes(), reason);
        }
        Ok(())
    }

    fn is_selected(&self, snapshot: &Snapshot) -> bool {
        self.options.selection.has(snapshot)
    }

    /// The snapshot's copy or original in the other repository.
    fn copy_of(&self, snapshot: &Snapshot) -> Option<SnapshotId> {
        self.present.copy(&present::original(self.from, snapshot))
    }

    fn trouble(&self, path: Vec<u8>, reason: String) {
        self.monitor.trouble(&Trouble { path, kind: TroubleKind::Unreadable, reason });
    }
}

#[cfg(test)]
mod tests;
