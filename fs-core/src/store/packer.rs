//! Compresses blocks and stores packs beside the walk. Blocks go to the compressing threads in turn and are taken from
//! them in the same turn: packs keep the order of the walk, whatever each thread's speed, and the channels alone bound
//! what waits.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::compress::{Compressed, CompressedBlock, Compressor, Job, OpenBlock};
use super::index::PackRecord;
use super::live_index::LiveIndex;
use super::writer::slot;
use super::{Backend, Object, Reader, StoreError};
use crate::format::{Catalogue, PackBuilder, PackKind};

/// Bytes at which a pack is closed.
const PACK_TARGET: usize = 32 << 20;
/// Blobs of stored packs that wait for the index: bounds what is done again after a crash, and memory.
const INDEX_BATCH: u64 = 250_000;
/// Compressing threads, at most: more would wait for the walk.
const MAX_COMPRESSORS: usize = 4;
/// Blocks that may wait before each compressing thread, and as many behind it: bounds memory.
const QUEUE: usize = 3;

/// The first halves of the ids of blobs that were put but are not in the index yet.
pub(super) type Pending = Arc<Mutex<HashSet<[u8; 16]>>>;

/// To a compressing thread: `None` is the end, and takes its turn as any job does.
type Work = Option<Job>;
/// From it, in the same order.
type Done = Result<Option<Compressed>, StoreError>;

/// The threads that turn jobs into packs. They start with the first job. Dropped without
/// [`finish`](Packer::finish) they give up what they hold; packs that are stored already stay.
#[derive(Debug)]
pub(super) struct Packer {
    reader: Reader,
    /// What the last thread begins with; `None` when it runs.
    store: Option<PackStore>,
    running: Option<JoinHandle<Result<u64, StoreError>>>,
    compressors: Vec<(SyncSender<Work>, JoinHandle<()>)>,
    /// Whose turn it is.
    turn: usize,
}

impl Packer {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        reader: Reader,
        index: Arc<LiveIndex>,
        pending: Pending,
    ) -> Self {
        let store = PackStore {
            backend,
            reader: reader.clone(),
            index,
            pending,
            rebased: Default::default(),
            packs: [PackBuilder::new(PackKind::Data), PackBuilder::new(PackKind::Metadata)],
            unindexed: Vec::new(),
            stored: 0,
        };
        Self { reader, store: Some(store), running: None, compressors: Vec::new(), turn: 0 }
    }

    /// Hands a job over; waits while too many wait.
    pub(super) fn send(&mut self, job: Job) -> Result<(), StoreError> {
        if let Some(store) = self.store.take() {
            self.start(store)?;
        }
        if self.pass(Some(job)) {
            return Ok(());
        }
        // They hung up, so one has failed; its error is the one to report.
        self.join().and(Err(StoreError::WriterStopped))
    }

    /// Stores all that was sent, durably, and returns the bytes of all packs that were stored.
    pub(super) fn finish(&mut self) -> Result<u64, StoreError> {
        if self.store.is_some() {
            return Ok(0);
        }
        self.pass(None);
        self.join()
    }

    /// False when nobody listens any more.
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
            // One that panicked has hung up before its end, which the packer reports.
            let _ = thread.join();
        }
        let packer = self.running.take().ok_or(StoreError::WriterStopped)?;
        packer.join().unwrap_or(Err(StoreError::WriterStopped))
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        // Its error, if any, was for a commit that never came.
        let _ = self.join();
    }
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

/// Puts compressed blocks into packs, stores these, and tells the index.
#[derive(Debug)]
struct PackStore {
    backend: Arc<dyn Backend>,
    reader: Reader,
    index: Arc<LiveIndex>,
    pending: Pending,
    /// Blobs for which a delta does not pay any more.
    rebased: [OpenBlock; 2],
    packs: [PackBuilder; 2],
    unindexed: Vec<(PackRecord, Catalogue)>,
    stored: u64,
}

impl PackStore {
    /// Returns the bytes of all packs that were stored.
    fn run(mut self, compressor: Compressor, lanes: &[Receiver<Done>]) -> Result<u64, StoreError> {
        let packed = self.pack(compressor, lanes);
        // Also when the import fails: the next one, perhaps of this process, need not store again what is there.
        let indexed = self.index_stored();
        packed.and(indexed)?;
        Ok(self.stored)
    }

    fn pack(&mut self, mut compressor: Compressor, lanes: &[Receiver<Done>]) -> Result<(), StoreError> {
        for lane in lanes.iter().cycle() {
            // Who hangs up before the end has failed, or the writer was dropped.
            match lane.recv().unwrap_or(Err(StoreError::WriterStopped))? {
                Some(Compressed::Block(kind, block)) => self.append(kind, &block)?,
                Some(Compressed::Unpaid(kind, group)) => {
                    for (id, blob) in group.blobs() {
                        if self.rebased[slot(kind)].is_full_for(blob) {
                            self.pack_rebased(kind, &mut compressor)?;
                        }
                        self.rebased[slot(kind)].push(id, blob);
                    }
                }
                None => break,
            }
        }
        for kind in [PackKind::Data, PackKind::Metadata] {
            self.pack_rebased(kind, &mut compressor)?;
            self.store(kind)?;
        }
        Ok(())
    }

    fn pack_rebased(&mut self, kind: PackKind, compressor: &mut Compressor) -> Result<(), StoreError> {
        let block = std::mem::take(&mut self.rebased[slot(kind)]);
        if block.is_empty() { Ok(()) } else { self.append(kind, &compressor.full(&block)?) }
    }

    fn append(&mut self, kind: PackKind, block: &CompressedBlock) -> Result<(), StoreError> {
        let pack = &mut self.packs[slot(kind)];
        pack.push(&block.sealed, block.delta, block.blobs.iter().copied());
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
        let pack = pack.finish(self.reader.keys()).map_err(StoreError::damaged(|| "a pack just made"))?;
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

#[cfg(test)]
mod tests;
