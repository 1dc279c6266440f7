//! Random histories of a few paths. Some paths are a file in one snapshot and a directory in another. The
//! engine must return what a look at each snapshot finds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::format::Entry;
use crate::view::fixtures::{Files, numbered, view_of_files};

mod folder;
mod oracle;
mod search;

use oracle::{PATHS, histories};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_trace_is_what_each_snapshot_says(history in histories()) {
        let (_folder, view) = view_of_files(&history);
        let sources = view.sources();
        let source = sources.get(b"source").unwrap();
        for path in PATHS {
            let path_history = view.history(source, path.as_bytes()).unwrap();
            let expected = oracle::states(&history, path);
            for (index, expected) in expected.iter().enumerate() {
                let found = path_history.at(index);
                let walked = view.walk(source, source.timeline.name(index).unwrap().as_bytes(), path.as_bytes());
                prop_assert!(found.is_none() || walked.is_ok());
                match expected {
                    oracle::State::Absent => prop_assert!(found.is_none()),
                    oracle::State::Directory => prop_assert_eq!(found.unwrap().number, None),
                    oracle::State::File(number) => {
                        prop_assert_eq!(&found.unwrap().entry, &numbered(*number));
                        prop_assert_eq!(found.unwrap().number, oracle::number(&expected_files(&history, path), *number));
                    }
                }
                for changes in 1..4 {
                    let before = path_history.before(index, changes).map(|state| state.entry.clone());
                    prop_assert_eq!(before, oracle::before(&history, path, index, changes).map(numbered));
                }
            }
            let versions: Vec<_> = path_history.versions().map(|state| state.entry.clone()).collect();
            let expected = oracle::distinct(&expected_files(&history, path));
            prop_assert_eq!(versions, expected.into_iter().map(numbered).collect::<Vec<_>>());
            // Intervals are consecutive, and neighbours differ.
            let intervals = path_history.intervals();
            prop_assert_eq!(intervals.first().map(|interval| interval.first), Some(0));
            prop_assert_eq!(intervals.last().map(|interval| interval.last), Some(history.len() - 1));
            for pair in intervals.windows(2) {
                prop_assert_eq!(pair[0].last + 1, pair[1].first);
                let body = |interval: &Interval| interval.state.as_ref().map(|state| state.body.clone());
                prop_assert_ne!(body(&pair[0]), body(&pair[1]));
            }
        }
    }
}

/// Threads share this many directories. With few directories the caches keep what is read; with more they do
/// not.
#[test]
fn long_histories_are_followed_as_short_ones_are() {
    for snapshots in [40, 300] {
        let files = |number: u32| {
            let there = [("d/each", number), ("d/same", 1), ("d/some", number / 50)];
            Files::from(there.map(|(path, number)| (path.to_owned(), number)))
        };
        let history: Vec<Files> = (0..snapshots).map(files).collect();
        let (_folder, view) = view_of_files(&history);
        let sources = view.sources();
        let source = sources.get(b"source").unwrap();
        for name in ["d/each", "d/same", "d/some"] {
            // The second look-up uses what the first one has cached.
            for _ in 0..2 {
                let path_history = view.history(source, name.as_bytes()).unwrap();
                let found: Vec<Entry> =
                    (0..history.len()).map(|index| path_history.at(index).unwrap().entry.clone()).collect();
                let expected: Vec<Entry> = history.iter().map(|files| numbered(files[name])).collect();
                assert_eq!(found, expected, "{name}");
                let distinct: BTreeSet<u32> = history.iter().map(|files| files[name]).collect();
                assert_eq!(path_history.versions().count(), distinct.len(), "{name}");
            }
        }
    }
}

/// The numbers of the files at a path, one for each snapshot that has a file there.
fn expected_files(history: &[Files], path: &str) -> Vec<u32> {
    let states = oracle::states(history, path);
    states
        .into_iter()
        .filter_map(|state| match state {
            oracle::State::File(number) => Some(number),
            _ => None,
        })
        .collect()
}
