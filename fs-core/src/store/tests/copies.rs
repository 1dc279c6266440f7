//! A blob in two packs can be read as long as one of the packs can.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::format::{FRAME_HEADER_LEN, PACK_HEADER_LEN};
use crate::monitor::{Cancellation, Silent};

/// A position in the body of a pack's first block.
const IN_A_BLOCK: usize = PACK_HEADER_LEN + FRAME_HEADER_LEN + 4;

/// A repository with a blob in two sound packs. Returns the older pack first.
fn two_copies() -> (Store, BlobId, [PathBuf; 2]) {
    let store = Store::new();
    let put = || {
        let repository = store.open(Access::Write);
        let mut writer = repository.writer().unwrap();
        writer.verify();
        // Another blob makes the packs differ.
        let seed = u8::try_from(packs(&store).len()).unwrap();
        writer.put(PackKind::Data, &[seed; 50], None).unwrap();
        let id = writer.put(PackKind::Data, &[7; 100], None).unwrap();
        writer.commit(&manifest(id)).unwrap();
        id
    };
    let id = put();
    let [older] = packs(&store).try_into().unwrap();
    let sound = fs::read(&older).unwrap();
    flip(&older, IN_A_BLOCK);
    assert_eq!(put(), id);
    fs::write(&older, sound).unwrap();
    let newer = packs(&store).into_iter().find(|path| *path != older).unwrap();
    (store, id, [older, newer])
}

fn packs(store: &Store) -> Vec<PathBuf> {
    pack_files(&store.directory.path().join("repository"))
}

fn flip(path: &std::path::Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn assert_read(store: &Store, id: BlobId, what: &str) {
    let read = store.open(Access::Read).reader(CacheSizes::default()).blob(&id);
    assert_eq!(read.map(|blob| blob.to_vec()).ok(), Some(vec![7; 100]), "{what}");
}

#[test]
fn when_one_pack_goes() {
    for victim in 0..2 {
        let (store, id, packs) = two_copies();
        fs::remove_file(&packs[victim]).unwrap();
        assert_read(&store, id, "before anybody noticed");
        let repository = store.open(Access::Write);
        assert!(repository.has_lost_packs());
        // The blob is known without a search, so it is not stored again.
        let mut writer = repository.writer().unwrap();
        writer.put(PackKind::Data, &[7; 100], None).unwrap();
        assert_eq!(writer.commit(&manifest(id)).unwrap().1.new_blobs, 0);
        drop(repository);
        assert_read(&store, id, "after it was taken out of the index");
        assert_eq!(store.open(Access::Read).indexed_packs().unwrap().len(), 1);
    }
}

#[test]
fn when_one_pack_is_damaged_in_a_block_or_in_its_catalogue() {
    for victim in 0..2 {
        for rebuild in [false, true] {
            let (store, id, packs) = two_copies();
            let sound = fs::read(&packs[victim]).unwrap();
            for at in [IN_A_BLOCK, sound.len() - 60] {
                flip(&packs[victim], at);
                if rebuild {
                    let root = store.directory.path().join("repository");
                    Repository::rebuild_index(&root, &Silent, &Cancellation::default()).unwrap();
                }
                assert_read(&store, id, &format!("pack {victim}, byte {at}, rebuilt: {rebuild}"));
                fs::write(&packs[victim], &sound).unwrap();
            }
        }
    }
}
