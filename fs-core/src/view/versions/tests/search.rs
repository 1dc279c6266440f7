//! A search in all history finds what a look at every snapshot finds.

use proptest::prelude::*;

use super::oracle::{self, State, histories};
use super::{Hit, Query, view_of_files};
use crate::view::View;
use crate::view::fixtures::Files;

fn search(view: &View, query: &Query<'_>) -> Vec<Hit> {
    let sources = view.sources();
    let mut hits = Vec::new();
    view.search(sources.get(b"source").unwrap(), query, &mut |hit| {
        hits.push(hit);
        true
    })
    .unwrap();
    hits
}

/// Whether a path appeared, changed or went with the snapshot at the index `since`, or later.
fn is_late(history: &[Files], path: &str, since: usize) -> bool {
    let states = oracle::states(history, path);
    let below = |index: usize| -> Vec<_> {
        let inside = format!("{path}/");
        history[index].iter().filter(|(other, _)| other.starts_with(&inside)).collect()
    };
    (since..history.len()).any(|index| {
        let before = index.checked_sub(1);
        let differs = before.map_or(State::Absent, |before| states[before]) != states[index];
        differs || before.is_some_and(|before| below(before) != below(index))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_path_is_found(history in histories(), since in 0..12_usize) {
        let (_folder, view) = view_of_files(&history);
        let all = |_: &[u8], _: &[u8]| true;
        let query = Query { matches: &all, deleted: false, since: 0, larger: None };
        let hits = search(&view, &query);
        let paths: Vec<String> = hits.iter().map(|hit| String::from_utf8(hit.path.to_vec()).unwrap()).collect();
        prop_assert_eq!(&paths, &oracle::all_paths(&history));
        for (path, hit) in paths.iter().zip(&hits) {
            let states = oracle::states(&history, path);
            let there: Vec<usize> = (0..states.len()).filter(|at| states[*at] != State::Absent).collect();
            prop_assert_eq!((hit.first, hit.last, hit.snapshots), (there[0], *there.last().unwrap(), there.len()));
            if let State::File(number) = states[hit.last] {
                prop_assert_eq!(hit.size, u64::from(number % 20));
            }
            let files = oracle::distinct(&super::expected_files(&history, path));
            prop_assert!(hit.versions >= files.len());
        }

        let meant = |query: &Query<'_>| search(&view, query).into_iter().map(|hit| hit.path).collect::<Vec<_>>();
        let deleted: Vec<_> = hits.iter().filter(|hit| hit.last + 1 < history.len()).map(|hit| hit.path.clone()).collect();
        prop_assert_eq!(meant(&Query { deleted: true, ..query }), deleted);
        let named = |_: &[u8], name: &[u8]| name == b"a";
        let of_name: Vec<_> = hits.iter().filter(|hit| hit.path.split(|byte| *byte == b'/').next_back() == Some(b"a")).map(|hit| hit.path.clone()).collect();
        prop_assert_eq!(meant(&Query { matches: &named, ..query }), of_name);
        let larger: Vec<_> = paths.iter().filter(|path| super::expected_files(&history, path).iter().any(|number| number % 20 > 1)).map(|path| path.as_bytes().into()).collect();
        prop_assert_eq!(meant(&Query { larger: Some(1), ..query }), larger);
        let late: Vec<_> = paths.iter().filter(|path| is_late(&history, path, since)).map(|path| path.as_bytes().into()).collect();
        prop_assert_eq!(meant(&Query { since, ..query }), late);
    }
}
