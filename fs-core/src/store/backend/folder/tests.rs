use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::store::FileLock;

/// A folder with one entry of every type except a file, and a file outside that the links lead to.
struct Planted {
    directory: tempfile::TempDir,
    folder: Folder,
    _socket: UnixListener,
}

const PLANTED: [(&str, &str); 4] = [
    ("link", "a symbolic link"),
    ("dangling", "a symbolic link"),
    ("pipe", "a pipe"),
    ("socket", "a socket"),
];

impl Planted {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("repository");
        let folder = Folder::create(&inside).unwrap().unwrap();
        fs::write(directory.path().join("victim"), "victim").unwrap();
        symlink(directory.path().join("victim"), inside.join("link")).unwrap();
        symlink(directory.path().join("nothing"), inside.join("dangling")).unwrap();
        mknodat(CWD, inside.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = UnixListener::bind(inside.join("socket")).unwrap();
        Self { directory, folder, _socket: socket }
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        assert_eq!(fs::read(self.directory.path().join("victim")).unwrap(), b"victim");
        assert!(!self.directory.path().join("nothing").exists());
    }
}

#[track_caller]
fn foreign<T: std::fmt::Debug>(result: Result<T, StoreError>, is: &str) {
    match result {
        Err(StoreError::Foreign { found, .. }) => assert_eq!(found, is),
        other => panic!("{is}: {other:?}"),
    }
}

#[test]
fn only_files_are_opened() {
    let planted = Planted::new();
    let folder = &planted.folder;
    folder.make_folder("folder").unwrap();
    for (name, is) in PLANTED.into_iter().chain([("folder", "a folder")]) {
        foreign(folder.file(name), is);
        foreign(folder.file_to_change(name), is);
        foreign(folder.make_file_to_lock(name), is);
        foreign(folder.size(name), is);
        foreign(folder.read(name, 9), is);
        if name != "folder" {
            foreign(folder.folder(name), is);
            foreign(folder.make_folder(name), is);
        }
    }
    assert!(folder.file("none").is_err_and(|error| error.is_not_found()));
    assert!(folder.folder("none").is_err_and(|error| error.is_not_found()));
}

#[test]
fn a_file_with_another_name_is_only_read() {
    let planted = Planted::new();
    let folder = &planted.folder;
    let victim = planted.directory.path().join("victim");
    fs::hard_link(&victim, folder.path_of("hard")).unwrap();
    let is = "a hard link to a file that has another name, too";
    foreign(folder.file_to_change("hard"), is);
    // Locking the file does no harm, as long as no note is written.
    drop(FileLock::acquire(folder, "hard").unwrap().unwrap());
    drop(FileLock::acquire_silently(folder, "hard").unwrap().unwrap());
    assert_eq!(folder.read("hard", 9).unwrap(), b"victim");
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
    folder.replace("hard", b"new").unwrap();
    folder.file_to_change("hard").unwrap();
}

/// The name alternates between nothing and a link to a file that has another name.
#[test]
fn a_hard_link_that_comes_and_goes_is_never_opened_to_change_it() {
    let planted = Planted::new();
    let (folder, over) = (&planted.folder, AtomicBool::new(false));
    let (victim, name) = (planted.directory.path().join("victim"), folder.path_of("hard"));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::hard_link(&victim, &name).unwrap();
                fs::remove_file(&name).unwrap();
            }
        });
        let opened = (0..20_000).find(|_| folder.file_to_change("hard").is_ok());
        over.store(true, Ordering::Relaxed);
        assert_eq!(opened, None);
    });
}

#[test]
fn a_new_file_replaces_what_has_its_name() {
    let planted = Planted::new();
    for (name, _) in PLANTED {
        let mut file = planted.folder.new_file(name).unwrap();
        file.write(b"new").unwrap();
        assert_eq!(planted.folder.read(name, 9).unwrap(), b"new");
    }
}

#[test]
fn a_rename_replaces_a_link_and_not_where_it_leads() {
    let planted = Planted::new();
    planted.folder.replace("link", b"new").unwrap();
    assert_eq!(planted.folder.read("link", 2).unwrap(), b"ne");
    planted.folder.remove("dangling").unwrap();
    assert!(planted.folder.entry("dangling").unwrap().is_none());
}

#[test]
fn what_is_created_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::create(&directory.path().join("a/b")).unwrap().unwrap();
    assert!(Folder::create(folder.path()).unwrap().is_none());
    folder.make_folder("folder").unwrap();
    folder.make_file_to_lock("made").unwrap();
    folder.new_file("new").unwrap();
    let mode = |name: &str| fs::metadata(folder.path_of(name)).unwrap().mode() & 0o7777;
    assert_eq!(["", "folder", "made", "new"].map(mode), [0o700, 0o700, 0o600, 0o600]);
}

#[test]
fn folders_are_looked_through_no_deeper_than_a_repository_is() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::open(directory.path()).unwrap();
    let open_to = |path: &str, mode| {
        fs::set_permissions(directory.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(directory.path().join("tmp/d/d/d/d")).unwrap();
    for path in ["tmp/d/d/d/d", "tmp/d/d/d", "tmp/d/d", "tmp/d", "tmp"] {
        open_to(path, 0o777);
    }
    for (path, mode) in [("read", 0o644), ("own", 0o600), ("tmp/d/written", 0o620), ("tmp/d/d/deeper", 0o666)]
    {
        fs::write(directory.path().join(path), "").unwrap();
        open_to(path, mode);
    }
    open_to("", 0o711);
    let mut told = Vec::new();
    folder.exposed(&mut |path, exposure| told.push((path.to_owned(), exposure.unwrap())));
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let written = ["tmp", "tmp/d", "tmp/d/d", "tmp/d/written"];
    let all = [("read", Exposure::Read)].into_iter().chain(written.map(|path| (path, Exposure::Write)));
    assert_eq!(told, all.map(|(path, exposure)| (path.to_owned(), exposure)).collect::<Vec<_>>());
}

#[test]
fn a_missing_folder_is_made_with_those_above() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for (path, made) in [("a/b/repo", "a/b/repo"), ("c/repo/", "c/repo"), ("d/./repo/.", "d/repo")] {
        assert!(Folder::create(&at(path)).unwrap().is_some(), "{path}");
        assert_eq!(fs::metadata(at(made)).unwrap().mode() & 0o7777, 0o700, "{path}");
    }
    assert!(Folder::create(&at("e/..")).unwrap().is_none());
    symlink(at("a"), at("link")).unwrap();
    assert!(Folder::create(&at("link")).unwrap().is_none());
    assert!(Folder::create(&at("link/repo")).unwrap().is_some());
    assert!(at("a/repo").is_dir());
}

#[test]
fn a_new_folder_that_changes_places_with_a_link_leads_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let victim = directory.path().join("victim");
    fs::create_dir(&victim).unwrap();
    let swaps = AtomicU32::new(0);
    for round in 0..300 {
        let at = |name: &str| directory.path().join(format!("{name}-{round}"));
        let (new, link) = (at("new"), at("link"));
        symlink(&victim, &link).unwrap();
        let (ready, over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.wait();
                while !over.load(Ordering::Relaxed) {
                    let exchange = rustix::fs::RenameFlags::EXCHANGE;
                    let swapped = rustix::fs::renameat_with(CWD, &new, CWD, &link, exchange);
                    swaps.fetch_add(u32::from(swapped.is_ok()), Ordering::Relaxed);
                }
            });
            ready.wait();
            if let Ok(Some(folder)) = Folder::create(&new) {
                let _ = folder.make_folder("inside");
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "round {round}");
    }
    assert!(swaps.into_inner() > 0, "no race");
}

#[test]
fn a_file_that_changes_places_with_a_link_is_never_mistaken() {
    let planted = Planted::new();
    let (folder, over) = (&planted.folder, AtomicBool::new(false));
    let inside = folder.path();
    fs::write(inside.join("file"), "ours").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(
                    CWD,
                    inside.join("file"),
                    CWD,
                    inside.join("link"),
                    rustix::fs::RenameFlags::EXCHANGE,
                )
                .unwrap();
            }
        });
        let mut seen = [0, 0];
        for _ in 0..20_000 {
            match folder.read("file", 9) {
                Ok(bytes) => {
                    assert_eq!(bytes, b"ours");
                    seen[0] += 1;
                }
                Err(_) => seen[1] += 1,
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(seen.iter().all(|times| *times > 0), "no race: {seen:?}");
    });
}

#[test]
fn a_file_has_its_name_until_it_is_replaced() {
    let planted = Planted::new();
    let folder = &planted.folder;
    let file = folder.make_file_to_lock("file").unwrap();
    assert!(folder.is_at("file", &file).unwrap());
    folder.replace("file", b"new").unwrap();
    assert!(!folder.is_at("file", &file).unwrap());
    folder.remove("file").unwrap();
    assert!(!folder.is_at("file", &file).unwrap());
}
