//! Blobs that are stored twice: in a delta, and in full because the delta could not be read for a while.

use super::*;
use crate::format::{BlockBuilder, BlockEncoder, PackBuilder, PackId, SealedPack};
use crate::store::random::new_salt;

/// Stores a pack of one block, which is a delta if `bases` are given.
fn store_pack(repository: &Repository, blobs: &[&[u8]], bases: &[&[u8]]) -> PackId {
    let keys = repository.keys();
    let mut encoder = BlockEncoder::new(3).unwrap();
    let mut block = BlockBuilder::default();
    blobs.iter().for_each(|blob| block.push(blob));
    let ids: Vec<_> = bases.iter().map(|base| keys.blob_id(base).prefix()).collect();
    let body = match bases {
        [] => encoder.full(&block),
        bases => encoder.delta(&block, &ids, &bases.concat()),
    };
    let mut pack = PackBuilder::new(keys, PackKind::Data, new_salt().unwrap());
    let listed = blobs.iter().map(|blob| (keys.blob_id(blob), blob.len() as u32));
    pack.push(&body.unwrap(), &ids, listed);
    let SealedPack { id, bytes, .. } = pack.finish(keys).unwrap();
    repository.backend.put(&Object::pack(id), &bytes).unwrap();
    id
}

#[test]
fn a_base_is_read_in_full_though_a_delta_of_it_is_at_hand() {
    let store = InMemory::new();
    let repository = store.open(Access::Read);
    let [first, second, third, other] = [&[1; 3000][..], &[2; 3000], &[3; 3000], &[4; 3000]];
    store_pack(&repository, &[first], &[]);
    store_pack(&repository, &[second, other], &[first, first]);
    store_pack(&repository, &[second], &[]);
    store_pack(&repository, &[third], &[second]);
    drop(repository);
    drop(store.open(Access::Write));
    let repository = store.open(Access::Read);
    let reader = repository.reader(CacheSizes::default());
    for blob in [other, third, second] {
        assert_eq!(&*reader.blob(&repository.keys().blob_id(blob)).unwrap(), blob);
    }
}
