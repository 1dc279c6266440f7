//! Trees that change during the walk: a monitor that is notified of each read changes them.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use super::walk::{Quiescence, SeenFiles, Walked};
use super::*;
use crate::clock::Clock;
use crate::format::{Entry, Kind, Manifest, StatTrailer, Time};
use crate::history::Snapshot;
use crate::monitor::{Cancellation, Monitor, Progress, Silent, Trouble, TroubleKind};
use crate::store::{Access, CacheSizes, Repository, lookup};
use crate::testing::clock::ManualClock;

struct Fixture {
    directory: tempfile::TempDir,
    repository: Repository,
    last: Mutex<Option<Snapshot>>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        Repository::init(&root).unwrap();
        let repository = Repository::open(&root, Access::Write).unwrap();
        fs::create_dir(directory.path().join("tree")).unwrap();
        Self { directory, repository, last: Mutex::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("tree").join(name)
    }

    /// Imports the tree against the last import, at a time `later` seconds from now.
    fn import_at(&self, later: i64, monitor: &dyn Monitor) -> Result<Walked, ImportError> {
        self.import(later, Options::default(), monitor)
    }

    fn import(&self, later: i64, options: Options<'_>, monitor: &dyn Monitor) -> Result<Walked, ImportError> {
        self.import_with(later, ImportOptions::default(), options, monitor)
    }

    fn import_with(
        &self,
        later: i64,
        import: ImportOptions,
        options: Options<'_>,
        monitor: &dyn Monitor,
    ) -> Result<Walked, ImportError> {
        let clock = ManualClock::new(Timestamp::now() + SignedDuration::from_secs(later));
        let time = clock.now().into();
        let import = ImportOptions { clock: Arc::new(clock), ..import };
        let last = self.last.lock().unwrap();
        let stat_cache = self.repository.stat_cache(b"tree", b"");
        let options = Options { parent: last.as_ref(), stat_cache, ..options };
        let mut writer = self.repository.writer()?;
        let mut stat_cache = self.repository.stat_cache_writer(b"tree", b"");
        let tree = self.directory.path().join("tree");
        let none = Cancellation::default();
        let walked = walk(&tree, &import, &options, &mut writer, &mut stat_cache, monitor, &none)?;
        drop(last);
        let manifest = Manifest { source: b"tree"[..].into(), time, ..walked.manifest.clone() };
        let (id, _) = writer.commit(&manifest)?;
        stat_cache.finish(&StatTrailer { snapshot: id, ..walked.stat_trailer.clone() })?;
        *self.last.lock().unwrap() = Some(Snapshot { id, manifest });
        Ok(walked)
    }

    fn root(&self) -> Option<Kind> {
        Some(self.last.lock().unwrap().as_ref()?.manifest.root.kind.clone())
    }

    fn entry(&self, name: &str) -> Option<Entry> {
        let Kind::Directory(id) = self.root()? else { return None };
        lookup(&self.repository.reader(CacheSizes::default()), &id, name.as_bytes()).unwrap()
    }

    fn size(&self, name: &str) -> u64 {
        self.entry(name).unwrap().size()
    }
}

/// Calls a function at each read, and keeps the reported problems.
struct Meddler<F> {
    meddle: Mutex<F>,
    troubles: Mutex<Vec<(PathBuf, TroubleKind)>>,
}

impl<F: FnMut(&Progress) + Send> Meddler<F> {
    fn new(meddle: F) -> Self {
        Self { meddle: Mutex::new(meddle), troubles: Mutex::default() }
    }

    fn troubles(self) -> Vec<(PathBuf, TroubleKind)> {
        self.troubles.into_inner().unwrap()
    }
}

impl<F: FnMut(&Progress) + Send> Monitor for Meddler<F> {
    fn progress(&self, progress: &Progress) {
        (self.meddle.lock().unwrap())(progress);
    }

    fn trouble(&self, trouble: &Trouble) {
        let path = PathBuf::from(String::from_utf8(trouble.path.clone()).unwrap());
        self.troubles.lock().unwrap().push((path, trouble.kind));
    }
}

#[test]
fn unchanged_files_are_not_read_unless_they_are_too_fresh() {
    let fixture = Fixture::new();
    fs::write(fixture.path("file"), "one").unwrap();
    // This import counts as begun long after the file was written.
    assert_eq!(fixture.import_at(100, &Silent).unwrap().progress.files_read, 1);
    let again = fixture.import_at(0, &Silent).unwrap().progress;
    assert_eq!((again.files_read, again.unchanged), (0, 1));
    // That walk began when the file could still change within the same tick of the clock.
    let again = fixture.import_at(0, &Silent).unwrap().progress;
    assert_eq!((again.files_read, again.unchanged), (1, 0));
}

#[test]
fn what_moved_here_brings_its_own_extended_attributes() {
    let fixture = Fixture::new();
    for (directory, comment) in [("now", &b"old"[..]), ("next", b"new")] {
        fs::create_dir(fixture.path(directory)).unwrap();
        let file = fixture.path(&format!("{directory}/file"));
        fs::write(&file, directory).unwrap();
        rustix::fs::setxattr(&file, "user.comment", comment, rustix::fs::XattrFlags::empty()).unwrap();
    }
    // This walk counts as begun later, so all files count as old. A file's ctime does not show that its
    // directory moves.
    fixture.import_at(100, &Silent).unwrap();
    fs::rename(fixture.path("now"), fixture.path("before")).unwrap();
    fs::rename(fixture.path("next"), fixture.path("now")).unwrap();
    fixture.import_at(0, &Silent).unwrap();
    let Kind::Directory(id) = fixture.entry("now").unwrap().kind else { panic!("no directory") };
    let file = lookup(&fixture.repository.reader(CacheSizes::default()), &id, b"file").unwrap().unwrap();
    let crate::format::Xattrs::Inline(set) = file.xattrs else { panic!("{file:?}") };
    assert_eq!(set.get(b"user.comment"), Some(&b"new"[..]));
}

#[test]
fn a_file_that_changes_once_is_read_again() {
    let fixture = Fixture::new();
    fs::write(fixture.path("file"), vec![1; 100_000]).unwrap();
    let path = fixture.path("file");
    let mut done = false;
    let meddler = Meddler::new(|progress: &Progress| {
        if progress.bytes_read > 0 && !std::mem::replace(&mut done, true) {
            fs::write(&path, vec![2; 200_000]).unwrap();
        }
    });
    let outcome = fixture.import_at(0, &meddler).unwrap();
    assert_eq!(outcome.manifest.status, crate::format::Status::Complete);
    assert_eq!(meddler.troubles(), []);
    assert_eq!(fixture.size("file"), 200_000);
}

#[test]
fn a_file_that_never_stands_still_is_kept_and_marked() {
    let fixture = Fixture::new();
    fs::write(fixture.path("log"), vec![1; 300_000]).unwrap();
    fs::write(fixture.path("quiet"), "quiet").unwrap();
    let log = fs::OpenOptions::new().write(true).open(fixture.path("log")).unwrap();
    let mut size = 300_000;
    let meddler = Meddler::new(|_: &Progress| {
        log.write_all_at(b"more", size).unwrap();
        size += 4;
    });
    let outcome = fixture.import_at(100, &meddler).unwrap();
    assert_eq!(outcome.manifest.status, crate::format::Status::Partial);
    assert_eq!(outcome.manifest.totals.troubled, 1);
    assert_eq!(meddler.troubles(), [(fixture.path("log"), TroubleKind::ChangedWhileRead)]);
    assert!(fixture.entry("log").unwrap().changed_while_read);
    assert!(!fixture.entry("quiet").unwrap().changed_while_read);
    // The file's time may be that of the last change already. It must be read again all the same.
    assert_eq!(fixture.import_at(0, &Silent).unwrap().progress.files_read, 1);
    assert!(!fixture.entry("log").unwrap().changed_while_read);
}

/// Makes more directories than are opened ahead, and returns the last one's name.
fn directories(fixture: &Fixture) -> &'static str {
    for number in 0..20 {
        fs::create_dir(fixture.path(&format!("d{number:02}"))).unwrap();
    }
    "d19"
}

#[test]
fn what_vanishes_is_named_and_the_rest_is_taken() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fs::write(fixture.path(name), name.repeat(100)).unwrap();
    }
    let last = directories(&fixture);
    let meddler = Meddler::new(|_: &Progress| {
        let _ = fs::remove_file(fixture.path("b"));
        let _ = fs::remove_dir(fixture.path(last));
    });
    // The directory is listed before the first file is read.
    let fixture_ref = &fixture;
    let outcome = fixture_ref.import_at(0, &meddler).unwrap();
    assert_eq!(outcome.manifest.status, crate::format::Status::Vanished);
    let gone = |name| (fixture_ref.path(name), TroubleKind::Vanished);
    assert_eq!(meddler.troubles.lock().unwrap().clone(), [gone("b"), gone(last)]);
    assert!(fixture.entry("a").is_some() && fixture.entry("c").is_some());
    assert!(fixture.entry("b").is_none() && fixture.entry(last).is_none());
}

#[test]
fn a_link_that_takes_a_directorys_place_leads_nowhere() {
    let fixture = Fixture::new();
    let outside = fixture.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    fs::write(fixture.path("a"), "a".repeat(100)).unwrap();
    let last = directories(&fixture);
    let meddler = Meddler::new(|_: &Progress| {
        if fs::remove_dir(fixture.path(last)).is_ok() {
            symlink(&outside, fixture.path(last)).unwrap();
        }
    });
    let outcome = fixture.import_at(0, &meddler).unwrap();
    assert_eq!(outcome.manifest.status, crate::format::Status::Vanished);
    assert!(fixture.entry(last).is_none());
}

#[test]
fn a_damaged_parent_does_not_keep_from_importing() {
    let fixture = Fixture::new();
    fs::write(fixture.path("old"), "old").unwrap();
    fixture.import_at(100, &Silent).unwrap();
    for fan in fs::read_dir(fixture.repository.root().join("packs")).unwrap() {
        for pack in fs::read_dir(fan.unwrap().path()).unwrap() {
            let pack = fs::OpenOptions::new().write(true).open(pack.unwrap().path()).unwrap();
            // Damages the first block.
            pack.write_all_at(b"damage", 20).unwrap();
        }
    }
    fs::write(fixture.path("new"), "new").unwrap();
    fixture.import_at(100, &Silent).unwrap();
    assert_eq!((fixture.size("old"), fixture.size("new")), (3, 3));
}

#[test]
fn a_file_longer_than_the_format_knows_is_named() {
    let fixture = Fixture::new();
    let file = fs::File::create(fixture.path("huge")).unwrap();
    // Few file systems have such files.
    if file.set_len(1 << 62).is_err() {
        return;
    }
    let meddler = Meddler::new(|_: &Progress| ());
    fixture.import_at(0, &meddler).unwrap();
    assert_eq!(meddler.troubles(), [(fixture.path("huge"), TroubleKind::Unreadable)]);
}

#[test]
fn a_cancelled_import_ends_within_a_file() {
    let fixture = Fixture::new();
    fs::write(fixture.path("large"), vec![7; 8 << 20]).unwrap();
    let cancellation = Cancellation::default();
    let meddler = Meddler::new(|progress: &Progress| {
        if progress.bytes_read > 0 {
            cancellation.cancel();
        }
    });
    let mut writer = fixture.repository.writer().unwrap();
    let mut stat_cache = fixture.repository.stat_cache_writer(b"tree", b"");
    let tree = fixture.directory.path().join("tree");
    let (import, options) = (ImportOptions::default(), Options::default());
    let result = walk(&tree, &import, &options, &mut writer, &mut stat_cache, &meddler, &cancellation);
    assert!(matches!(result, Err(ImportError::Cancelled)), "{result:?}");
    drop(writer);
    assert_eq!(fixture.repository.snapshots().unwrap(), []);
}

#[test]
fn a_tree_deeper_than_a_path_can_be_is_taken() {
    let fixture = Fixture::new();
    let mut directory = rustix::fs::open(
        fixture.directory.path().join("tree"),
        rustix::fs::OFlags::RDONLY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    for _ in 0..600 {
        let mode = rustix::fs::Mode::from_raw_mode(0o700);
        rustix::fs::mkdirat(&directory, "deep", mode).unwrap();
        directory = rustix::fs::openat(&directory, "deep", rustix::fs::OFlags::RDONLY, mode).unwrap();
    }
    let outcome = fixture.import_at(0, &Silent).unwrap();
    assert_eq!(outcome.manifest.totals.directories, 601);
}

#[test]
fn a_tree_with_more_than_is_looked_at_ahead_is_taken_whole() {
    let fixture = Fixture::new();
    let mut directories = 1;
    // More directories than are opened ahead, more entries than one batch, and both in turn.
    for outer in 0..30 {
        for inner in 0..12 {
            fs::create_dir_all(fixture.path(&format!("{outer}/{inner}/leaf"))).unwrap();
            fs::write(fixture.path(&format!("{outer}/{inner}/leaf/file")), "content").unwrap();
            directories += 2;
        }
        directories += 1;
    }
    for number in 0..700 {
        fs::write(fixture.path(&format!("7/file {number}")), "content").unwrap();
        fs::create_dir(fixture.path(&format!("9/folder {number}"))).unwrap();
    }
    directories += 700;
    let totals = fixture.import_at(0, &Silent).unwrap().manifest.totals;
    assert_eq!((totals.files, totals.directories, totals.troubled), (30 * 12 + 700, directories, 0));
}

#[test]
fn a_tree_that_has_become_empty_is_refused_unless_that_is_meant() {
    let fixture = Fixture::new();
    fixture.import_at(0, &Silent).unwrap();
    fs::write(fixture.path("file"), "one").unwrap();
    fixture.import_at(0, &Silent).unwrap();
    fs::remove_file(fixture.path("file")).unwrap();
    // A mounted, empty file system has this folder.
    fs::create_dir(fixture.path("lost+found")).unwrap();
    let error = fixture.import_at(0, &Silent).unwrap_err();
    assert!(matches!(&error, ImportError::Emptied(path) if path.ends_with("tree")), "{error}");
    fixture.import(0, Options { allow_empty: true, ..Options::default() }, &Silent).unwrap();
    fixture.import_at(0, &Silent).unwrap();
}

#[test]
fn an_import_that_requires_quiescence_ends_at_a_change() {
    let fixture = Fixture::new();
    let require = |quiescence| fixture.import(0, Options { quiescence, ..Options::default() }, &Silent);
    fs::create_dir(fixture.path("folder")).unwrap();
    fs::write(fixture.path("folder/file"), "one").unwrap();
    let since = tick(fixture.directory.path());
    require(Quiescence::Everything(since)).unwrap();
    // In a hard-link farm, another level gets a name of this file, too.
    fs::hard_link(fixture.path("folder/file"), fixture.directory.path().join("other")).unwrap();
    require(Quiescence::Directories(since)).unwrap();
    let error = require(Quiescence::Everything(since)).unwrap_err();
    assert!(
        matches!(&error, ImportError::NotQuiescent { path, .. } if path.ends_with("tree/folder/file")),
        "{error}"
    );
    let since = tick(fixture.directory.path());
    // A removal shows in the directory's times.
    fs::remove_file(fixture.path("folder/file")).unwrap();
    let error = require(Quiescence::Directories(since)).unwrap_err();
    assert!(
        matches!(&error, ImportError::NotQuiescent { path, .. } if path.ends_with("tree/folder")),
        "{error}"
    );
}

/// Waits until the clock of a folder's file system advances, and returns its time.
fn tick(folder: &Path) -> Time {
    let ctime = || disk::stat_file(&tempfile::tempfile_in(folder).unwrap()).unwrap().ctime;
    let begun = ctime();
    loop {
        let now = ctime();
        if now > begun {
            return now;
        }
    }
}

mod histories;
mod runs;
mod unchanged;
