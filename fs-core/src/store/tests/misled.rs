//! An index that leads to the wrong pack for a blob.

use redb::{Builder, ConcurrencyMode, TableDefinition};

use super::*;

const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");

/// Damages the index as a flipped bit would, below redb's notice.
fn change(store: &Store, work: impl FnOnce(&mut redb::Table<'_, [u8; 16], u32>)) {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    let database = builder.open(store.directory.path().join("repository").join(INDEX)).unwrap();
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
    // The index was made again, so the next reader need not search.
    let reader = store.open(Access::Read).reader(CacheSizes::default());
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100], "{what}");
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100], "{what}");
    assert!(!reader.has_searched(), "{what}");
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

/// Another process holds the lock all the time: a reader still reads on.
#[test]
fn while_a_writer_holds_the_lock() {
    let store = Store::new();
    let [one, two] = two_packs(&store.open(Access::Write));
    change(&store, |table| {
        table.insert(one.prefix(), 1 << 20).unwrap();
        table.remove(two.prefix()).unwrap();
    });
    let reading = store.open(Access::Read);
    let _lock = lock::WriterLock::acquire(&reading.local.root()).unwrap();
    let reader = reading.reader(CacheSizes::default());
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100]);
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100]);
    assert!(reading.has_index_in_memory());
}
