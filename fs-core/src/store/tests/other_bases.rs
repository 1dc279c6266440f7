//! A catalogue and its blocks name the bases of deltas, and must name the same.

use super::*;
use crate::format::{BlockBuilder, BlockEncoder, Catalogue, PackBuilder, PackId, SealedPack};
use crate::store::random::new_salt;

/// Stores a pack of one block, whose catalogue names these bases. Returns its id and catalogue.
fn store(repository: &Repository, body: &[u8], bases: &[&[u8]], blob: &[u8]) -> (PackId, Catalogue) {
    let keys = repository.keys();
    let bases: Vec<_> = bases.iter().map(|base| keys.blob_id(base).prefix()).collect();
    let mut pack = PackBuilder::new(keys, PackKind::Data, new_salt().unwrap());
    pack.push(body, &bases, [(keys.blob_id(blob), blob.len() as u32)].into_iter());
    let SealedPack { id, bytes, catalogue } = pack.finish(keys).unwrap();
    repository.backend.put(&Object::pack(id), &bytes).unwrap();
    (id, catalogue)
}

#[test]
fn a_check_notices_that_they_differ() {
    let store_of = InMemory::new();
    let repository = store_of.open(Access::Read);
    let [base, other, blob] = [&[1; 3000][..], &[2; 3000], &[3; 3000]];
    let mut encoder = BlockEncoder::new(3).unwrap();
    let mut full = |bytes: &[u8]| {
        let mut block = BlockBuilder::default();
        block.push(bytes);
        encoder.full(&block).unwrap()
    };
    for bytes in [base, other] {
        store(&repository, &full(bytes), &[], bytes);
    }
    let mut block = BlockBuilder::default();
    block.push(blob);
    let of_base = repository.keys().blob_id(base).prefix();
    let delta = BlockEncoder::new(3).unwrap().delta(&block, &[of_base], base).unwrap();
    let packs = [base, other].map(|named| store(&repository, &delta, &[named], blob));
    drop(repository);
    drop(store_of.open(Access::Write));
    let repository = store_of.open(Access::Read);
    let reader = repository.reader(CacheSizes::default());
    let [right, wrong] =
        packs.map(|(pack, catalogue)| reader.verify_block(pack, catalogue.block(0).unwrap()));
    right.unwrap();
    assert!(wrong.unwrap_err().to_string().contains("base of a blob: the catalogue has another"));
}
