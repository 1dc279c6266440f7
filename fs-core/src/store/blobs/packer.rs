//! Compresses blocks and stores packs beside the walk. The compressing threads get blocks in turn, and their
//! results are taken in the same turn. So packs keep the order of the walk, whatever the speed of each
//! thread. Only the channels bound the number of waiting blocks.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::format::{BlobPrefix, Catalogue, PackBuilder, PackKind};
use crate::store::blobs::compress::{Compressed, CompressedBlock, Compressor, Job, OpenBlock};
use crate::store::index::PackRecord;
use crate::store::random::new_salt;
use crate::store::{Object, Reader, StoreError};

/// Size at which a pack is closed, in bytes.
const PACK_TARGET: usize = 32 << 20;
/// Number of blobs of stored packs at which the index is brought up to date. It bounds the memory, and the
/// work that a crash costs.
const INDEX_BATCH: u64 = 250_000;
/// Maximum number of compressing threads. More would wait for the walk.
const MAX_COMPRESSORS: usize = 4;
/// Maximum number of blocks that wait before each compressing thread, and behind it. It bounds the memory.
const QUEUE: usize = 3;

/// The first halves of the ids of blobs that were put but are not indexed yet.
pub(crate) type Pending = Arc<Mutex<HashSet<BlobPrefix>>>;

/// Input of a compressing thread. `None` is the end, and takes its turn as a job does.
type Work = Option<Job>;
/// Output of a compressing thread, in the order of its input.
type Done = Result<Option<Compressed>, StoreError>;

/// The threads that turn jobs into packs. They start with the first job. If the packer is dropped without
/// [`finish`](Packer::finish), waiting blocks are discarded, but stored packs stay.
#[derive(Debug)]
pub(crate) struct Packer {
    reader: Reader,
    /// Initial state of the packing thread; `None` once the thread runs.
    store: Option<PackStore>,
    running: Option<JoinHandle<Result<u64, StoreError>>>,
    compressors: Vec<(SyncSender<Work>, JoinHandle<()>)>,
    /// Position of the compressing thread whose turn it is.
    turn: usize,
}

impl Packer {
    /// Stores packs in the backend of `reader`, and adds them to its index.
    pub(crate) fn new(reader: Reader, pending: Pending) -> Self {
        let store = PackStore {
            reader: reader.clone(),
            pending,
            full: Default::default(),
            packs: [None, None],
            unindexed: Vec::new(),
            stored: 0,
        };
        Self { reader, store: Some(store), running: None, compressors: Vec::new(), turn: 0 }
    }

    /// Sends a job to the compressing threads. Waits while their queue is full.
    pub(crate) fn send(&mut self, job: Job) -> Result<(), StoreError> {
        if let Some(store) = self.store.take() {
            self.start(store)?;
        }
        if self.pass(Some(job)) {
            return Ok(());
        }
        // The threads have exited, so one of them has failed. Its error is reported.
        self.join().and(Err(StoreError::WriterStopped))
    }

    /// Stores all pending blocks, durably. Returns the size of all packs that were stored, in bytes.
    pub(crate) fn finish(&mut self) -> Result<u64, StoreError> {
        if self.store.is_some() {
            return Ok(0);
        }
        self.pass(None);
        self.join()
    }

    /// Sends to the next thread in turn. Returns false once the receiver has exited.
    fn pass(&mut self, work: Work) -> bool {
        let Some((queue, _)) = self.compressors.get(self.turn) else { return false };
        self.turn = (self.turn + 1) % self.compressors.len();
        queue.send(work).is_ok()
    }

    fn start(&mut self, store: PackStore) -> Result<(), StoreError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut lanes = Vec::new();
        for _ in 0..cores.min(MAX_COMPRESSORS) {
            let (queue, work) = sync_channel(QUEUE);
            let (done, lane) = sync_channel(QUEUE);
            let compressor = Compressor::new(self.reader.clone())?;
            self.compressors.push((queue, spawn("compressor", move || compress(compressor, &work, &done))?));
            lanes.push(lane);
        }
        let compressor = Compressor::new(self.reader.clone())?;
        self.running = Some(spawn("packer", move || store.run(compressor, &lanes))?);
        Ok(())
    }

    fn join(&mut self) -> Result<u64, StoreError> {
        for (queue, thread) in self.compressors.drain(..) {
            drop(queue);
            // A thread that panicked has closed its channel early, and the packing thread reports that.
            let _ = thread.join();
        }
        let packer = self.running.take().ok_or(StoreError::WriterStopped)?;
        packer.join().unwrap_or(Err(StoreError::WriterStopped))
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        // Any error belongs to a commit that was never made.
        let _ = self.join();
    }
}

/// Position of a pack kind in arrays with one element for each kind.
pub(super) fn slot(kind: PackKind) -> usize {
    usize::from(kind.code())
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StoreError> {
    thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map_err(StoreError::io("start a thread for", "the importer"))
}

fn compress(mut compressor: Compressor, work: &Receiver<Work>, done: &SyncSender<Done>) {
    for job in work {
        if done.send(job.map(|job| compressor.run(job)).transpose()).is_err() {
            break;
        }
    }
}

/// Collects compressed blocks into packs, stores the packs, and adds them to the index.
#[derive(Debug)]
struct PackStore {
    reader: Reader,
    pending: Pending,
    /// Blobs of deltas that do not pay. They are stored in full.
    full: [OpenBlock; 2],
    packs: [Option<PackBuilder>; 2],
    unindexed: Vec<(PackRecord, Catalogue)>,
    stored: u64,
}

impl PackStore {
    /// Returns the size of all packs that were stored, in bytes.
    fn run(mut self, compressor: Compressor, lanes: &[Receiver<Done>]) -> Result<u64, StoreError> {
        let packed = self.pack(compressor, lanes);
        // Stored packs are indexed even if the import fails. The next import, perhaps in this process, need
        // not store their blobs again.
        let indexed = self.index_stored();
        packed.and(indexed)?;
        Ok(self.stored)
    }

    fn pack(&mut self, mut compressor: Compressor, lanes: &[Receiver<Done>]) -> Result<(), StoreError> {
        for lane in lanes.iter().cycle() {
            // A thread that closes its channel early has failed, or the writer was dropped.
            match lane.recv().unwrap_or(Err(StoreError::WriterStopped))? {
                Some(Compressed::Block(kind, block)) => self.append(kind, &block)?,
                Some(Compressed::InFull(kind, group)) => {
                    for (id, blob) in group.blobs() {
                        if group.alone {
                            let block = compressor.full(&OpenBlock::alone(id, blob))?;
                            self.append(kind, &block)?;
                            continue;
                        }
                        if self.full[slot(kind)].is_full_for(blob) {
                            self.pack_full(kind, &mut compressor)?;
                        }
                        self.full[slot(kind)].push(id, blob);
                    }
                }
                None => break,
            }
        }
        for kind in [PackKind::Data, PackKind::Metadata] {
            self.pack_full(kind, &mut compressor)?;
            self.store(kind)?;
        }
        Ok(())
    }

    fn pack_full(&mut self, kind: PackKind, compressor: &mut Compressor) -> Result<(), StoreError> {
        let block = std::mem::take(&mut self.full[slot(kind)]);
        if block.is_empty() { Ok(()) } else { self.append(kind, &compressor.full(&block)?) }
    }

    fn append(&mut self, kind: PackKind, block: &CompressedBlock) -> Result<(), StoreError> {
        let pack = match &mut self.packs[slot(kind)] {
            Some(pack) => pack,
            none => none.insert(PackBuilder::new(self.reader.keys(), kind, new_salt()?)),
        };
        pack.push(&block.body, &block.bases, block.blobs.iter().copied());
        if pack.len() >= PACK_TARGET {
            self.store(kind)?;
            if self.unindexed.iter().map(|(record, _)| record.blobs).sum::<u64>() >= INDEX_BATCH {
                self.index_stored()?;
            }
        }
        Ok(())
    }

    fn store(&mut self, kind: PackKind) -> Result<(), StoreError> {
        let Some(pack) = self.packs[slot(kind)].take() else { return Ok(()) };
        let pack = pack.finish(self.reader.keys()).map_err(StoreError::damaged(|| "a pack just made"))?;
        self.reader.shared.backend.put(&Object::pack(pack.id), &pack.bytes)?;
        let size = pack.bytes.len() as u64;
        self.stored += size;
        self.unindexed.push((PackRecord::new(pack.id, size, &pack.catalogue), pack.catalogue));
        Ok(())
    }

    fn index_stored(&mut self) -> Result<(), StoreError> {
        if self.unindexed.is_empty() {
            return Ok(());
        }
        self.reader.shared.index.add(&self.unindexed)?;
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, catalogue) in self.unindexed.drain(..) {
            for (id, _) in catalogue.blobs() {
                pending.remove(&id.prefix());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
