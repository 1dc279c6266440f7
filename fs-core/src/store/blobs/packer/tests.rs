use super::*;
use crate::format::{BlobId, Keys, Secret};
use crate::store::blobs::packs::{PackEnd, read_end};
use crate::store::index::basis::Basis;
use crate::store::index::live::LiveIndex;
use crate::store::{Backend, CacheSizes, Listed, MemoryBackend, ObjectKind, Put};

/// Refuses all packs except the first.
#[derive(Debug, Default)]
struct FullDisk(MemoryBackend);

impl Backend for FullDisk {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        if self.0.list(ObjectKind::Pack)?.is_empty() {
            return self.0.put(object, bytes);
        }
        Err(StoreError::io("write", "the disk")(std::io::ErrorKind::StorageFull.into()))
    }

    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError> {
        self.0.put_new(object, bytes)
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        self.0.get_range(object, offset, len)
    }

    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        self.0.size(object)
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        self.0.list(kind)
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.0.delete(object)
    }
}

fn packer(backend: Arc<dyn Backend>) -> (Packer, Keys) {
    let keys = Keys::derive(&Secret([1; 32]));
    let basis = Basis::of_test(Arc::clone(&backend), keys.clone());
    let index = Arc::new(LiveIndex::in_memory(basis).unwrap());
    let reader = Reader::new(backend, keys.clone(), index, CacheSizes::default());
    (Packer::new(reader, Pending::default()), keys)
}

/// A block of one incompressible blob. `number` decides its length, so that some blocks take much longer than
/// others.
fn block(keys: &Keys, number: u64) -> (BlobId, Job) {
    let len = if number.is_multiple_of(3) { 1 << 20 } else { 1000 };
    let mut state = number;
    let blob: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(len)
    .collect();
    let id = keys.blob_id(&blob);
    let mut block = OpenBlock::default();
    block.push(id, &blob);
    (id, Job::Block(PackKind::Data, block))
}

#[test]
fn packs_keep_the_order_of_the_walk() {
    let backend = Arc::new(MemoryBackend::default());
    let (mut packer, keys) = packer(Arc::clone(&backend) as Arc<dyn Backend>);
    let mut sent = Vec::new();
    for number in 0..60 {
        let (id, job) = block(&keys, number);
        sent.push(id);
        packer.send(job).unwrap();
    }
    let bytes = packer.finish().unwrap();
    let names = backend.list(ObjectKind::Pack).unwrap();
    let [name] = names.as_slice() else { panic!("{} packs", names.len()) };
    let PackEnd { catalogue, size, .. } =
        read_end(&*backend, &keys, crate::format::PackId::parse(&name.name).unwrap()).unwrap();
    assert_eq!(bytes, size);
    assert_eq!(catalogue.blobs().map(|(id, _)| id).collect::<Vec<_>>(), sent);
}

#[test]
fn a_failure_is_reported_to_who_sends_and_again_at_the_end() {
    let (mut packer, keys) = packer(Arc::new(FullDisk::default()));
    // Three blocks take a megabyte, so the second pack is closed long before the last block.
    let error = (0..600).find_map(|number| packer.send(block(&keys, number).1).err()).expect("an error");
    assert!(error.to_string().contains("the disk"), "{error}");
    assert!(packer.finish().is_err());
}

#[test]
fn nothing_sent_stores_nothing() {
    let backend = Arc::new(MemoryBackend::default());
    let (mut packer, _) = packer(Arc::clone(&backend) as Arc<dyn Backend>);
    assert_eq!(packer.finish().unwrap(), 0);
    assert_eq!(backend.list(ObjectKind::Pack).unwrap(), []);
}

#[test]
fn dropped_without_a_finish_it_stores_no_last_pack() {
    let backend = Arc::new(MemoryBackend::default());
    let (mut packer, keys) = packer(Arc::clone(&backend) as Arc<dyn Backend>);
    for number in 0..5 {
        packer.send(block(&keys, number).1).unwrap();
    }
    drop(packer);
    assert_eq!(backend.list(ObjectKind::Pack).unwrap(), []);
}
