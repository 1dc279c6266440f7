//! An index that leads to the wrong pack for a blob.

use std::collections::HashSet;
use std::thread;

use redb::{Builder, ConcurrencyMode, TableDefinition};

use super::*;
use crate::store::blobs::search::Searches;

const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");

/// Damages the index as a flipped bit would, unnoticed by redb.
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
    assert!(
        matches!(reader.blob(&absent), Err(StoreError::MissingBlob(id)) if id == absent.prefix()),
        "{what}"
    );
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
        let mut key = blobs[0].prefix().0;
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
                table.insert(id.prefix().0, number).unwrap();
            }
        });
        assert_both_read(&store, blobs, &format!("all in pack {number}"));
    }
}

/// Another process holds the lock all the time. A reader can read nevertheless.
#[test]
fn while_a_writer_holds_the_lock() {
    let store = Store::new();
    let [one, two] = two_packs(&store.open(Access::Write));
    change(&store, |table| {
        table.insert(one.prefix().0, 1 << 20).unwrap();
        table.remove(two.prefix().0).unwrap();
    });
    let reading = store.open(Access::Read);
    let _lock = reading.basis.lock().unwrap();
    let reader = reading.reader(CacheSizes::default());
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100]);
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100]);
    assert!(reading.has_index_in_memory());
}

/// A writer stores packs before it adds them to the index. That is no fault of the index.
#[test]
fn a_pack_that_is_not_indexed_yet_is_no_fault() {
    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let writing = store.open(Access::Write);
    let file = writing.index.current().file();
    let (number, _) = writing.index.packs().unwrap()[0];
    writing.index.current().remove(&HashSet::from([number])).unwrap();
    let reading = store.open(Access::Read);
    let reader = reading.reader(CacheSizes::default());
    let absent = BlobId([9; 32]);
    assert!(matches!(reader.blob(&absent), Err(StoreError::MissingBlob(_))));
    assert!(reader.has_searched());
    assert!(!reading.has_index_in_memory());
    assert_eq!(writing.index.current().file(), file);
}

/// This happens in a copy of a repository whose index was copied before its packs.
#[test]
fn packs_that_the_index_lacks_are_taken_up() {
    let store = Store::new();
    let [one, two] = two_packs(&store.open(Access::Write));
    let writing = store.open(Access::Write);
    let numbers = writing.index.packs().unwrap().into_iter().map(|(number, _)| number);
    writing.index.current().remove(&numbers.collect()).unwrap();
    drop(writing);
    let reader = store.open(Access::Read).reader(CacheSizes::default());
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100]);
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100]);
    assert_eq!(store.open(Access::Read).index.packs().unwrap().len(), 2);
}

/// An index in memory is used only until there is a sound file.
#[test]
fn a_reader_returns_to_a_sound_file() {
    let store = Store::new();
    let [one, two] = two_packs(&store.open(Access::Write));
    change(&store, |table| {
        table.remove(two.prefix().0).unwrap();
    });
    let reading = store.open(Access::Read);
    let reader = reading.reader(CacheSizes::default());
    let lock = reading.basis.lock().unwrap();
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100]);
    assert!(reading.has_index_in_memory());
    reading.recorded_snapshots().unwrap();
    assert!(reading.has_index_in_memory(), "the file is still the damaged one");
    drop(lock);
    let other = store.open(Access::Read).reader(CacheSizes::default());
    assert_eq!(other.blob(&two).unwrap().to_vec(), [2; 100]);
    reading.recorded_snapshots().unwrap();
    assert!(!reading.has_index_in_memory());
    assert_eq!(reader.blob(&one).unwrap().to_vec(), [1; 100]);
    assert_eq!(reader.blob(&two).unwrap().to_vec(), [2; 100]);
}

#[test]
fn one_thread_searches_and_the_others_wait_for_it() {
    let searches = Searches::default();
    assert!(searches.begin());
    thread::scope(|scope| {
        let other = scope.spawn(|| searches.begin());
        searches.end(false);
        // The thread waited for the search. Or it came when no search was running, and must search itself.
        if other.join().unwrap() {
            searches.end(false);
        }
    });
    assert!(searches.begin(), "a failed search does not count");
    searches.end(true);
    assert!(!searches.begin(), "the next one may begin after a pause");
}
