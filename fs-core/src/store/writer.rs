use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::compress::{Job, OpenBlock};
use super::delta::DeltaGroups;
use super::live_index::LiveIndex;
use super::packer::Packer;
use super::{Backend, Object, Reader, StoreError};
use crate::format::{BlobId, Keys, Manifest, PackKind, SnapshotId};

/// What an import added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Blobs that were not there before.
    pub new_blobs: u64,
    /// Their bytes.
    pub new_bytes: u64,
    /// Bytes of the packs that hold them.
    pub stored_bytes: u64,
}

/// Adds blobs and finally a snapshot. Dropped without [`commit`](Writer::commit) it leaves no snapshot; packs that
/// are already stored serve the next import.
#[derive(Debug)]
pub struct Writer {
    keys: Keys,
    backend: Arc<dyn Backend>,
    index: Arc<LiveIndex>,
    blocks: [OpenBlock; 2],
    /// Blobs that were put but are not in the index yet.
    pending: Arc<Mutex<HashSet<[u8; 16]>>>,
    packer: Packer,
    /// Where bases are read.
    reader: Reader,
    deltas: [DeltaGroups; 2],
    /// Count only what can be read as stored.
    verify: bool,
    statistics: Statistics,
}

impl Writer {
    pub(super) fn new(backend: Arc<dyn Backend>, reader: Reader, index: Arc<LiveIndex>) -> Self {
        let keys = reader.keys().clone();
        let pending = Arc::default();
        let packer =
            Packer::new(Arc::clone(&backend), reader.clone(), Arc::clone(&index), Arc::clone(&pending));
        Self {
            keys,
            backend,
            index,
            blocks: Default::default(),
            pending,
            packer,
            reader,
            deltas: [DeltaGroups::new(PackKind::Data), DeltaGroups::new(PackKind::Metadata)],
            verify: false,
            statistics: Statistics::default(),
        }
    }

    /// From now on takes only for stored what can be read: what is damaged is stored again.
    pub fn verify(&mut self) {
        self.verify = true;
    }

    /// Whether only what can be read is taken for stored.
    pub fn verifies(&self) -> bool {
        self.verify
    }

    /// The repository's keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Reads what the repository had when this writer was made.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Stores a blob unless the repository has it, and returns its id. `previous` is what it is likely to resemble: the
    /// same file, chunk or node as it was before.
    pub fn put(
        &mut self,
        kind: PackKind,
        bytes: &[u8],
        previous: Option<BlobId>,
    ) -> Result<BlobId, StoreError> {
        let id = self.keys.blob_id(bytes);
        // Pending is asked first: a blob leaves it only when the index has it.
        let known = !self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id.prefix());
        if known {
            return Ok(id);
        }
        if self.index.contains(&id)? && (!self.verify || self.reader.blob(&id).is_ok()) {
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id.prefix());
            return Ok(id);
        }
        self.statistics.new_blobs += 1;
        self.statistics.new_bytes += bytes.len() as u64;
        // What is stored again may be a base of others, which a delta must not be.
        if let Some(previous) = previous.filter(|_| !self.verify)
            && let Some(base) = StoreError::unless_lost(self.reader.base_of(&previous))?
        {
            if let Some(group) = self.deltas[slot(kind)].push(id, bytes, base) {
                self.packer.send(Job::Delta(kind, group))?;
            }
            return Ok(id);
        }
        let block = &mut self.blocks[slot(kind)];
        if block.is_full_for(bytes) {
            self.packer.send(Job::Block(kind, std::mem::take(block)))?;
        }
        block.push(id, bytes);
        Ok(id)
    }

    /// Makes everything durable, in order, and then the snapshot visible.
    pub fn commit(mut self, manifest: &Manifest) -> Result<(SnapshotId, Statistics), StoreError> {
        for kind in [PackKind::Data, PackKind::Metadata] {
            let last = std::mem::take(&mut self.blocks[slot(kind)]);
            if !last.is_empty() {
                self.packer.send(Job::Block(kind, last))?;
            }
            while let Some(group) = self.deltas[slot(kind)].pop() {
                self.packer.send(Job::Delta(kind, group))?;
            }
        }
        self.statistics.stored_bytes = self.packer.finish()?;
        let (id, bytes) = manifest.seal(&self.keys);
        self.backend.put(&Object::snapshot(id), &bytes)?;
        self.index.note_snapshot(id, manifest);
        Ok((id, self.statistics))
    }
}

/// Where what is kept for each kind of pack is.
pub(super) fn slot(kind: PackKind) -> usize {
    usize::from(kind.code())
}
