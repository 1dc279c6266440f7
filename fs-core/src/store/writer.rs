use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::delta::{DeltaGroup, DeltaGroups};
use super::index::{Index, PackRecord};
use super::{Backend, Object, Reader, StoreError};
use crate::format::{BlobId, BlockBuilder, Catalogue, Keys, Manifest, PackBuilder, PackKind, SnapshotId};

/// Uncompressed bytes at which a block is closed.
const BLOCK_TARGET: usize = 1 << 20;
/// Bytes at which a pack is closed.
const PACK_TARGET: usize = 32 << 20;
/// Blobs of stored packs that wait for the index: bounds what is done again after a crash, and memory.
const INDEX_BATCH: u64 = 250_000;
/// Blocks that may wait for the packer: bounds memory.
const QUEUE: usize = 8;
/// This and what follows: measured in docs/decisions/0001-delta-blocks.md.
const LEVEL: i32 = 3;
/// A delta is kept when it takes at most so many hundredths of what its blobs would take in full.
const DELTA_PAYS: u64 = 50;

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
    index: Arc<Index>,
    blocks: [OpenBlock; 2],
    /// Blobs that were put but are not in the index yet.
    pending: Arc<Mutex<HashSet<[u8; 16]>>>,
    packer: Option<Packer>,
    /// Where bases are read.
    reader: Reader,
    deltas: [DeltaGroups; 2],
    /// Count only what can be read as stored.
    verify: bool,
    statistics: Statistics,
}

#[derive(Debug, Default)]
struct OpenBlock {
    builder: BlockBuilder,
    ids: Vec<BlobId>,
}

#[derive(Debug)]
struct Packer {
    queue: SyncSender<Job>,
    thread: JoinHandle<Result<u64, StoreError>>,
}

enum Job {
    Block(PackKind, OpenBlock),
    Delta(PackKind, DeltaGroup),
    Finish,
}

impl Writer {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        reader: Reader,
        index: Arc<Index>,
    ) -> Result<Self, StoreError> {
        let keys = reader.keys().clone();
        let pending = Arc::default();
        let (queue, jobs) = sync_channel(QUEUE);
        let worker = PackerThread {
            backend: Arc::clone(&backend),
            keys: keys.clone(),
            index: Arc::clone(&index),
            pending: Arc::clone(&pending),
            reader: reader.clone(),
            rebased: Default::default(),
            packs: [PackBuilder::new(PackKind::Data), PackBuilder::new(PackKind::Metadata)],
            unindexed: Vec::new(),
            stored: 0,
        };
        let thread = thread::Builder::new()
            .name("packer".into())
            .spawn(move || worker.run(&jobs))
            .map_err(StoreError::io("start a thread for", "the importer"))?;
        Ok(Self {
            keys,
            backend,
            index,
            blocks: Default::default(),
            pending,
            packer: Some(Packer { queue, thread }),
            reader,
            deltas: Default::default(),
            verify: false,
            statistics: Statistics::default(),
        })
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
            && let Some(base) = StoreError::unless_damage(self.reader.base_of(&previous))?
        {
            if let Some(group) = self.deltas[slot(kind)].push(id, bytes, base) {
                self.send(Job::Delta(kind, group))?;
            }
            return Ok(id);
        }
        let block = &mut self.blocks[slot(kind)];
        if !block.builder.is_empty() && block.builder.raw_len() + bytes.len() > BLOCK_TARGET {
            let full = std::mem::take(block);
            self.send(Job::Block(kind, full))?;
        }
        let block = &mut self.blocks[slot(kind)];
        block.builder.push(bytes);
        block.ids.push(id);
        Ok(id)
    }

    /// Makes everything durable, in order, and then the snapshot visible.
    pub fn commit(mut self, manifest: &Manifest) -> Result<(SnapshotId, Statistics), StoreError> {
        for kind in [PackKind::Data, PackKind::Metadata] {
            let last = std::mem::take(&mut self.blocks[slot(kind)]);
            if !last.builder.is_empty() {
                self.send(Job::Block(kind, last))?;
            }
            while let Some(group) = self.deltas[slot(kind)].pop() {
                self.send(Job::Delta(kind, group))?;
            }
        }
        self.send(Job::Finish)?;
        self.statistics.stored_bytes = self.join()?;
        let (id, bytes) = manifest.seal(&self.keys);
        self.backend.put(&Object::snapshot(id), &bytes)?;
        self.index.note_snapshot(id, manifest);
        Ok((id, self.statistics))
    }

    fn send(&mut self, job: Job) -> Result<(), StoreError> {
        let packer = self.packer.as_ref().ok_or(StoreError::WriterStopped)?;
        if packer.queue.send(job).is_ok() {
            return Ok(());
        }
        // The packer hung up, so it has failed; its error is the one to report.
        self.join().and(Err(StoreError::WriterStopped))
    }

    fn join(&mut self) -> Result<u64, StoreError> {
        let Packer { queue, thread } = self.packer.take().ok_or(StoreError::WriterStopped)?;
        drop(queue);
        thread.join().unwrap_or(Err(StoreError::WriterStopped))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a Finish the packer drops what it holds; its error, if any, was for a commit that never came.
        let _ = self.join();
    }
}

/// Compresses blocks and stores packs beside the importing thread.
struct PackerThread {
    backend: Arc<dyn Backend>,
    keys: Keys,
    index: Arc<Index>,
    pending: Arc<Mutex<HashSet<[u8; 16]>>>,
    reader: Reader,
    /// Blobs for which a delta does not pay any more.
    rebased: [OpenBlock; 2],
    packs: [PackBuilder; 2],
    unindexed: Vec<(PackRecord, Catalogue)>,
    stored: u64,
}

impl PackerThread {
    /// Returns the bytes of all packs that were stored.
    fn run(mut self, jobs: &Receiver<Job>) -> Result<u64, StoreError> {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Block(kind, block) => self.pack(kind, &block)?,
                Job::Delta(kind, group) => self.pack_delta(kind, &group)?,
                Job::Finish => {
                    for kind in [PackKind::Data, PackKind::Metadata] {
                        self.pack_rebased(kind)?;
                        self.store(kind)?;
                    }
                    self.index_stored()?;
                    break;
                }
            }
        }
        Ok(self.stored)
    }

    fn pack(&mut self, kind: PackKind, block: &OpenBlock) -> Result<(), StoreError> {
        let sealed =
            block.builder.finish(&self.keys, LEVEL).map_err(StoreError::io("compress", "a block"))?;
        self.append(kind, &sealed, false, &block.ids, &block.builder)
    }

    /// Stores a group as a delta, or in full where that saves too little: then later versions have a closer base.
    fn pack_delta(&mut self, kind: PackKind, group: &DeltaGroup) -> Result<(), StoreError> {
        if let Some(prefix) = StoreError::unless_damage(self.reader.prefix(&group.bases).map(Some))? {
            let sealed = group
                .builder
                .finish_delta(&self.keys, LEVEL, &group.bases, &prefix)
                .map_err(StoreError::io("compress", "a block"))?;
            let (stored, raw) = self.reader.block_sizes(group.block)?;
            // What the blobs would take in full, if they compress as their bases did.
            let full = group.builder.raw_len() as u64 * stored / raw.max(1);
            if sealed.len() as u64 * 100 <= full * DELTA_PAYS {
                return self.append(kind, &sealed, true, &group.ids, &group.builder);
            }
        }
        for (id, blob) in group.ids.iter().zip(group.builder.blobs()) {
            let block = &mut self.rebased[slot(kind)];
            block.builder.push(blob);
            block.ids.push(*id);
            if block.builder.raw_len() >= BLOCK_TARGET {
                self.pack_rebased(kind)?;
            }
        }
        Ok(())
    }

    fn pack_rebased(&mut self, kind: PackKind) -> Result<(), StoreError> {
        let block = std::mem::take(&mut self.rebased[slot(kind)]);
        if block.builder.is_empty() { Ok(()) } else { self.pack(kind, &block) }
    }

    fn append(
        &mut self,
        kind: PackKind,
        sealed: &[u8],
        delta: bool,
        ids: &[BlobId],
        builder: &BlockBuilder,
    ) -> Result<(), StoreError> {
        let blobs = ids.iter().copied().zip(builder.lengths().iter().copied());
        let pack = &mut self.packs[slot(kind)];
        pack.push(sealed, delta, blobs);
        if pack.len() >= PACK_TARGET {
            self.store(kind)?;
            if self.unindexed.iter().map(|(record, _)| record.blobs).sum::<u64>() >= INDEX_BATCH {
                self.index_stored()?;
            }
        }
        Ok(())
    }

    fn store(&mut self, kind: PackKind) -> Result<(), StoreError> {
        let pack = std::mem::replace(&mut self.packs[slot(kind)], PackBuilder::new(kind));
        if pack.is_empty() {
            return Ok(());
        }
        let pack = pack.finish(&self.keys).map_err(StoreError::damaged(|| "a pack just made"))?;
        self.backend.put(&Object::pack(pack.id), &pack.bytes)?;
        let size = pack.bytes.len() as u64;
        self.stored += size;
        self.unindexed.push((PackRecord::new(pack.id, size, &pack.catalogue), pack.catalogue));
        Ok(())
    }

    fn index_stored(&mut self) -> Result<(), StoreError> {
        if self.unindexed.is_empty() {
            return Ok(());
        }
        self.index.add(&self.unindexed)?;
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, catalogue) in self.unindexed.drain(..) {
            for (id, _) in catalogue.blobs() {
                pending.remove(&id.prefix());
            }
        }
        Ok(())
    }
}

fn slot(kind: PackKind) -> usize {
    usize::from(kind.code())
}
