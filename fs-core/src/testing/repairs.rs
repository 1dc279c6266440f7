//! Tests crashes after every operation of a repair.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::crashes::{Moment, Tried, fast_directory, is_index_write, stride};
use super::history::{Files, give, import, names, plant, read_directory, versions};
use super::medium::{Fate, Medium, materialise, scan};
use super::recording::{Recording, Step};
use crate::format::{Kind, PackId, SnapshotId};
use crate::maintain::{CheckOptions, RepairOptions, Repaired, check, repair};
use crate::monitor::{Cancellation, Silent};
use crate::store::{Access, CacheSizes, Repository};

/// The readable files, by the second of their snapshot.
type Readable = BTreeMap<i64, Files>;

/// Number of saved blobs, by the damaged pack. It is the same after a crash as without one.
type Salvaged = BTreeMap<PackId, u64>;

fn salvaged_of(repaired: &Repaired) -> Salvaged {
    repaired.damaged_packs.iter().map(|damaged| (damaged.pack, damaged.salvaged)).collect()
}

fn repaired(root: &Path) -> Repaired {
    repair(root, RepairOptions::default(), &Silent, &Cancellation::default(), &mut |_| {}).unwrap()
}

/// Reads everything readable. Of two snapshots of one time, as in the midst of a repair, the better one
/// counts.
fn readable(root: &Path) -> Readable {
    let repository = Repository::open(root, Access::Read).unwrap();
    let reader = repository.reader(CacheSizes::default());
    let mut all = Readable::new();
    for id in repository.snapshots().unwrap() {
        let Ok(manifest) = repository.manifest(&id) else { continue };
        let Kind::Directory(top) = manifest.root.kind else { panic!("{:?}", manifest.root) };
        let mut files = Files::new();
        read_directory(&reader, top, Path::new(""), &mut files, &mut |_| {});
        let known = all.entry(manifest.time.secs()).or_default();
        if known.len() < files.len() {
            *known = files;
        }
    }
    all
}

/// The tags that can be looked up, with the second of their snapshot.
fn named(root: &Path) -> BTreeSet<(i64, Box<str>)> {
    let repository = Repository::open(root, Access::Read).unwrap();
    let of = |(id, name)| Some((repository.manifest(&id).ok()?.time.secs(), name));
    names(&repository).into_iter().filter_map(of).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let tree = scan(folder);
    let files = tree.into_iter().filter(|(_, bytes)| bytes.is_some());
    files.map(|(path, _)| folder.join(path)).collect()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Creates a repository in which a block, a catalogue, a header and a manifest are damaged, and two packs are
/// swapped.
fn damaged(directory: &Path) -> PathBuf {
    let root = directory.join("repository");
    Repository::init(&root).unwrap();
    for (number, files) in versions().into_iter().enumerate() {
        let tree = directory.join(number.to_string());
        plant(&files, &tree);
        let repository = Repository::open(&root, Access::Write).unwrap();
        let id = import(&repository, &tree, i64::try_from(number).unwrap());
        give(&repository, id, &format!("version-{number}"));
        give(&repository, id, "all");
    }
    let mut packs = files_below(&root.join("packs"));
    // Sorted by age, which decides the snapshots that need them.
    packs.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    assert!(packs.len() >= 7, "{packs:?}");
    let middle = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    change(&packs[2], middle);
    change(&packs[3], |bytes| bytes.truncate(bytes.len() - 30));
    change(&packs[4], |bytes| bytes[0] ^= 1);
    let swapped = fs::read(&packs[5]).unwrap();
    fs::rename(&packs[6], &packs[5]).unwrap();
    fs::write(&packs[6], swapped).unwrap();
    // A manifest of the oldest snapshot: the other snapshots need the damaged packs.
    let repository = Repository::open(&root, Access::Read).unwrap();
    let is_first = |path: &&PathBuf| {
        let id = SnapshotId::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
        repository.manifest(&id).unwrap().time.secs() == 0
    };
    let manifests = files_below(&root.join("snapshots"));
    change(manifests.iter().find(is_first).unwrap(), middle);
    root
}

/// Checks that the repository can be used, that everything readable before remains readable, and that a
/// repair ends well.
fn check_crash(root: &Path, before: &Readable, tags: &BTreeSet<(i64, Box<str>)>, salvaged: &Salvaged) {
    let keeps = |now: &Readable| {
        assert!(named(root).is_superset(tags), "{tags:?} became {:?}", named(root));
        for (time, files) in before {
            let found = now.get(time).expect("a snapshot");
            for (path, bytes) in files {
                assert!(found.get(path) == Some(bytes), "{path} of snapshot {time}");
            }
        }
    };
    keeps(&readable(root));
    drop(Repository::open(root, Access::Write).unwrap());
    keeps(&readable(root));
    let repairs = repaired(root);
    for (pack, blobs) in salvaged_of(&repairs) {
        assert_eq!(salvaged[&pack], blobs, "of a pack: {repairs:?}");
    }
    keeps(&readable(root));
    let options = CheckOptions { read_data: Some(100) };
    let report = check(root, options, &Silent, &Cancellation::default()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let again = repaired(root);
    assert!(again.is_clean(), "{again:?}");
    let repository = Repository::open(root, Access::Read).unwrap();
    let snapshots = repository.snapshots().unwrap();
    let times: BTreeSet<_> = snapshots.iter().map(|id| repository.manifest(id).unwrap().time).collect();
    assert_eq!(times.len(), snapshots.len(), "a snapshot that was rewritten twice");
}

#[test]
fn a_crash_in_a_repair_loses_nothing() {
    let directory = fast_directory();
    let root = damaged(directory.path());
    let (before, tags) = (readable(&root), named(&root));
    assert!(tags.len() >= 5, "{tags:?}");
    let mut medium = Medium::holding(&scan(&root));
    let (steps, salvaged): (Vec<Step>, Salvaged) = {
        let recording = Recording::of(&root);
        let repaired = repaired(&root);
        assert!(repaired.damaged_packs.len() == 5 && repaired.lost_manifests.len() == 1, "{repaired:?}");
        assert!(!repaired.repaired_snapshots.is_empty(), "{repaired:?}");
        (recording.steps(), salvaged_of(&repaired))
    };
    let crashed = directory.path().join("crashed");
    let (mut tried, mut passed) = (Tried::default(), 0);
    for step in 0..=steps.len() {
        if let Some(last) = step.checked_sub(1) {
            medium.apply(&steps[last]);
            if is_index_write(&steps[last]) {
                passed += 1;
                if passed % stride() != 0 {
                    continue;
                }
            }
        }
        for fate in [Fate::Everything, Fate::Nothing, Fate::NamesAndZeros, Fate::Some(step as u64)] {
            let tree = medium.after(fate);
            if !tried.is_new(&tree) {
                continue;
            }
            let _moment = Moment(&steps, step, format!("{fate:?}"));
            materialise(&tree, &crashed);
            check_crash(&crashed, &before, &tags, &salvaged);
        }
    }
    println!("{} steps, {} crashes", steps.len(), tried.len());
}
