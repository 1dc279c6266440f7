//! Packs and manifests vanish while a repair runs, as when a file system is unmounted.

use std::fs;
use std::path::Path;

use super::*;
use crate::maintain::tree_reader::{IndexEvidence, TreeReader};
use crate::store::{CacheSizes, StoreError};

/// Runs a function once, when a phase begins.
struct At<F> {
    phase: Phase,
    work: Mutex<Option<F>>,
}

impl<F: FnOnce() + Send> Monitor for At<F> {
    fn work(&self, work: &Work) {
        if work.phase == self.phase
            && let Some(work) = self.work.lock().unwrap().take()
        {
            work();
        }
    }
}

/// A repository with several packs.
fn store() -> Store {
    let store = Store::new();
    for byte in 0..4u8 {
        store.add(|writer| {
            let id = writer.put(PackKind::Data, &[byte; 200], None).unwrap();
            vec![("file", file(200, Content::Blob(id)))]
        });
    }
    store
}

fn repair_while(
    store: &Store,
    phase: Phase,
    really: bool,
    work: impl FnOnce() + Send,
) -> Result<Repaired, MaintainError> {
    let monitor = At { phase, work: Mutex::new(Some(work)) };
    let options = RepairOptions { dry_run: false, really };
    let repaired = repair(&store.root, options, &monitor, &Cancellation::default(), &mut |_| {});
    assert!(monitor.work.lock().unwrap().is_none(), "{phase:?} did not come");
    repaired
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn packs_that_vanish_meanwhile_are_not_given_up() {
    let store = store();
    let (packs, away) = (store.root.join("packs"), store.root.join("away"));
    let snapshots = names(&store.root.join("snapshots"));
    for phase in [Phase::Verifying, Phase::DamagedPaths] {
        let result = repair_while(&store, phase, false, || {
            fs::rename(&packs, &away).unwrap();
            fs::create_dir(&packs).unwrap();
        });
        assert!(
            matches!(
                result,
                Err(MaintainError::MostMissing(_)
                    | MaintainError::Vanished(_)
                    | MaintainError::Store(StoreError::Missing(_)))
            ),
            "{phase:?}: {result:?}"
        );
        assert_eq!(names(&store.root.join("snapshots")), snapshots, "{phase:?}");
        fs::remove_dir(&packs).unwrap();
        fs::rename(&away, &packs).unwrap();
    }
    assert!(store.repair_really().is_clean());
}

#[test]
fn one_pack_that_vanishes_after_it_was_read_is_not_given_up() {
    let store = store();
    let pack = pack_files(&store.root).into_iter().next().unwrap();
    let away = store.root.join("away");
    let result = repair_while(&store, Phase::DamagedPaths, true, || fs::rename(&pack, &away).unwrap());
    assert!(
        matches!(result, Err(MaintainError::Vanished(1) | MaintainError::Store(StoreError::Missing(_)))),
        "{result:?}"
    );
    fs::rename(&away, &pack).unwrap();
    assert!(store.repair_really().is_clean());
}

/// A reader that keeps the rest of a snapshot must not take a vanished pack for a loss.
#[test]
fn a_node_whose_pack_is_away_is_not_lost() {
    let store = store();
    let repository = Repository::open(&store.root, Access::Read).unwrap();
    let id = repository.snapshots().unwrap()[0];
    let Kind::Directory(root) = repository.manifest(&id).unwrap().root.kind else { panic!("no directory") };
    let read = || {
        let reader = repository.reader(CacheSizes::default());
        TreeReader::new(reader.clone(), &mut IndexEvidence(reader)).node(&root, 0)
    };
    assert!(read().unwrap().is_some());
    fs::rename(store.root.join("packs"), store.root.join("away")).unwrap();
    assert!(read().is_err());
}

#[test]
fn most_manifests_are_not_given_up_at_once() {
    let store = store();
    let (snapshots, away) = (store.root.join("snapshots"), store.root.join("away"));
    fs::rename(&snapshots, &away).unwrap();
    fs::create_dir(&snapshots).unwrap();
    let result = repair_while(&store, Phase::Verifying, false, || {});
    assert!(
        matches!(&result, Err(MaintainError::MostMissing(told)) if told.starts_with("4 of 4")),
        "{result:?}"
    );
    fs::remove_dir(&snapshots).unwrap();
    fs::rename(&away, &snapshots).unwrap();
    assert!(store.repair_really().is_clean());
}

impl Store {
    fn repair_really(&self) -> Repaired {
        let options = RepairOptions { dry_run: false, really: true };
        repair(&self.root, options, &Silent, &Cancellation::default(), &mut |_| {}).unwrap()
    }
}
