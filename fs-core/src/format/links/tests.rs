use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::format::{Keys, Secret};

/// Searches a table in memory for a path. Also returns the number of records read.
fn find(table: &[u8], path: PathKey) -> (Result<Option<Group>, FormatError>, u32) {
    let mut search = LinkSearch::new(path, (table.len() / LINK_RECORD_LEN) as u64);
    let mut reads = 0;
    while let Some(at) = search.next() {
        reads += 1;
        let at = at as usize * LINK_RECORD_LEN;
        match LinkRecord::decode(&table[at..at + LINK_RECORD_LEN]).and_then(|record| search.see(&record)) {
            Ok(None) => {}
            found => return (found, reads),
        }
    }
    (Ok(None), reads)
}

fn checked(table: &[u8]) -> Result<(), FormatError> {
    let mut check = LinkCheck::default();
    for record in table.chunks(LINK_RECORD_LEN) {
        check.push(&LinkRecord::decode(record)?)?;
    }
    check.finish()
}

/// Upper bound on the records read, as every third step halves the range.
fn most_reads(records: usize) -> u32 {
    3 * (records + 1).next_power_of_two().trailing_zeros() + 3
}

/// Keys that are random, very close to each other, or near the ends.
fn keys() -> impl Strategy<Value = PathKey> {
    prop_oneof![
        any::<[u8; 16]>(),
        any::<[u8; 2]>().prop_map(|end| {
            let mut key = [7; 16];
            key[14..].copy_from_slice(&end);
            key
        }),
        any::<[u8; 16]>().prop_map(|key| key.map(|byte| if byte % 2 == 0 { 0 } else { 0xff })),
    ]
    .prop_map(PathKey)
}

proptest! {
    #[test]
    fn a_table_is_as_a_map(
        keys in prop::collection::btree_set(keys(), 0..300),
        size in 1usize..5,
        others in prop::collection::vec(keys(), 20),
        order in any::<u64>(),
    ) {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|key| blake3::keyed_hash(&[order.to_le_bytes()[0]; 32], &key.0).to_hex());
        let mut model = BTreeMap::new();
        let mut builder = LinkTableBuilder::default();
        for group in keys.chunks(size) {
            builder.push(group);
            let names = group.len() as u32;
            if names > 1 {
                let first = *group.iter().min().unwrap();
                model.extend(group.iter().map(|path| (*path, Group { first, names })));
            }
        }
        let table = builder.finish();
        prop_assert_eq!(table.len(), model.len() * LINK_RECORD_LEN);
        prop_assert_eq!(checked(&table), Ok(()));
        for path in keys.into_iter().chain(others) {
            let (found, reads) = find(&table, path);
            prop_assert_eq!(found, Ok(model.get(&path).copied()));
            prop_assert!(reads <= most_reads(model.len()), "{} reads of {}", reads, model.len());
        }
    }

    #[test]
    fn any_bytes_are_searched_or_refused(
        bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>(), Just(0xff)], 0..4000),
        path in keys(),
    ) {
        let table = &bytes[..bytes.len() - bytes.len() % LINK_RECORD_LEN];
        let (_, reads) = find(table, path);
        prop_assert!(reads <= most_reads(table.len() / LINK_RECORD_LEN));
        let _ = checked(table);
    }

    #[test]
    fn records_survive(path in any::<[u8; 16]>(), first in any::<[u8; 16]>(), names in any::<u32>()) {
        let record = LinkRecord { path: PathKey(path), group: Group { first: PathKey(first), names } };
        let sound = first <= path && names >= 2;
        prop_assert_eq!(LinkRecord::decode(&record.encode()).ok(), sound.then_some(record));
    }
}

/// Keys of a tree of `directories` directories with `files` linked files each.
fn tree(directories: u32, files: u32) -> Vec<PathKey> {
    let keys = Keys::derive(&Secret([7; 32]));
    let directory = |number: u32| keys.path_key(PathKey::ROOT, &number.to_le_bytes());
    let below = |directory| (0..files).map(move |file| (directory, file));
    (0..directories)
        .flat_map(|number| below(directory(number)))
        .map(|(directory, file)| keys.path_key(directory, &file.to_le_bytes()))
        .collect()
}

#[test]
fn few_records_are_read() {
    for (directories, files) in [(1, 20_000), (2000, 10), (20_000, 1)] {
        let paths = tree(directories, files);
        let mut builder = LinkTableBuilder::default();
        paths.chunks(2).for_each(|pair| builder.push(pair));
        let table = builder.finish();
        let reads: u32 = paths.iter().map(|path| find(&table, *path).1).sum();
        println!(
            "{directories} directories of {files} files: {reads} records read for {} paths",
            paths.len()
        );
        assert!(reads as usize <= 12 * paths.len(), "{reads} records read for {} paths", paths.len());
    }
}

#[test]
fn groups_that_do_not_add_up_are_found() {
    let record = |path: u8, first: u8, names| {
        LinkRecord { path: PathKey([path; 16]), group: Group { first: PathKey([first; 16]), names } }.encode()
    };
    let table = |records: &[[u8; LINK_RECORD_LEN]]| checked(records.as_flattened());
    let names = Err(FormatError::Invalid("number of names of a hard link"));
    let order = Err(FormatError::Invalid("order of the hard links"));
    assert_eq!(table(&[record(1, 1, 2), record(2, 1, 2), record(3, 3, 2), record(4, 3, 2)]), Ok(()));
    // One name is missing, one is extra, or one belongs to another group.
    assert_eq!(table(&[record(1, 1, 3), record(2, 1, 3)]), names);
    assert_eq!(table(&[record(1, 1, 2), record(2, 1, 2), record(3, 1, 2)]), names);
    assert_eq!(table(&[record(1, 1, 2), record(2, 1, 2), record(3, 2, 2), record(4, 3, 2)]), names);
    // The names disagree on their number, or the first one is missing.
    assert_eq!(table(&[record(1, 1, 2), record(2, 1, 3)]), names);
    assert_eq!(table(&[record(2, 1, 2), record(3, 1, 2)]), names);
    assert_eq!(table(&[record(2, 2, 2), record(1, 1, 2)]), order);
    assert_eq!(table(&[record(2, 2, 2), record(2, 2, 2)]), order);
}
