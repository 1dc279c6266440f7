use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::format::log::Operation;
use crate::format::{BlobId, Manifest, Secret, SnapshotId, Time};
use crate::store::{Access, Listed, MemoryBackend, Object, ObjectKind, Put, Repository};
use crate::testing::samples;

fn repository() -> Arc<dyn Backend> {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    Repository::init_on(&backend, None).unwrap();
    backend
}

fn open(backend: &Arc<dyn Backend>, access: Access) -> Repository {
    Repository::open_on(Arc::clone(backend), None, access).unwrap()
}

fn commit(repository: &Repository, source: &str, secs: i64) -> SnapshotId {
    let (time, source) = (Time::new(secs, 0).unwrap(), source.as_bytes().into());
    let manifest = Manifest { source, time, started: time, ..samples::manifest(BlobId([1; 32])) };
    repository.writer().unwrap().commit(&manifest).unwrap().0
}

/// Three snapshots, of which the second has a tag: four records.
fn history(backend: &Arc<dyn Backend>) -> [SnapshotId; 3] {
    let repository = open(backend, Access::Write);
    let first = commit(&repository, "a", 1);
    let second = commit(&repository, "a", 2);
    assert!(repository.tag(second, "kept", Time::default()).unwrap());
    [first, second, commit(&repository, "b", 3)]
}

fn snapshots(backend: &Arc<dyn Backend>, access: Access) -> Vec<SnapshotId> {
    let mut ids = open(backend, access).snapshots().unwrap();
    ids.sort_unstable();
    ids
}

fn get(backend: &Arc<dyn Backend>, number: u64) -> Vec<u8> {
    backend.get(&Object::record(number), 1 << 20).unwrap()
}

#[test]
fn a_state_is_what_the_records_amount_to() {
    let backend = repository();
    let [first, second, third] = history(&backend);
    let logged = open(&backend, Access::Read).logged().unwrap().unwrap();
    assert_eq!(logged.number, 4);
    let label = |id| {
        let label = &logged.snapshots[&id].label;
        (&*label.source, label.time.secs(), label.number)
    };
    assert_eq!(
        [label(first), label(second), label(third)],
        [(b"a".as_slice(), 1, 1), (b"a", 2, 1), (b"b", 3, 1)]
    );
    assert_eq!(logged.tags.keys().cloned().collect::<Vec<_>>(), [(second, Box::from("kept"))]);
}

#[test]
fn numbers_within_a_second_go_on() {
    let backend = repository();
    let repository = open(&backend, Access::Write);
    let times = [(5, 0), (5, 7), (5, 3), (6, 0)].map(|(secs, nanos)| Time::new(secs, nanos).unwrap());
    let numbers = times.map(|time| {
        let manifest = Manifest { time, ..samples::manifest(BlobId([1; 32])) };
        let id = repository.writer().unwrap().commit(&manifest).unwrap().0;
        repository.logged().unwrap().unwrap().snapshots[&id].label.number
    });
    assert_eq!(numbers, [1, 2, 3, 1]);
}

/// Of two writers that have read the same state, the second one checks again.
#[test]
fn whoever_loses_a_race_checks_again() {
    let backend = repository();
    let [_, second, _] = history(&backend);
    let (one, other) = (open(&backend, Access::Write), open(&backend, Access::Write));
    assert!(one.untag(second, "kept", Time::default()).unwrap());
    assert!(!other.untag(second, "kept", Time::default()).unwrap());
    let id = commit(&other, "a", 9);
    assert!(one.tag(id, "new", Time::default()).unwrap());
    assert_eq!(one.logged().unwrap(), other.logged().unwrap());
}

#[test]
fn many_writers_publish_everything_once() {
    let backend = repository();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let backend = &backend;
            scope.spawn(move || {
                let repository = open(backend, Access::Write);
                for number in 0..10 {
                    commit(&repository, "same", writer * 100 + number);
                }
            });
        }
    });
    let logged = open(&backend, Access::Read).logged().unwrap().unwrap();
    assert_eq!((logged.number, logged.snapshots.len()), (40, 40));
}

#[test]
fn a_checkpoint_stands_for_the_records_before_it() {
    let backend = repository();
    let repository = open(&backend, Access::Write);
    let id = commit(&repository, "a", 1);
    for number in 0..410 {
        assert!(repository.tag(id, &format!("t{number}"), Time::default()).unwrap());
    }
    let names: Vec<String> =
        backend.list(ObjectKind::Checkpoint).unwrap().into_iter().map(|listed| listed.name).collect();
    assert_eq!(names, ["00000000000000000200", "00000000000000000300", "00000000000000000400"]);
    let logged = repository.logged().unwrap().unwrap();
    // Nobody reads the records before it.
    backend.put(&Object::record(7), b"damaged").unwrap();
    assert_eq!(open(&backend, Access::Write).logged().unwrap().unwrap(), logged);
    // A damaged checkpoint is passed over.
    backend.put(&Object::checkpoint(400), b"damaged").unwrap();
    assert_eq!(open(&backend, Access::Write).logged().unwrap().unwrap(), logged);
}

/// Each record damaged, deleted, swapped with another one, or there twice.
#[test]
fn damage_is_noticed_and_a_reset_goes_on_from_what_is_left() {
    type Damage = fn(&Arc<dyn Backend>, u64);
    let damages: [(&str, Damage); 4] = [
        ("flipped", |backend, number| {
            let mut bytes = get(backend, number);
            bytes[70] ^= 1;
            backend.put(&Object::record(number), &bytes).unwrap();
        }),
        ("deleted", |backend, number| backend.delete(&Object::record(number)).unwrap()),
        ("swapped", |backend, number| {
            let other = number % 4 + 1;
            let (one, two) = (get(backend, number), get(backend, other));
            backend.put(&Object::record(number), &two).unwrap();
            backend.put(&Object::record(other), &one).unwrap();
        }),
        ("there twice", |backend, number| {
            backend.put(&Object::record(5), &get(backend, number)).unwrap();
        }),
    ];
    for (what, damage) in damages {
        for number in 1..=4 {
            let backend = repository();
            let mut ids = history(&backend);
            ids.sort_unstable();
            damage(&backend, number);
            let case = format!("{number} {what}");
            // Without the index, which is in memory here, nothing shows that the last record is gone.
            let is_seen = (what, number) != ("deleted", 4);
            let opened = Repository::open_on(Arc::clone(&backend), None, Access::Write);
            assert_eq!(matches!(opened, Err(StoreError::DamagedLog(_))), is_seen, "{case}");
            if !is_seen {
                continue;
            }
            assert_eq!(snapshots(&backend, Access::Read), ids, "{case}");
            let repository = open(&backend, Access::Read);
            assert!(!repository.lost_records().is_empty(), "{case}");
            repository.reset(&BTreeMap::new()).unwrap();
            assert_eq!(repository.lost_records(), [], "{case}");
            assert_eq!(snapshots(&backend, Access::Write), ids, "{case}");
            let tags = open(&backend, Access::Read).tags().unwrap().0.len();
            let is_tag_lost = number == 3 && what != "there twice" || (what, number) == ("swapped", 2);
            assert_eq!(tags, usize::from(!is_tag_lost), "{case}");
            // The log goes on, also without a checkpoint.
            let next = commit(&open(&backend, Access::Write), "c", 10);
            for checkpoint in backend.list(ObjectKind::Checkpoint).unwrap() {
                backend.delete(&Object { kind: ObjectKind::Checkpoint, name: checkpoint.name }).unwrap();
            }
            assert!(snapshots(&backend, Access::Write).contains(&next), "{case}");
            assert_eq!(snapshots(&backend, Access::Write).len(), 4, "{case}");
        }
    }
}

/// A backend whose answers to the writing of records are lost: before it was done, or after.
#[derive(Debug)]
struct Unanswering {
    below: Arc<dyn Backend>,
    calls: AtomicU32,
    /// For each call, by its bits: whether the answer is lost, and whether the request was.
    lost: u32,
}

impl Backend for Unanswering {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        self.below.put(object, bytes)
    }
    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError> {
        let bits = self.lost >> (2 * self.calls.fetch_add(1, Ordering::Relaxed)) & 3;
        let unknown = || Put::Unknown(StoreError::WriterStopped);
        match bits {
            1 => Ok(unknown()),
            3 => self.below.put_new(object, bytes).map(|_| unknown()),
            _ => self.below.put_new(object, bytes),
        }
    }
    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        self.below.get_range(object, offset, len)
    }
    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        self.below.size(object)
    }
    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        self.below.list(kind)
    }
    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.below.delete(object)
    }
}

#[test]
fn a_lost_answer_is_neither_failure_nor_success() {
    for lost in 0..256 {
        let below = repository();
        let keys = open(&below, Access::Read).keys().clone();
        let backend = Arc::new(Unanswering { below: Arc::clone(&below), calls: AtomicU32::new(0), lost });
        let log = Log::open(backend, keys, 0, None).unwrap();
        let publish = |name: u8| {
            let label = |state: &LogState| state.new_label(&[name], Time::default(), None);
            log.publish(Time::default(), |state| {
                let (snapshot, label) = (SnapshotId([name; 32]), label(state)?);
                Ok::<_, StoreError>(Operation::Commit { snapshot, label, packs: Vec::new() })
            })
        };
        publish(b'a').unwrap();
        publish(b'b').unwrap();
        let logged = open(&below, Access::Read).logged().unwrap().unwrap();
        assert_eq!((logged.number, logged.snapshots.len()), (2, 2), "{lost:#x}");
    }
}

#[test]
fn a_change_that_nobody_could_read_is_not_written() {
    let backend = repository();
    let [_, second, _] = history(&backend);
    let before = open(&backend, Access::Read).logged().unwrap();
    assert!(open(&backend, Access::Write).tag(second, "no/name", Time::default()).is_err());
    assert_eq!(open(&backend, Access::Write).logged().unwrap(), before);
}

#[test]
fn a_label_never_means_another_snapshot() {
    let (mut state, time) = (LogState::default(), Time::new(5, 0).unwrap());
    let label = |state: &LogState, source: &[u8]| state.new_label(source, time, None).unwrap();
    let add = |state: &mut LogState, id: u8, source: &[u8]| {
        let label = label(state, source);
        let commit = Operation::Commit { snapshot: SnapshotId([id; 32]), label, packs: Vec::new() };
        state.check(&commit).unwrap();
        state.change(&commit, time);
    };
    add(&mut state, 1, b"a");
    let (snapshot, before) = (SnapshotId([1; 32]), label(&LogState::default(), b"a"));
    let after = crate::format::log::Label { time: Time::new(9, 0).unwrap(), ..before.clone() };
    let amend = Operation::Amend { snapshot, before: before.clone(), after: after.clone() };
    state.check(&amend).unwrap();
    state.change(&amend, time);
    // Somebody who has seen the label before is told.
    assert_eq!(state.check(&amend), Err(Refused::Amended(snapshot)));
    assert_eq!(label(&state, b"a").number, 2, "the number is not free again");
    let back = Operation::Amend { snapshot, before: after.clone(), after: before.clone() };
    state.check(&back).unwrap();
    add(&mut state, 2, b"a");
    let taken =
        Operation::Amend { snapshot: SnapshotId([2; 32]), before: label(&LogState::default(), b"a"), after };
    assert_eq!(state.check(&taken), Err(Refused::Amended(SnapshotId([2; 32]))));

    let rename = Operation::Rename { before: (*b"a").into(), after: (*b"b").into() };
    state.check(&rename).unwrap();
    state.change(&rename, time);
    assert_eq!(state.check(&rename), Err(Refused::NoSource));
    add(&mut state, 3, b"a");
    assert_eq!(state.check(&rename), Err(Refused::SourceExists));
    let sources: Vec<_> = state.snapshots.values().map(|snapshot| &*snapshot.label.source).collect();
    assert_eq!(sources, [b"b", b"b", b"a"], "a later commit begins a new source");
}

#[test]
fn another_repositorys_record_is_refused() {
    let backend = repository();
    history(&backend);
    let bytes = get(&backend, 1);
    let other = Keys::derive(&Secret([9; 32]));
    assert!(crate::format::log::Record::open(&other, 1, bytes).is_err());
}
