//! Copies one snapshot, and commits it.

use super::fault::Fault;
use super::links::Links;
use super::lockstep::Pair;
use super::tree::TreeCopy;
use crate::format::{Content, CopiedFrom, Extensions, Manifest, SnapshotId};
use crate::history::Snapshot;
use crate::monitor::{Cancellation, Monitor};
use crate::store::{ContentWriter, LinkTable, Reader, Repository, Statistics, StoreError, Writer};

/// The snapshot before the copied one, and its copy.
#[derive(Debug)]
pub(super) struct Before {
    root: Pair,
    was: (u64, Content),
    copy: (u64, Content),
}

impl Before {
    /// The snapshot `was` and its copy. `None` if the copy is lost or lacks something, or if blobs in it may
    /// be lost: then nothing is taken over from it.
    pub(super) fn load(
        was: &Snapshot,
        copy: &SnapshotId,
        to: &Repository,
    ) -> Result<Option<Self>, StoreError> {
        if to.has_lost_packs() {
            return Ok(None);
        }
        let copy = match to.manifest(copy) {
            Err(error) if error.is_loss() => {
                log::warn!("{error}; nothing is taken over from this snapshot");
                return Ok(None);
            }
            manifest => manifest?,
        };
        let was = &was.manifest;
        let is_whole = (was.totals, was.status) == (copy.totals, copy.status);
        let root = is_whole.then(|| Pair::new(was.root.clone(), copy.root)).flatten();
        Ok(root.map(|root| Self {
            root,
            was: (was.links_len, was.links.clone()),
            copy: (copy.links_len, copy.links),
        }))
    }

    /// The copied table of hard links, if this is the table of the snapshot before.
    fn links(&self, manifest: &Manifest) -> Option<(u64, Content)> {
        let is_same = self.was == (manifest.links_len, manifest.links.clone());
        is_same.then(|| self.copy.clone())
    }
}

/// What differs between a snapshot's manifest and that of its copy, apart from ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    pub(super) number: Option<u32>,
    pub(super) parent: Option<SnapshotId>,
    pub(super) original: CopiedFrom,
}

/// Writes the copy of a snapshot. Nothing of it is visible unless all of it could be read.
pub(super) fn write_snapshot(
    from: &Reader,
    snapshot: &Snapshot,
    before: Option<&Before>,
    to: &Repository,
    label: Label,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<(SnapshotId, Statistics), Fault> {
    let manifest = &snapshot.manifest;
    let mut writer = to.writer().map_err(Fault::Target)?;
    if to.has_lost_packs() {
        writer.verify();
    }
    let known_links = before.and_then(|before| before.links(manifest));
    let table = LinkTable::new(from, &manifest.links, manifest.links_len);
    let table = (known_links.is_none() && !table.is_empty()).then_some(table);
    let links = Links::new(table, from.keys(), writer.keys());
    let mut tree = TreeCopy::new(from, &mut writer, links, monitor, cancellation);
    let root = tree.run(&manifest.root, before.map(|before| &before.root))?;
    let links = tree.links.finish();
    let (links_len, links) = match known_links {
        Some(known) => known,
        None => store_links(&mut writer, &links, before)?,
    };
    let extensions =
        Extensions { number: label.number, copied_from: Some(label.original), ..manifest.extensions.clone() };
    let copy = Manifest { root, links_len, links, parent: label.parent, extensions, ..manifest.clone() };
    if cancellation.is_cancelled() {
        return Err(Fault::Cancelled);
    }
    writer.commit(&copy).map_err(Fault::Target)
}

/// Stores a table of hard links. Returns its length and its content.
fn store_links(writer: &mut Writer, links: &[u8], before: Option<&Before>) -> Result<(u64, Content), Fault> {
    let mut content = ContentWriter::default();
    if let Some(before) = before {
        content.delta_hint(before.copy.1.clone());
    }
    content.data(writer, &mut &*links, u64::MAX).map_err(Fault::of_content)?;
    let (len, _, content) = content.finish(writer).map_err(Fault::Target)?;
    Ok((len, content))
}
