use std::sync::{Arc, PoisonError};

use crate::format::log::Operation;
use crate::format::{BlobId, Extensions, Keys, Manifest, PackKind, SnapshotId};
use crate::store::blobs::compress::{Job, OpenBlock};
use crate::store::blobs::cutter::Cutter;
use crate::store::blobs::delta::{DeltaGroup, DeltaGroups};
use crate::store::blobs::packer::{Packer, Pending, slot};
use crate::store::log::Log;
use crate::store::random::new_salt;
use crate::store::{Object, Reader, StoreError};

/// Sums of an import's additions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Number of blobs that were not stored before.
    pub new_blobs: u64,
    /// Size of these blobs in bytes.
    pub new_bytes: u64,
    /// Size of the packs that hold them, in bytes.
    pub stored_bytes: u64,
}

/// Adds blobs and finally a snapshot. If the writer is dropped without [`commit`](Writer::commit), no
/// snapshot is added. Packs that are already stored serve the next import.
#[derive(Debug)]
pub struct Writer {
    blocks: [OpenBlock; 2],
    pending: Pending,
    packer: Packer,
    /// Reads bases. It has the backend and the index, too.
    reader: Reader,
    log: Arc<Log>,
    deltas: [DeltaGroups; 2],
    cutter: Cutter,
    /// Whether only readable blobs count as stored.
    verify: bool,
    statistics: Statistics,
}

impl Writer {
    pub(in crate::store) fn new(reader: Reader, log: Arc<Log>) -> Self {
        let pending = Pending::default();
        Self {
            blocks: Default::default(),
            packer: Packer::new(reader.clone(), pending.clone()),
            pending,
            cutter: Cutter::new(reader.keys()),
            reader,
            log,
            deltas: [DeltaGroups::new(PackKind::Data), DeltaGroups::new(PackKind::Metadata)],
            verify: false,
            statistics: Statistics::default(),
        }
    }

    /// From now on, only readable blobs count as stored. Damaged ones are stored again.
    pub fn verify(&mut self) {
        self.verify = true;
    }

    /// Whether only readable blobs count as stored.
    pub fn verifies(&self) -> bool {
        self.verify
    }

    /// Keys of the repository.
    pub fn keys(&self) -> &Keys {
        self.reader.keys()
    }

    /// Where the content of files is cut.
    pub(in crate::store) fn cutter(&self) -> &Cutter {
        &self.cutter
    }

    /// Reads what the repository held when this writer was made.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Stores a blob unless the repository has it, and returns its id. `hint` is the delta hint: the
    /// earlier version of the file, chunk or node.
    pub fn put(&mut self, kind: PackKind, bytes: &[u8], hint: Option<BlobId>) -> Result<BlobId, StoreError> {
        self.put_in_block(kind, bytes, hint, false)
    }

    /// As [`put`](Self::put), for a chunk of a large file. It gets a block of its own, so that a read in it
    /// decompresses nothing else.
    pub fn put_chunk(&mut self, chunk: &[u8], hint: Option<BlobId>) -> Result<BlobId, StoreError> {
        self.put_in_block(PackKind::Data, chunk, hint, true)
    }

    fn put_in_block(
        &mut self,
        kind: PackKind,
        bytes: &[u8],
        hint: Option<BlobId>,
        alone: bool,
    ) -> Result<BlobId, StoreError> {
        let id = self.keys().blob_id(bytes);
        // Pending blobs are looked up first: a blob leaves them only once the index has it.
        let known = !self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id.prefix());
        if known {
            return Ok(id);
        }
        if self.reader.is_indexed(id.prefix())? && (!self.verify || self.reader.blob(&id).is_ok()) {
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id.prefix());
            return Ok(id);
        }
        self.statistics.new_blobs += 1;
        self.statistics.new_bytes += bytes.len() as u64;
        // A blob that is stored again may be a base of others, and a base must not be a delta.
        if let Some(hint) = hint.filter(|_| !self.verify)
            && let Some(base) = StoreError::unless_lost(self.reader.base_of(&hint))?
        {
            let group = if alone {
                Some(DeltaGroup::alone(id, bytes, base))
            } else {
                self.deltas[slot(kind)].push(id, bytes, base)
            };
            if let Some(group) = group {
                self.packer.send(Job::Delta(kind, group))?;
            }
            return Ok(id);
        }
        if alone {
            self.packer.send(Job::Block(kind, OpenBlock::alone(id, bytes)))?;
            return Ok(id);
        }
        let block = &mut self.blocks[slot(kind)];
        if block.is_full_for(bytes) {
            self.packer.send(Job::Block(kind, std::mem::take(block)))?;
        }
        block.push(id, bytes);
        Ok(id)
    }

    /// Makes all blobs durable, in order, and then publishes the snapshot. It gets the number that the manifest
    /// asks for, if that is free.
    pub fn commit(mut self, manifest: &Manifest) -> Result<(SnapshotId, Statistics), StoreError> {
        let wanted = manifest.extensions.number;
        // The log has the number, not the manifest.
        let extensions = Extensions { number: None, ..manifest.extensions.clone() };
        let manifest = Manifest { extensions, ..manifest.clone() };
        let id = self.finish(&manifest)?;
        let stored = self.reader.shared.index.packs()?;
        let published = self.log.publish(jiff::Timestamp::now().into(), |state| {
            let label = match state.snapshots.get(&id) {
                Some(published) => published.label.clone(),
                None => state.new_label(&manifest.source, manifest.time, wanted)?,
            };
            let new = stored.iter().map(|(_, pack)| pack.id).filter(|pack| !state.packs.contains(pack));
            Ok::<_, StoreError>(Operation::Commit { snapshot: id, label, packs: new.collect() })
        })?;
        self.reader.shared.index.note_snapshot(id, &manifest, published.number);
        Ok((id, self.statistics))
    }

    /// Makes all blobs and the manifest durable. The snapshot does not count until it is published.
    pub(crate) fn finish(&mut self, manifest: &Manifest) -> Result<SnapshotId, StoreError> {
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
        let (id, bytes) = manifest.seal(self.keys(), new_salt()?);
        self.reader.shared.backend.put(&Object::snapshot(id), &bytes)?;
        Ok(id)
    }
}
