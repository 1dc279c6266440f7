//! Media with bad sectors, and blocks that only a forger writes.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::format::{BlockBuilder, BlockEncoder, Keys, PackBuilder, RepositoryId, SealedPack, Secret};
use crate::store::live_index::LiveIndex;
use crate::store::rebuild::Basis;

/// A medium with a bad sector.
#[derive(Debug, Default)]
pub(in crate::store) struct BadSector {
    pub(in crate::store) below: MemoryBackend,
    pub(in crate::store) bad: Range<u64>,
    /// Number of reads.
    pub(in crate::store) reads: AtomicUsize,
}

impl Backend for BadSector {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        self.below.put(object, bytes)
    }
    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if offset < self.bad.end && self.bad.start < offset + len as u64 {
            let source = io::Error::from_raw_os_error(5);
            return Err(StoreError::Unreadable { path: "pack".into(), tries: 3, source });
        }
        self.below.get_range(object, offset, len)
    }
    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        self.below.size(object)
    }
    fn list(&self, kind: ObjectKind) -> Result<Vec<String>, StoreError> {
        self.below.list(kind)
    }
    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.below.delete(object)
    }
    fn quarantine(&self, object: &Object) -> Result<String, StoreError> {
        self.below.quarantine(object)
    }
    fn sync(&self, kind: ObjectKind) -> Result<(), StoreError> {
        self.below.sync(kind)
    }
    fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        self.below.snapshots_stamp()
    }
}

fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// A pack with one block for each blob.
fn pack(keys: &Keys, blobs: &[&[u8]]) -> SealedPack {
    let mut encoder = BlockEncoder::new(3).unwrap();
    let mut pack = PackBuilder::new(PackKind::Data);
    for blob in blobs {
        let mut block = BlockBuilder::default();
        block.push(blob);
        let sealed = encoder.full(keys, &block).unwrap();
        pack.push(&sealed, false, [(keys.blob_id(blob), blob.len() as u32)].into_iter());
    }
    pack.finish(keys).unwrap()
}

/// A reader of these packs. It asks the last pack first.
fn reader(keys: &Keys, packs: &[SealedPack], bad: Range<u64>) -> Reader {
    reader_of(&Arc::new(BadSector { bad, ..BadSector::default() }), keys, packs)
}

fn reader_of(backend: &Arc<BadSector>, keys: &Keys, packs: &[SealedPack]) -> Reader {
    let stored = Arc::clone(backend) as Arc<dyn Backend>;
    let basis = Basis {
        local: None,
        repository: RepositoryId([0; 16]),
        backend: stored,
        keys: keys.clone(),
        moves_folder: false,
        forgets_most: false,
    };
    let index = LiveIndex::in_memory(basis).unwrap();
    for pack in packs {
        backend.put(&Object::pack(pack.id), &pack.bytes).unwrap();
        let record = PackRecord::new(pack.id, pack.bytes.len() as u64, &pack.catalogue);
        index.add(&[(record, pack.catalogue.clone())]).unwrap();
    }
    Reader::new(Arc::clone(backend) as _, keys.clone(), Arc::new(index), CacheSizes::default())
}

#[cfg(unix)]
#[test]
fn a_copy_is_read_where_the_medium_fails() {
    let keys = Keys::derive(&Secret([6; 32]));
    let (other, blob) = (noise(1, 20_000), noise(2, 9000));
    let packs = [pack(&keys, &[&blob]), pack(&keys, &[&other, &blob])];
    // The bad sector is in the second block of the second pack, and beyond the end of the first pack.
    let reader = reader(&keys, &packs, 22_000..22_512);
    assert_eq!(reader.pack_catalogue(packs[1].id).unwrap().0.blobs().len(), 2);
    assert!(*reader.blob(&keys.blob_id(&other)).unwrap() == *other);
    assert!(*reader.blob(&keys.blob_id(&blob)).unwrap() == *blob);
}

#[test]
fn a_block_that_is_its_own_base_is_refused() {
    let keys = Keys::derive(&Secret([6; 32]));
    let blob = noise(1, 3000);
    let id = keys.blob_id(&blob);
    let mut block = BlockBuilder::default();
    block.push(&blob);
    let sealed = BlockEncoder::new(3).unwrap().delta(&keys, &block, &[id], &blob).unwrap();
    let mut pack = PackBuilder::new(PackKind::Data);
    pack.push(&sealed, false, [(id, 3000)].into_iter());
    let packs = [pack.finish(&keys).unwrap()];
    let reader = reader(&keys, &packs, 0..0);
    assert!(reader.blob(&id).is_err_and(|error| error.is_damage()));
    let block = packs[0].catalogue.blocks().next().unwrap();
    assert!(reader.verify_block(packs[0].id, block).is_err_and(|error| error.is_damage()));
}

#[test]
fn a_damaged_block_is_read_once_however_many_blobs_it_has() {
    let keys = Keys::derive(&Secret([6; 32]));
    let blobs: Vec<Vec<u8>> = (0..200u8).map(|number| noise(number, 1000)).collect();
    let mut block = BlockBuilder::default();
    blobs.iter().for_each(|blob| block.push(blob));
    let sealed = BlockEncoder::new(3).unwrap().full(&keys, &block).unwrap();
    let ids: Vec<_> = blobs.iter().map(|blob| keys.blob_id(blob)).collect();
    let mut builder = PackBuilder::new(PackKind::Data);
    builder.push(&sealed, false, ids.iter().map(|id| (*id, 1000)).collect::<Vec<_>>().into_iter());
    let mut pack = builder.finish(&keys).unwrap();
    pack.bytes[5000] ^= 1;
    let backend = Arc::new(BadSector::default());
    let reader = reader_of(&backend, &keys, &[pack]).remembering_damage();
    for id in &ids {
        assert!(reader.blob(id).is_err_and(|error| error.is_damage()));
        assert!(reader.for_thread().blob(id).is_err_and(|error| error.is_damage()));
    }
    assert!(backend.reads.load(Ordering::Relaxed) < 5);
}
