//! What the index does not lead to is read all the same.

use redb::{Database, TableDefinition};

use super::*;

const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");

/// Damages the index as a flipped bit would, below redb's notice.
fn change(store: &Store, work: impl FnOnce(&mut redb::Table<'_, [u8; 16], u32>)) {
    let database = Database::open(store.directory.path().join("repository/index.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    work(&mut transaction.open_table(BLOBS).unwrap());
    transaction.commit().unwrap();
}

fn assert_both_read(store: &Store, [one, two]: [BlobId; 2], what: &str) {
    let reader = store.open(Access::Read).reader(CacheSizes::default());
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100], "{what}");
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100], "{what}");
    let absent = BlobId([9; 32]);
    assert!(matches!(reader.blob(&absent), Err(StoreError::MissingBlob(id)) if id == absent), "{what}");
}

#[test]
fn a_key_with_a_flipped_bit() {
    let store = Store::new();
    let blobs = two_packs(&store.open(Access::Write));
    change(&store, |table| {
        let mut key = blobs[0].prefix();
        let number = table.remove(key).unwrap().unwrap().value();
        key[3] ^= 16;
        table.insert(key, number).unwrap();
    });
    assert_both_read(&store, blobs, "a key");
}

#[test]
fn the_number_of_another_pack_and_of_none() {
    let store = Store::new();
    let blobs = two_packs(&store.open(Access::Write));
    for number in [0, 1, 1 << 20] {
        change(&store, |table| {
            for id in blobs {
                table.insert(id.prefix(), number).unwrap();
            }
        });
        assert_both_read(&store, blobs, &format!("all in pack {number}"));
    }
}
