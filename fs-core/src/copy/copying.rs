//! Copies the snapshots of one source after the other.

use std::collections::HashMap;
use std::sync::Arc;

use super::fault::Fault;
use super::present::{self, Present};
use super::snapshot::{Before, Label, write_snapshot};
use super::tags::Tags;
use super::{Copied, CopyFailed, CopyOptions, CopyTotals, Fate, numbers, selection};
use crate::format::{CopiedFrom, SnapshotId};
use crate::history::{Snapshot, Source, Sources};
use crate::monitor::{Cancellation, Monitor, RunBegins, Trouble, TroubleKind};
use crate::store::{CacheSizes, Reader, Repository, StoreError};

/// A copy in progress.
pub(super) struct Copying<'a> {
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
    pub(super) totals: CopyTotals,
    /// Number of snapshots whose copy was begun, and of all that are to be copied.
    begun: u64,
    total: u64,
}

impl<'a> Copying<'a> {
    pub(super) fn new(
        from: &'a Repository,
        sources: &'a Sources,
        to: &'a Repository,
        options: &'a CopyOptions,
        report: &'a mut dyn FnMut(Copied<'_>),
        monitor: &'a dyn Monitor,
        cancellation: &'a Cancellation,
    ) -> Result<Self, CopyFailed> {
        Ok(Self {
            from,
            sources,
            // A damaged block may be needed by thousands of snapshots.
            reader: from.reader(CacheSizes::default()).remembering_damage(),
            to,
            options,
            report,
            monitor,
            cancellation,
            originals: present::originals(from, sources),
            present: Present::load(to, &options.zone)?,
            tags: Tags::default(),
            totals: CopyTotals::default(),
            begun: 0,
            total: 0,
        })
    }

    /// Copies everything that is selected.
    pub(super) fn run(&mut self) -> Result<(), Fault> {
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
