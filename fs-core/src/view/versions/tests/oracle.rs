//! Finds the same answers by looking at every snapshot.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::view::fixtures::Files;

/// All paths that a history may have. `d` and `d/e` are directories if something is below them.
pub(super) const PATHS: [&str; 9] = ["a", "a;1", "a;-1", "d", "d/a", "d/e", "d/e/a", "d/e/@first", "never"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Directory,
    File(u32),
}

/// Histories of snapshots that differ in a few paths at a time.
pub(super) fn histories() -> impl Strategy<Value = Vec<Files>> {
    let change = (0..PATHS.len() - 1, prop::option::weighted(0.7, 0..3_u32));
    let snapshot = (vec(change, 0..4), any::<bool>());
    vec(snapshot, 1..12).prop_map(|snapshots| {
        let mut files = Files::new();
        let play = |(changes, crowd): (Vec<(usize, Option<u32>)>, bool)| {
            for (path, number) in changes {
                set(&mut files, PATHS[path], number);
            }
            // The number is so large that the directory has several leaves.
            if crowd && matches!(at(&files, "d"), State::Directory) {
                files.extend((0..400).map(|number| (format!("d/many-{number}"), 7)));
            }
            files.clone()
        };
        snapshots.into_iter().map(play).collect()
    })
}

fn set(files: &mut Files, path: &str, number: Option<u32>) {
    files.remove(path);
    let Some(number) = number else { return };
    // Entries that are in the way are removed.
    files.retain(|other, _| {
        !other.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{other}/"))
    });
    files.insert(path.to_owned(), number);
}

pub(super) fn at(files: &Files, path: &str) -> State {
    match files.get(path) {
        Some(number) => State::File(*number),
        None if files.keys().any(|other| other.starts_with(&format!("{path}/"))) => State::Directory,
        None => State::Absent,
    }
}

pub(super) fn states(history: &[Files], path: &str) -> Vec<State> {
    history.iter().map(|files| at(files, path)).collect()
}

/// Distinct numbers, in the order in which they were first seen.
pub(super) fn distinct(numbers: &[u32]) -> Vec<u32> {
    let mut seen = Vec::new();
    for number in numbers {
        if !seen.contains(number) {
            seen.push(*number);
        }
    }
    seen
}

pub(super) fn number(numbers: &[u32], of: u32) -> Option<u32> {
    let at = distinct(numbers).iter().position(|number| *number == of)?;
    u32::try_from(at + 1).ok()
}

/// The file at the path, `changes` changes before the state at `index`.
pub(super) fn before(history: &[Files], path: &str, index: usize, changes: usize) -> Option<u32> {
    let states = states(history, path);
    let mut past: Vec<u32> = Vec::new();
    for state in &states[..=index] {
        if let State::File(number) = state
            && past.last() != Some(number)
        {
            past.push(*number);
        }
    }
    if let State::File(_) = states[index] {
        past.pop();
    }
    past.len().checked_sub(changes).map(|at| past[at])
}

/// All paths that ever existed, including directories, in the order of a walk.
pub(super) fn all_paths(history: &[Files]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in history.iter().flat_map(|files| files.keys()) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        paths.extend(ends.map(|end| path[..end].to_owned()));
    }
    paths.sort_by(|a, b| a.split('/').cmp(b.split('/')));
    paths.dedup();
    paths
}
