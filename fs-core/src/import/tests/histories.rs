//! Random histories of a tree. Every snapshot equals the tree on disk, though most files are not read.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::testing::read_files;

/// Seconds after the files were written, enough for their ctimes to be proof.
const LATER: i64 = 100;
const FOLDERS: [&str; 4] = ["", "d/", "e/", "d/f/"];
const NAMES: [&str; 3] = ["x", "y", "z"];
/// Two of each size, short and long.
const CONTENTS: [&str; 4] = [
    "AAAA",
    "BBBB",
    "a content of a file that is longer than an entry holds",
    "A CONTENT OF A FILE THAT IS LONGER THAN AN ENTRY HOLDS",
];
const TIMES: [u64; 3] = [1_400_000_000, 1_500_000_000, 1_600_000_000];

/// The kind of tree in which the history is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One tree that is changed in place.
    Plain,
    /// Each step is a copy with `cp -al`, in which rsync replaces changed files by new ones.
    Copied,
    /// Each step is a new tree with links to the last for equal files, as `rsync -c --link-dest` makes it.
    Linked,
}

#[derive(Debug, Clone)]
enum Edit {
    /// Gives a file a content and a time.
    Write {
        file: usize,
        content: usize,
        time: usize,
    },
    /// Changes a file's content to another of the same size, and keeps its time.
    Disguise {
        file: usize,
    },
    /// Replaces a file by an equal one.
    Replace {
        file: usize,
    },
    Touch {
        file: usize,
        time: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    Swap {
        one: usize,
        other: usize,
    },
    Link {
        from: usize,
        to: usize,
    },
    Remove {
        file: usize,
    },
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    // The range includes folders, too.
    let place = || 0..FOLDERS.len() * NAMES.len() + FOLDERS.len() - 1;
    let (content, time) = (0..CONTENTS.len(), 0..TIMES.len());
    let edit = prop_oneof![
        4 => (place(), content, time.clone()).prop_map(|(file, content, time)| Edit::Write { file, content, time }),
        3 => place().prop_map(|file| Edit::Disguise { file }),
        1 => place().prop_map(|file| Edit::Replace { file }),
        1 => (place(), time).prop_map(|(file, time)| Edit::Touch { file, time }),
        2 => (place(), place()).prop_map(|(from, to)| Edit::Rename { from, to }),
        2 => (place(), place()).prop_map(|(one, other)| Edit::Swap { one, other }),
        1 => (place(), place()).prop_map(|(from, to)| Edit::Link { from, to }),
        1 => place().prop_map(|file| Edit::Remove { file }),
    ];
    prop::collection::vec(edit, 0..6)
}

/// Path of the file or folder with the index `place`.
fn path_of(place: usize) -> String {
    let files = FOLDERS.len() * NAMES.len();
    match place.checked_sub(files) {
        None => format!("{}{}", FOLDERS[place / NAMES.len()], NAMES[place % NAMES.len()]),
        Some(folder) => FOLDERS[folder + 1].trim_end_matches('/').to_owned(),
    }
}

struct Tree {
    root: PathBuf,
    /// Other levels share the files, so files are replaced. Each inode gets at most one change of size in
    /// place.
    has_links: bool,
    changed_in_place: RefCell<HashSet<u64>>,
}

impl Tree {
    fn at(&self, place: usize) -> PathBuf {
        self.root.join(path_of(place))
    }

    /// Applies an edit. An impossible edit is ignored.
    fn apply(&self, edit: &Edit) {
        match *edit {
            Edit::Write { file, content, time } => {
                let path = self.at(file);
                let _ = fs::create_dir_all(path.parent().unwrap());
                let bytes = CONTENTS[content].as_bytes();
                let shows = |told: fs::Metadata| {
                    told.len() != bytes.len() as u64 && self.changed_in_place.borrow_mut().insert(told.ino())
                };
                let in_place = !self.has_links || fs::metadata(&path).is_ok_and(shows);
                self.put(&path, bytes, moment(time), in_place);
            }
            Edit::Disguise { file } => {
                let path = self.at(file);
                let (Ok(bytes), Ok(told)) = (fs::read(&path), fs::metadata(&path)) else { return };
                let disguised: Vec<u8> = bytes.iter().map(|byte| byte ^ 0x20).collect();
                self.put(&path, &disguised, told.modified().unwrap(), !self.has_links);
            }
            Edit::Replace { file } => {
                let path = self.at(file);
                let (Ok(bytes), Ok(told)) = (fs::read(&path), fs::metadata(&path)) else { return };
                self.put(&path, &bytes, told.modified().unwrap(), false);
            }
            Edit::Touch { file, time } => {
                if let Ok(file) = File::options().write(true).open(self.at(file)) {
                    set_time(&file, moment(time));
                }
            }
            Edit::Rename { from, to } => {
                let _ = fs::rename(self.at(from), self.at(to));
            }
            Edit::Swap { one, other } => {
                let (one, other) = (self.at(one), self.at(other));
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let here = rustix::fs::CWD;
                let _ = rustix::fs::renameat_with(here, one, here, other, flags);
            }
            Edit::Link { from, to } => {
                let _ = fs::hard_link(self.at(from), self.at(to));
            }
            Edit::Remove { file } => {
                let path = self.at(file);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        }
    }

    fn put(&self, path: &Path, content: &[u8], time: SystemTime, in_place: bool) {
        if path.is_dir() {
            return;
        }
        let target = if in_place { path.to_owned() } else { self.root.join(".new") };
        if fs::write(&target, content).is_err() {
            return;
        }
        set_time(&File::options().write(true).open(&target).unwrap(), time);
        if !in_place {
            let _ = fs::rename(&target, path).or_else(|_| fs::remove_file(&target));
        }
    }
}

fn moment(time: usize) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(TIMES[time])
}

fn set_time(file: &File, time: SystemTime) {
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// The files below a folder, by path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Makes `to` equal to `from`, with links to the files of `last` that are equal at the same path.
fn make_level(from: &Path, last: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        let (from, last, to) = (entry.path(), last.join(&name), to.join(&name));
        if entry.file_type().unwrap().is_dir() {
            make_level(&from, &last, &to);
            continue;
        }
        let time = |path: &Path| fs::metadata(path).and_then(|told| told.modified()).ok();
        if time(&from) == time(&last) && fs::read(&from).ok() == fs::read(&last).ok() {
            fs::hard_link(last, to).unwrap();
        } else {
            fs::copy(&from, &to).unwrap();
            set_time(&File::options().write(true).open(&to).unwrap(), time(&from).unwrap());
        }
    }
}

/// Number of files of all histories that were not read.
static UNCHANGED: AtomicU64 = AtomicU64::new(0);

fn play(shape: Shape, steps: &[Vec<Edit>]) -> Result<(), TestCaseError> {
    let fixture = Fixture::new();
    let folder = fixture.directory.path();
    let (tree, live) = (folder.join("tree"), folder.join("live"));
    fs::create_dir(&live).unwrap();
    let seen = SeenFiles::default();
    for (number, edits) in steps.iter().enumerate() {
        if shape != Shape::Plain {
            let last = folder.join(format!("level.{number}"));
            fs::rename(&tree, &last).unwrap();
            if shape == Shape::Copied {
                make_level(&last, &last, &tree);
            }
        }
        let edited = if shape == Shape::Linked { &live } else { &tree };
        let has_links = shape == Shape::Copied;
        let edited = Tree { root: edited.clone(), has_links, changed_in_place: RefCell::default() };
        edits.iter().for_each(|edit| edited.apply(edit));
        if shape == Shape::Linked {
            make_level(&live, &folder.join(format!("level.{number}")), &tree);
        }
        let expected = files(&tree);
        let seen = (shape != Shape::Plain).then_some(&seen);
        let options = Options { seen, allow_empty: true, ..Options::default() };
        let outcome = fixture.import(LATER, options, &Silent).unwrap();
        UNCHANGED.fetch_add(outcome.progress.unchanged, Ordering::Relaxed);
        let found = read_files(&fixture.repository, &outcome.manifest.root);
        prop_assert_eq!(found, expected, "step {}", number);
        tick(folder);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 6, ..ProptestConfig::default() })]

    #[test]
    fn every_snapshot_is_what_was_on_disk(
        shape in prop_oneof![Just(Shape::Plain), Just(Shape::Copied), Just(Shape::Linked)],
        steps in prop::collection::vec(edits(), 2..7),
    ) {
        play(shape, &steps)?;
    }
}

#[test]
fn drawn_histories_leave_files_unread() {
    let write = |file| Edit::Write { file, content: 0, time: 0 };
    for shape in [Shape::Plain, Shape::Copied, Shape::Linked] {
        let before = UNCHANGED.load(Ordering::Relaxed);
        play(shape, &[vec![write(0), write(4)], vec![Edit::Disguise { file: 0 }], vec![]]).unwrap();
        // A lower bound: other threads add to the number.
        assert!(UNCHANGED.load(Ordering::Relaxed) >= before + 3, "{shape:?}");
    }
}
