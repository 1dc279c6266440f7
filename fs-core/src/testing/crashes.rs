//! Tests crashes after every operation of a history.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use super::history::{Files, give, import, names, plant, read, versions};
use super::medium::{Fate, Medium, materialise, scan};
use super::recording::{Operation, Recording, Step};
use crate::format::SnapshotId;
use crate::maintain::{CheckOptions, Finding, check};
use crate::monitor::{Cancellation, Silent};
use crate::store::{Access, CacheSizes, INDEX, Repository, StoreError};

/// A snapshot, and the number of steps after which it was promised to last.
struct Published {
    id: SnapshotId,
    files: Files,
    step: usize,
    /// Number of steps after which its writer had closed the repository.
    closed: usize,
}

/// The life of a repository, operation by operation.
struct History {
    directory: tempfile::TempDir,
    steps: Vec<Step>,
    /// Number of steps after which `init` returned.
    made: usize,
    snapshots: Vec<Published>,
}

impl History {
    fn write() -> Self {
        let directory = fast_directory();
        let root = directory.path().join("repository");
        fs::create_dir(&root).unwrap();
        let recording = Recording::of(&root);
        Repository::init(&root).unwrap();
        let made = recording.steps().len();
        let mut snapshots = Vec::new();
        for (number, files) in versions().into_iter().enumerate() {
            let tree = directory.path().join(number.to_string());
            plant(&files, &tree);
            // One session stores both a snapshot and its tag.
            let repository = Repository::open(&root, Access::Write).unwrap();
            let id = import(&repository, &tree, i64::try_from(number).unwrap());
            give(&repository, id, &name(number));
            let step = recording.steps().len();
            drop(repository);
            snapshots.push(Published { id, files, step, closed: recording.steps().len() });
        }
        Self { steps: recording.steps(), directory, made, snapshots }
    }

    fn next_tree(&self) -> (PathBuf, &Files) {
        let last = self.snapshots.len() - 1;
        (self.directory.path().join(last.to_string()), &self.snapshots[last].files)
    }

    /// Checks everything that must hold after a crash, if the first `step` steps had been done.
    fn check(&self, root: &Path, step: usize, fate: Fate) {
        if step < self.made
            && matches!(Repository::open(root, Access::Read), Err(StoreError::NotARepository(_)))
        {
            Repository::init(root).unwrap();
        }
        // This comes first: other commands may mend a repository that they open.
        assert_sound(root, fate);
        self.check_snapshots(&Repository::open(root, Access::Read).unwrap(), step, fate, None);
        let (tree, files) = self.next_tree();
        let next = {
            let repository = Repository::open(root, Access::Write).unwrap();
            self.check_snapshots(&repository, step, fate, None);
            import(&repository, &tree, 1000)
        };
        let repository = Repository::open(root, Access::Read).unwrap();
        self.check_snapshots(&repository, step, fate, Some((next, files)));
        drop(repository);
        assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0, "something is left in tmp/");
        assert_eq!(findings(root), [], "a check finds something after the next import");
    }

    fn check_snapshots(
        &self,
        repository: &Repository,
        step: usize,
        fate: Fate,
        next: Option<(SnapshotId, &Files)>,
    ) {
        let listed = repository.snapshots().unwrap();
        for published in self.snapshots.iter().filter(|published| published.step <= step) {
            assert!(listed.contains(&published.id), "a snapshot is lost");
        }
        let names = names(repository);
        for (number, published) in self.snapshots.iter().enumerate().filter(|(_, one)| one.step <= step) {
            assert!(names.contains(&(published.id, name(number).into())), "a snapshot's name is lost");
        }
        assert!(next.is_none_or(|(id, _)| listed.contains(&id)), "the next snapshot is lost");
        for id in listed {
            let mut known =
                self.snapshots.iter().map(|published| (published.id, &published.files)).chain(next);
            let (_, files) = known.find(|(known, _)| *known == id).expect("a snapshot that nobody made");
            let reader = repository.reader(CacheSizes::default());
            assert!(read(&reader, repository, id) == *files, "a snapshot has changed");
            // A search of every catalogue would find the blob even so.
            let complete = !reader.has_searched() || fate.may_zero();
            assert!(complete, "the index does not lead to what a snapshot has");
        }
    }
}

/// The tag of a snapshot.
fn name(number: usize) -> String {
    format!("version-{number}")
}

/// The findings of `check --read-data`.
fn findings(root: &Path) -> Vec<Finding> {
    let options = CheckOptions { read_data: Some(100) };
    check(root, options, &Silent, &Cancellation::default()).unwrap().findings
}

/// Checks that a crash has not damaged durable data.
fn assert_sound(root: &Path, fate: Fate) {
    let options = CheckOptions { read_data: Some(100) };
    let report = check(root, options, &Silent, &Cancellation::default()).unwrap();
    assert!(report.findings.is_empty(), "a check finds {:?}", report.findings);
    // A crash may leave zeros in the index, which is derived.
    assert!(report.index.is_none() || fate.may_zero(), "the index: {:?}", report.index);
}

/// A temporary folder where fsync costs nothing, if there is one. The tests call it thousands of times, for
/// data without value.
pub(super) fn fast_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Prints the moment of the crash if a check panics.
pub(super) struct Moment<'a>(pub(super) &'a [Step], pub(super) usize, pub(super) String);

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.1.checked_sub(1).map(|last| short(&self.0[last]));
            eprintln!("the crash: {} after step {} ({last:?})", self.2, self.1);
        }
    }
}

fn short(step: &Step) -> String {
    let mut text = format!("{:?}", step.operation);
    text.truncate(60);
    format!("{} {text}", step.path.display())
}

/// Whether a step is one of the index's many writes, of which the tests try a sample.
pub(super) fn is_index_write(step: &Step) -> bool {
    step.path.file_name() == Some(INDEX.as_ref())
        && matches!(step.operation, Operation::Write { .. } | Operation::SetLength(_))
}

/// Step between the tried crashes within the index's writes: 1 if `YESTER_TEST_ALL_CRASHES` is set, otherwise
/// 7.
pub(super) fn stride() -> usize {
    if std::env::var_os("YESTER_TEST_ALL_CRASHES").is_some() { 1 } else { 7 }
}

/// What was tried already. Many crashes leave the same tree, and then a check has the same result.
#[derive(Default)]
pub(super) struct Tried(HashSet<u64>);

impl Tried {
    /// Whether this case is new, which consists of all that decides the result.
    pub(super) fn is_new(&mut self, case: impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        case.hash(&mut hasher);
        self.0.insert(hasher.finish())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn the_recording_is_what_happened() {
    let history = History::write();
    let mut medium = Medium::new();
    history.steps.iter().for_each(|step| medium.apply(step));
    let real = scan(&history.directory.path().join("repository"));
    assert!(medium.after(Fate::Everything) == real);
    // In the end everything was made durable.
    assert!(real.iter().all(|(path, _)| !path.starts_with("tmp") || path == Path::new("tmp")));
}

#[test]
fn nothing_is_lost_by_a_crash_at_any_moment() {
    let history = History::write();
    let root = history.directory.path().join("crashed");
    let mut medium = Medium::new();
    let (mut tried, mut passed) = (Tried::default(), 0);
    for step in 0..=history.steps.len() {
        if let Some(last) = step.checked_sub(1) {
            medium.apply(&history.steps[last]);
            if is_index_write(&history.steps[last]) {
                passed += 1;
                if passed % stride() != 0 {
                    continue;
                }
            }
        }
        let seed = step as u64 * 2;
        let fates = [
            Fate::Everything,
            Fate::Nothing,
            Fate::Names,
            Fate::NamesAndZeros,
            Fate::Bytes,
            Fate::Some(seed),
            Fate::Some(seed + 1),
        ];
        let promised = history.snapshots.iter().filter(|published| published.step <= step).count();
        for fate in fates {
            let tree = medium.after(fate);
            if !tried.is_new((&tree, step < history.made, promised, fate.may_zero())) {
                continue;
            }
            let _moment = Moment(&history.steps, step, format!("{fate:?}"));
            materialise(&tree, &root);
            history.check(&root, step, fate);
        }
    }
    println!("{} steps, {} crashes", history.steps.len(), tried.len());
}

/// A killed process leaves data that is not durable yet, and the next process does not know of it.
#[test]
fn nothing_is_lost_when_the_power_fails_after_a_kill() {
    let history = History::write();
    let root = history.directory.path().join("crashed");
    let (tree, files) = history.next_tree();
    let mut killed = Medium::new();
    for step in 0..=history.steps.len() {
        let last = step.checked_sub(1).map(|last| &history.steps[last]);
        if let Some(last) = last {
            killed.apply(last);
        }
        if step < history.made - 1 || (stride() > 1 && last.is_some_and(is_index_write)) {
            continue;
        }
        materialise(&killed.after(Fate::Everything), &root);
        let recording = Recording::of(&root);
        if !root.join("config").exists() {
            Repository::init(&root).unwrap();
        }
        let repository = Repository::open(&root, Access::Write).unwrap();
        let visible = repository.snapshots().unwrap();
        let next = import(&repository, &tree, 1000);
        drop(repository);
        let steps = [&history.steps[..step], &recording.steps()].concat();
        drop(recording);
        let mut medium = killed.clone();
        steps[step..].iter().for_each(|step| medium.apply(step));
        let mut tried = Tried::default();
        for fate in [Fate::Nothing, Fate::Names, Fate::Bytes, Fate::Some(step as u64)] {
            let tree = medium.after(fate);
            if !tried.is_new((&tree, fate.may_zero())) {
                continue;
            }
            let _moment = Moment(&history.steps, step, format!("kill, and {fate:?} after an import"));
            materialise(&tree, &root);
            assert_sound(&root, fate);
            for access in [Access::Read, Access::Write] {
                let repository = Repository::open(&root, access).unwrap();
                history.check_snapshots(&repository, step, fate, Some((next, files)));
                let listed = repository.snapshots().unwrap();
                assert!(visible.iter().all(|id| listed.contains(id)), "what the import built on is lost");
            }
        }
    }
}

type Judge<'a> = &'a dyn Fn(&Path) -> bool;

/// The tests above must fail if one kind of sync is forgotten.
#[test]
fn a_forgotten_sync_would_be_noticed() {
    let history = History::write();
    let root = history.directory.path().join("crashed");
    let last = &history.snapshots[history.snapshots.len() - 1];
    let before = history.snapshots[history.snapshots.len() - 2].closed;
    let in_folder = |path: &Path, folder: &str| path.parent() == Some(Path::new(folder));
    let forget: [(&str, Judge<'_>); 7] = [
        ("objects", &|path| in_folder(path, "tmp")),
        ("the index", &|path| path == Path::new(INDEX)),
        ("the folder", &|path| path == Path::new("")),
        ("the folder of folders of packs", &|path| path == Path::new("packs")),
        ("folders of packs", &|path| in_folder(path, "packs")),
        ("the folder of snapshots", &|path| path == Path::new("snapshots")),
        ("the folder of the log", &|path| path == Path::new("log")),
    ];
    for (what, forgotten) in forget {
        let since = if what == "the folder" { 0 } else { before };
        let mut medium = Medium::new();
        for (number, step) in history.steps[..last.step].iter().enumerate() {
            let is_sync = matches!(step.operation, Operation::SyncFile | Operation::SyncDirectory);
            if !(is_sync && number >= since && forgotten(&step.path)) {
                medium.apply(step);
            }
        }
        let noticed = [Fate::Nothing, Fate::Names].into_iter().any(|fate| {
            materialise(&medium.after(fate), &root);
            std::panic::catch_unwind(AssertUnwindSafe(|| history.check(&root, last.step, fate))).is_err()
        });
        assert!(noticed, "nobody notices that {what} are not synced");
    }
}
