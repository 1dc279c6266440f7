//! Media with bad sectors, and blocks that only a forger writes.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::format::{BlockBuilder, BlockEncoder, Keys, PackBuilder, Salt, SealedPack, Secret};
use crate::store::index::basis::Basis;
use crate::store::index::live::LiveIndex;

/// A medium with a bad sector.
#[derive(Debug, Default)]
pub(in crate::store) struct BadSector {
    pub(in crate::store) below: MemoryBackend,
    pub(in crate::store) bad: Range<u64>,
    /// Number of reads.
    pub(in crate::store) reads: AtomicUsize,
    /// Number of times that the size of a pack was asked for.
    pub(in crate::store) sizes: AtomicUsize,
}

impl Backend for BadSector {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        self.below.put(object, bytes)
    }
    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError> {
        self.below.put_new(object, bytes)
    }
    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if offset < self.bad.end && self.bad.start < offset + len as u64 {
            let source = io::Error::from_raw_os_error(5);
            return Err(StoreError::Unreadable { object: "pack".into(), tries: 3, source });
        }
        self.below.get_range(object, offset, len)
    }
    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        self.sizes.fetch_add(usize::from(object.kind == ObjectKind::Pack), Ordering::Relaxed);
        self.below.size(object)
    }
    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        self.below.list(kind)
    }
    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.below.delete(object)
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
    // Two packs may have the same blobs.
    let salt = Salt(*blake3::hash(&blobs.concat()).as_bytes());
    let mut pack = PackBuilder::new(keys, PackKind::Data, salt);
    for blob in blobs {
        let mut block = BlockBuilder::default();
        block.push(blob);
        let body = encoder.full(&block).unwrap();
        pack.push(&body, &[], [(keys.blob_id(blob), blob.len() as u32)].into_iter());
    }
    pack.finish(keys).unwrap()
}

/// A reader of these packs. It asks the last pack first.
fn reader(keys: &Keys, packs: &[SealedPack], bad: Range<u64>) -> Reader {
    reader_of(&Arc::new(BadSector { bad, ..BadSector::default() }), keys, packs)
}

fn reader_of(backend: &Arc<BadSector>, keys: &Keys, packs: &[SealedPack]) -> Reader {
    let stored = Arc::clone(backend) as Arc<dyn Backend>;
    let basis = Basis::of_test(stored, keys.clone());
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
    assert_eq!(reader.pack_end(packs[1].id).unwrap().catalogue.blobs().len(), 2);
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
    let body = BlockEncoder::new(3).unwrap().delta(&block, &[id.prefix()], &blob).unwrap();
    let mut pack = PackBuilder::new(&keys, PackKind::Data, Salt([1; 32]));
    pack.push(&body, &[], [(id, 3000)].into_iter());
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
    let body = BlockEncoder::new(3).unwrap().full(&block).unwrap();
    let ids: Vec<_> = blobs.iter().map(|blob| keys.blob_id(blob)).collect();
    let mut builder = PackBuilder::new(&keys, PackKind::Data, Salt([1; 32]));
    builder.push(&body, &[], ids.iter().map(|id| (*id, 1000)).collect::<Vec<_>>().into_iter());
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

/// The listing has the sizes, so nothing is asked for once a pack.
#[test]
fn opening_asks_for_the_size_of_no_pack() {
    let backend = Arc::new(BadSector::default());
    let open = |access| Repository::open_on(backend.clone(), None, access).unwrap();
    let state = tempfile::tempdir().unwrap();
    let folder = || Some(RepositoryFolder::open(state.path()).unwrap());
    let shared: Arc<dyn Backend> = backend.clone();
    Repository::init_on(&shared, None).unwrap();
    let again = Repository::init_on(&shared, None);
    assert!(matches!(again, Err(StoreError::AlreadyExists(_))), "another config would be the end of it");
    two_packs(&open(Access::Write));
    // The index is on the disk though the objects are not.
    let local = |access| Repository::open_on(backend.clone(), folder(), access).unwrap();
    local(Access::Write);
    backend.sizes.store(0, Ordering::Relaxed);
    for access in [Access::Read, Access::Write, Access::Check] {
        let repository = local(access);
        assert_eq!(repository.indexed_packs().unwrap().len(), 2);
        assert!(!repository.has_index_in_memory(), "{access:?}");
    }
    assert_eq!(backend.sizes.load(Ordering::Relaxed), 0);
    assert!(matches!(
        (local(Access::Write), Repository::open_on(backend.clone(), folder(), Access::Write)),
        (_, Err(StoreError::Locked { .. }))
    ));
}

#[test]
fn a_reader_without_a_disk_sees_what_a_writer_adds() {
    let store = InMemory::new();
    let reading = store.open(Access::Read);
    let reader = reading.reader(CacheSizes::default());
    let [one, two] = two_packs(&store.open(Access::Write));
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100]);
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100]);
    assert_eq!(reading.snapshots().unwrap().len(), 2);
}
