//! What `yester diff` tells of two snapshots equals what the models of their steps differ in.

use std::collections::BTreeMap;

use fs_tests::tree::{Entry, Kind, Tree, scan, shown};
use fs_tests::{Mounted, Sandbox};
use proptest::test_runner::TestCaseError;
use serde_json::Value;

/// A path, and whether it was or is there: the two lines of what became something else altogether are two.
type Told = BTreeMap<(Vec<u8>, &'static str), Vec<String>>;

/// Compare what is told of each two neighbours, and of the first and the last.
pub fn check(sandbox: &Sandbox, snapshots: &[(String, Tree)]) -> Result<(), TestCaseError> {
    let neighbours = snapshots.iter().zip(snapshots.iter().skip(1));
    let ends = snapshots.last().zip(snapshots.first());
    for ((before, old), (after, new)) in neighbours.chain(ends) {
        let lines = sandbox.yester(["--json", "diff", "--all", before, after]).run().ok().json_lines();
        let mut told: Told = lines.iter().map(parsed).collect();
        let wanted = expected(old, new);
        // Bytes may be the same where a hole is not: the disk decides about that.
        for ((path, _), aspects) in &mut told {
            let same = old.get(path).zip(new.get(path)).is_some_and(|(old, new)| same_content(old, new));
            aspects.retain(|aspect| aspect != "content" || !same);
        }
        told.retain(|key, aspects| wanted.contains_key(key) || key.1 != "modified" || !aspects.is_empty());
        if told != wanted {
            let differing = |one: &Told, other: &Told| -> Vec<String> {
                let only = one.iter().filter(|(key, aspects)| other.get(key) != Some(aspects));
                only.map(|((path, change), aspects)| format!("{} {change} {aspects:?}", shown(path)))
                    .collect()
            };
            return Err(TestCaseError::fail(format!(
                "{before}..{after}:\n  told, and wrong: {:#?}\n  not told: {:#?}",
                differing(&told, &wanted),
                differing(&wanted, &told)
            )));
        }
    }
    Ok(())
}

fn parsed(line: &Value) -> ((Vec<u8>, &'static str), Vec<String>) {
    let text = |field: &str| line[field].as_str().map(str::to_owned);
    let path = match text("path_bytes") {
        None => text("path").expect("a path").into_bytes(),
        Some(digits) => (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal"))
            .collect(),
    };
    let change = match line["change"].as_str() {
        Some("added") => "added",
        Some("deleted") => "deleted",
        _ => "modified",
    };
    let differs = line["differs"].as_array().into_iter().flatten();
    ((path, change), differs.map(|aspect| aspect.as_str().expect("a word").to_owned()).collect())
}

fn expected(old: &Tree, new: &Tree) -> Told {
    let mut told = Told::new();
    for path in old.keys().chain(new.keys()) {
        match (old.get(path), new.get(path)) {
            (Some(before), Some(after)) if is_folder(before) == is_folder(after) => {
                let aspects = aspects(before, after);
                if !aspects.is_empty() {
                    told.insert((path.clone(), "modified"), aspects);
                }
            }
            (before, after) => {
                let both = [("deleted", before), ("added", after)];
                told.extend(
                    both.into_iter()
                        .filter(|(_, entry)| entry.is_some())
                        .map(|(change, _)| ((path.clone(), change), Vec::new())),
                );
            }
        }
    }
    told
}

fn is_folder(entry: &Entry) -> bool {
    entry.kind == Kind::Directory
}

/// Whether bytes, a link's target and a device's number are the same.
fn same_content(before: &Entry, after: &Entry) -> bool {
    (&before.data, before.rdev) == (&after.data, after.rdev)
}

fn aspects(before: &Entry, after: &Entry) -> Vec<String> {
    let kind = before.kind != after.kind;
    let differing = [
        ("type", kind),
        ("content", !kind && !same_content(before, after)),
        ("mode", before.mode != after.mode),
        ("owner", (before.uid, before.gid) != (after.uid, after.gid)),
        ("time", before.mtime != after.mtime),
        ("xattrs", before.xattrs != after.xattrs),
    ];
    differing.into_iter().filter(|(_, differ)| *differ).map(|(aspect, _)| aspect.to_owned()).collect()
}

/// Compare `@changes/@A..@B` of the first and the last snapshot, and of the first and its neighbour: each file there is the very one of
/// the snapshot, and no other is there.
pub fn check_mounted(mounted: &Mounted, snapshots: &[(String, Tree)]) -> Result<(), TestCaseError> {
    let ((Some((first, old)), Some(next)), Some(last)) =
        ((snapshots.first(), snapshots.get(1)), snapshots.last())
    else {
        return Ok(());
    };
    for (after, new) in [next, last] {
        let told = expected(old, new);
        let folder = mounted.path(format!("@changes/{first}..{after}"));
        for (part, shown_in) in [("added", after), ("modified", after), ("deleted", first)] {
            let (seen, whole) = (scan(&folder.join(part)), scan(&mounted.path(shown_in)));
            for (path, entry) in &seen {
                let is_told = told.contains_key(&(path.clone(), part));
                // A hole that came or went is a change that the model does not know.
                let may_be = is_folder(entry) && old.contains_key(path) && new.contains_key(path)
                    || part == "modified" && same_content(&old[path], &new[path]);
                let same = is_folder(entry) || *entry == whole[path];
                if !same || !(is_told || may_be) {
                    return Err(TestCaseError::fail(format!(
                        "{first}..{after}: {} should not be in {part}, or not so ({:?})",
                        shown(path),
                        entry.kind
                    )));
                }
            }
            let missing =
                told.keys().filter(|(_, change)| *change == part).find(|(path, _)| !seen.contains_key(path));
            if let Some((path, _)) = missing {
                return Err(TestCaseError::fail(format!(
                    "{first}..{after}: {} is not in {part}",
                    shown(path)
                )));
            }
        }
    }
    Ok(())
}
