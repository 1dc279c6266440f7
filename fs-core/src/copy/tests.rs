//! Copies between repositories in memory, compared entry by entry and byte by byte.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use proptest::prelude::*;

mod drawn;
mod equal;

use super::*;
use crate::format::{CopiedFrom, PackKind, Time};
use crate::monitor::Silent;
use crate::store::{Access, Backend, Listed, MemoryBackend, Object, ObjectKind, Put};
use drawn::History;
use equal::{assert_whole, same};

/// A repository without a disk.
fn repository() -> Arc<dyn Backend> {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    Repository::init_on(&backend, None).unwrap();
    backend
}

fn open(backend: &Arc<dyn Backend>, access: Access) -> Repository {
    Repository::open_on(Arc::clone(backend), None, access).unwrap()
}

fn everything() -> CopyOptions {
    CopyOptions { selection: Selection::default(), dry_run: false, zone: TimeZone::UTC }
}

/// Copies, and returns the fates of the snapshots in order, with their times in seconds.
fn try_copy(
    from: &Arc<dyn Backend>,
    to: &Arc<dyn Backend>,
    options: &CopyOptions,
) -> Result<(CopyTotals, Vec<(i64, Fate)>), CopyFailed> {
    let (from, to) = (open(from, Access::Read), open(to, Access::Write));
    let sources = Sources::load(&from, &TimeZone::UTC, &Sources::default()).unwrap();
    let mut fates = Vec::new();
    let mut report =
        |copied: Copied<'_>| fates.push((copied.snapshot.manifest.time.secs(), copied.fate.clone()));
    let totals =
        copy_snapshots(&from, &sources, &to, options, &mut report, &Silent, &Cancellation::default())?;
    Ok((totals, fates))
}

fn copy(from: &Arc<dyn Backend>, to: &Arc<dyn Backend>) -> (CopyTotals, Vec<(i64, Fate)>) {
    try_copy(from, to, &everything()).unwrap()
}

/// Counts of copied, present and left out snapshots, and of added tags.
fn counts(totals: CopyTotals) -> [u64; 4] {
    [totals.copied, totals.present, totals.left_out, totals.tags]
}

/// The ids of the snapshots by time.
fn by_time(backend: &Arc<dyn Backend>) -> BTreeMap<Time, SnapshotId> {
    let repository = open(backend, Access::Read);
    let ids = repository.snapshots().unwrap().into_iter();
    ids.map(|id| (repository.manifest(&id).unwrap().time, id)).collect()
}

fn packs(backend: &Arc<dyn Backend>) -> Vec<String> {
    backend.list(ObjectKind::Pack).unwrap().into_iter().map(|listed| listed.name).collect()
}

fn give_tag(backend: &Arc<dyn Backend>, snapshot: SnapshotId, name: &str) {
    let repository = open(backend, Access::Write);
    assert!(repository.tag(snapshot, name, Time::new(77, 7).unwrap()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_copy_has_all_that_its_original_has(seed: u64) {
        let (from, to) = (repository(), repository());
        let mut history = History::new(seed);
        for count in 1..4 {
            history.write(&open(&from, Access::Write));
            let (totals, _) = copy(&from, &to);
            prop_assert_eq!(counts(totals), [1, count - 1, 0, 0]);
            same(&open(&from, Access::Read), &open(&to, Access::Read));
        }
        // All at once makes the same.
        let other = repository();
        let (totals, fates) = copy(&from, &other);
        prop_assert_eq!(counts(totals), [3, 0, 0, 0]);
        prop_assert!(fates.windows(2).all(|pair| pair[0].0 < pair[1].0));
        same(&open(&from, Access::Read), &open(&other, Access::Read));
        prop_assert_eq!(counts(copy(&from, &other).0), [0, 3, 0, 0]);
        prop_assert_eq!(copy(&from, &other).0.statistics, Statistics::default());
    }
}

#[test]
fn a_copy_of_a_copy_is_one_of_the_original() {
    let [first, second, third] = [repository(), repository(), repository()];
    let mut history = History::new(1);
    (0..3).for_each(|_| history.write(&open(&first, Access::Write)));
    assert_eq!(counts(copy(&first, &second).0), [3, 0, 0, 0]);
    assert_eq!(counts(copy(&second, &third).0), [3, 0, 0, 0]);
    same(&open(&first, Access::Read), &open(&third, Access::Read));
    let original = open(&first, Access::Read);
    for (time, id) in by_time(&third) {
        let expected = CopiedFrom { repository: original.id(), snapshot: by_time(&first)[&time] };
        let manifest = open(&third, Access::Read).manifest(&id).unwrap();
        assert_eq!(manifest.extensions.copied_from, Some(expected));
    }
    for (from, to) in [(&third, &first), (&second, &first), (&first, &third), (&third, &second)] {
        let (totals, _) = copy(from, to);
        assert_eq!((counts(totals), totals.statistics), ([0, 3, 0, 0], Statistics::default()));
    }
    // What is added to the last one comes back to the first, against its own snapshots.
    history.write(&open(&third, Access::Write));
    assert_eq!(counts(copy(&third, &first).0), [1, 3, 0, 0]);
    same(&open(&third, Access::Read), &open(&first, Access::Read));
}

#[test]
fn a_repository_is_not_copied_to_itself() {
    let from = repository();
    let error = try_copy(&from, &from, &everything()).unwrap_err();
    assert!(matches!(error, CopyFailed::SameRepository { .. }), "{error}");
}

#[test]
fn tags_go_with_their_snapshots() {
    let (from, to) = (repository(), repository());
    let mut history = History::new(2);
    (0..2).for_each(|_| history.write(&open(&from, Access::Write)));
    let first = *by_time(&from).values().next().unwrap();
    give_tag(&from, first, "one");
    assert_eq!(counts(copy(&from, &to).0), [2, 0, 0, 1]);
    give_tag(&from, first, "two");
    assert_eq!(counts(copy(&from, &to).0), [0, 2, 0, 1]);
    let copied = open(&to, Access::Read);
    let (mut tags, _) = copied.tags().unwrap();
    tags.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<_> = tags.iter().map(|tag| (&*tag.name, tag.given.secs())).collect();
    assert_eq!(names, [("one", 77), ("two", 77)]);
    assert!(tags.iter().all(|tag| tag.snapshot == *by_time(&to).values().next().unwrap()));
}

#[test]
fn only_what_is_selected_is_copied_and_a_dry_run_copies_nothing() {
    let (from, to) = (repository(), repository());
    let mut history = History::new(3);
    (0..3).for_each(|_| history.write(&open(&from, Access::Write)));
    let ids: Vec<_> = by_time(&from).into_values().collect();
    let snapshots = Some([ids[0], ids[2]].into());
    let selection = Selection { snapshots, ..Selection::default() };
    let some = CopyOptions { selection, ..everything() };
    let (totals, fates) = try_copy(&from, &to, &CopyOptions { dry_run: true, ..some.clone() }).unwrap();
    assert_eq!(counts(totals), [2, 0, 0, 0]);
    assert!(fates.iter().all(|(_, fate)| *fate == Fate::New));
    assert!(packs(&to).is_empty() && by_time(&to).is_empty());
    assert_eq!(counts(try_copy(&from, &to, &some).unwrap().0), [2, 0, 0, 0]);
    // The parent of the last one was not copied.
    let copied = open(&to, Access::Read);
    assert_eq!(copied.manifest(by_time(&to).values().next_back().unwrap()).unwrap().parent, None);
    // What comes between is copied in its place later.
    assert_eq!(counts(copy(&from, &to).0), [1, 2, 0, 0]);
    let other = Selection { sources: [b"another".as_slice().into()].into(), ..Selection::default() };
    let none = CopyOptions { selection: other, ..everything() };
    assert_eq!(counts(try_copy(&from, &repository(), &none).unwrap().0), [0, 0, 0, 0]);
}

#[test]
fn a_number_that_is_taken_is_not_given_again() {
    let (from, to) = (repository(), repository());
    History::new(4).write(&open(&from, Access::Write));
    History::new(5).write(&open(&to, Access::Write));
    assert_eq!(counts(copy(&from, &to).0), [1, 0, 0, 0]);
    let to = open(&to, Access::Read);
    let sources = Sources::load(&to, &TimeZone::UTC, &Sources::default()).unwrap();
    let names: Vec<_> = sources.get(b"drawn").unwrap().snapshots().map(|(name, _)| name).collect();
    assert_eq!(names, ["@1970-01-02T00-00-00", "@1970-01-02T00-00-00_2"]);
}

#[test]
fn what_has_not_changed_is_not_read() {
    let (from, to) = (repository(), repository());
    let mut history = History::new(6);
    history.write(&open(&from, Access::Write));
    copy(&from, &to);
    // Without the contents of the first snapshot, the next one is copied as long as it shares them.
    let reader = open(&from, Access::Read);
    let data = reader.indexed_packs().unwrap().into_iter().filter(|(_, pack)| pack.kind == PackKind::Data);
    let lost: Vec<_> = data.map(|(_, pack)| Object::pack(pack.id)).collect();
    history.write_with_another_link(&open(&from, Access::Write));
    lost.iter().for_each(|pack| from.delete(pack).unwrap());
    let (totals, fates) = copy(&from, &to);
    assert_eq!(counts(totals), [1, 1, 0, 0], "{fates:?}");
    let copied = open(&to, Access::Read);
    let ids: Vec<_> = by_time(&to).into_values().collect();
    ids.iter().for_each(|id| assert_whole(&copied, id));
    assert_ne!(copied.manifest(&ids[0]).unwrap().links, copied.manifest(&ids[1]).unwrap().links);
}

#[test]
fn a_snapshot_that_cannot_be_read_is_left_out_and_the_others_are_copied() {
    for is_missing in [true, false] {
        let (from, to) = (repository(), repository());
        let mut history = History::new(7);
        history.write(&open(&from, Access::Write));
        let before = packs(&from);
        history.write_with_more(&open(&from, Access::Write));
        let added: Vec<_> = packs(&from).into_iter().filter(|name| !before.contains(name)).collect();
        history.write(&open(&from, Access::Write));
        for name in added {
            let object = Object { kind: ObjectKind::Pack, name };
            let mut bytes = from.get(&object, 1 << 26).unwrap();
            let len = bytes.len();
            bytes[60..len - 200].iter_mut().for_each(|byte| *byte ^= 0x55);
            from.delete(&object).unwrap();
            if !is_missing {
                from.put(&object, &bytes).unwrap();
            }
        }
        let (totals, fates) = copy(&from, &to);
        assert_eq!((totals.copied, totals.left_out), (2, 1), "{fates:?}");
        assert!(!totals.is_complete() && matches!(fates[1].1, Fate::LeftOut { .. }), "{fates:?}");
        let copied = open(&to, Access::Read);
        assert_eq!(by_time(&to).len(), 2);
        by_time(&to).values().for_each(|id| assert_whole(&copied, id));
        assert_eq!(counts(copy(&from, &to).0), [0, 2, 1, 0]);
    }
}

#[test]
fn a_lost_manifest_is_counted() {
    let (from, to) = (repository(), repository());
    let mut history = History::new(8);
    (0..2).for_each(|_| history.write(&open(&from, Access::Write)));
    let ids: Vec<_> = by_time(&from).into_values().collect();
    from.put(&Object::snapshot(ids[0]), b"damaged").unwrap();
    let (totals, _) = copy(&from, &to);
    assert_eq!((totals.copied, totals.left_out, totals.lost_tags), (1, 1, 0));
}

/// A backend that stores only so many objects.
#[derive(Debug)]
struct Limited {
    inner: Arc<dyn Backend>,
    left: AtomicU64,
}

impl Backend for Limited {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        let less = |left: u64| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError::Io { action: "store", object: object.to_string(), source });
        }
        self.inner.put(object, bytes)
    }

    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError> {
        let less = |left: u64| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError::Io { action: "store", object: object.to_string(), source });
        }
        self.inner.put_new(object, bytes)
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        self.inner.get_range(object, offset, len)
    }

    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        self.inner.size(object)
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(kind)
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.inner.delete(object)
    }
}

#[test]
fn a_copy_that_fails_at_any_object_continues() {
    let from = repository();
    let mut history = History::new(9);
    (0..3).for_each(|_| history.write(&open(&from, Access::Write)));
    by_time(&from).values().for_each(|id| give_tag(&from, *id, "kept"));
    for allowed in 0.. {
        let to = repository();
        let limited: Arc<dyn Backend> =
            Arc::new(Limited { inner: Arc::clone(&to), left: AtomicU64::new(allowed) });
        let result = try_copy(&from, &limited, &everything());
        // What was committed by then is whole.
        let committed = by_time(&to);
        committed.values().for_each(|id| assert_whole(&open(&to, Access::Read), id));
        let Err(error) = result else {
            assert!(allowed > 8, "{allowed}");
            break;
        };
        assert!(matches!(&error, CopyFailed::To { .. }), "{error}");
        let (totals, _) = copy(&from, &to);
        assert_eq!((totals.copied + totals.present, totals.left_out), (3, 0));
        assert_eq!(totals.present, committed.len() as u64, "{allowed}");
        same(&open(&from, Access::Read), &open(&to, Access::Read));
        assert_eq!(open(&to, Access::Read).tags().unwrap().0.len(), 3);
        assert_no_blob_is_stored_twice(&open(&to, Access::Read));
    }
}

fn assert_no_blob_is_stored_twice(repository: &Repository) {
    let mut places: HashMap<u128, u32> = HashMap::new();
    let mut total = 0;
    repository
        .each_indexed_blob(&mut |blob, pack| {
            total += 1;
            places.insert(blob, pack);
        })
        .unwrap();
    let stored: u64 = [PackKind::Data, PackKind::Metadata]
        .iter()
        .map(|kind| repository.pack_totals(*kind).unwrap().blobs)
        .sum();
    assert_eq!((places.len(), stored), (total, total as u64));
}

#[test]
fn a_cancelled_copy_says_so() {
    let (from, to) = (repository(), repository());
    History::new(10).write(&open(&from, Access::Write));
    let (from, to) = (open(&from, Access::Read), open(&to, Access::Write));
    let sources = Sources::load(&from, &TimeZone::UTC, &Sources::default()).unwrap();
    let cancelled = Cancellation::default();
    cancelled.cancel();
    let result = copy_snapshots(&from, &sources, &to, &everything(), &mut |_| {}, &Silent, &cancelled);
    assert!(matches!(result, Err(CopyFailed::Cancelled)));
}

#[test]
fn a_tree_that_is_too_deep_is_left_out() {
    let (from, to) = (repository(), repository());
    let writing = open(&from, Access::Write);
    let mut writer = writing.writer().unwrap();
    let root = crate::testing::samples::too_deep_tree(&mut writer);
    writer.commit(&crate::testing::samples::manifest(root)).unwrap();
    drop(writing);
    assert_eq!(counts(copy(&from, &to).0), [0, 0, 1, 0]);
}
