//! Files that change although their sizes and times stay the same.

use std::fs::{File, FileTimes};
use std::time::SystemTime;

use super::*;

/// Seconds after the files were written, enough for their ctimes to be proof.
const LATER: i64 = 100;

/// Sets the modification time of a file.
fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

impl Fixture {
    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        set_time(&path, 1_500_000_000);
        path
    }

    /// Content of a path in the last snapshot.
    fn content(&self, path: &str) -> String {
        let reader = self.repository.reader(CacheSizes::default());
        let mut kind = self.root().unwrap();
        for name in path.split('/') {
            let Kind::Directory(id) = kind else { panic!("{path}: no directory") };
            kind = lookup(&reader, &id, name.as_bytes()).unwrap().unwrap().kind;
        }
        let Kind::File { content: crate::format::Content::Inline(bytes), .. } = kind else {
            panic!("{path}: {kind:?}")
        };
        String::from_utf8(bytes.into()).unwrap()
    }

    fn again(&self) -> Progress {
        self.import_at(LATER, &Silent).unwrap().progress
    }

    fn again_without_inodes(&self, options: Options<'_>) -> Progress {
        let import = ImportOptions { ignore_inode: true, ..ImportOptions::default() };
        self.import_with(LATER, import, options, &Silent).unwrap().progress
    }

    fn again_with(&self, options: Options<'_>) -> Progress {
        self.import(LATER, options, &Silent).unwrap().progress
    }
}

#[test]
fn a_file_changed_in_place_with_its_time_restored_is_read_again() {
    let fixture = Fixture::new();
    fixture.write("container", "AAAA");
    fixture.write("other", "....");
    fixture.again();
    tick(fixture.directory.path());
    fixture.write("container", "BBBB");
    let progress = fixture.again();
    assert_eq!((progress.files_read, progress.unchanged), (1, 1));
    assert_eq!(fixture.content("container"), "BBBB");
}

#[test]
fn names_that_two_files_or_directories_have_swapped_are_read_again() {
    let fixture = Fixture::new();
    for name in ["x", "y", "d/f", "e/f"] {
        fixture.write(name, name.get(..1).unwrap());
    }
    fixture.again();
    for (one, other) in [("x", "y"), ("d", "e")] {
        fs::rename(fixture.path(one), fixture.path("third")).unwrap();
        fs::rename(fixture.path(other), fixture.path(one)).unwrap();
        fs::rename(fixture.path("third"), fixture.path(other)).unwrap();
    }
    assert_eq!(fixture.again().files_read, 4);
    assert_eq!(["x", "y", "d/f", "e/f"].map(|path| fixture.content(path)), ["y", "x", "e", "d"]);
    assert_eq!(fixture.again().files_read, 0);
}

#[test]
fn an_unchanged_file_is_found_among_others_that_come_and_go() {
    let fixture = Fixture::new();
    for name in ["a", "c/1", "c/3", "d", "f/x", "g"] {
        fixture.write(name, name);
    }
    symlink("a", fixture.path("b")).unwrap();
    fixture.again();
    fs::remove_file(fixture.path("a")).unwrap();
    fs::remove_file(fixture.path("b")).unwrap();
    fs::remove_dir_all(fixture.path("f")).unwrap();
    for name in ["aa", "c/2", "e/new", "ff"] {
        fixture.write(name, name);
    }
    let progress = fixture.again();
    assert_eq!((progress.files_read, progress.unchanged), (4, 4));
    assert_eq!(fixture.again().files_read, 0);
}

#[test]
fn checksum_reads_all_and_says_since_when() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    let first = fixture.import_at(LATER, &Silent).unwrap().stat_trailer.all_read;
    let second = fixture.import_at(2 * LATER, &Silent).unwrap();
    assert_eq!((second.progress.unchanged, second.stat_trailer.all_read), (1, first));
    let options = Options { checksum: true, ..Options::default() };
    let third = fixture.import(3 * LATER, options, &Silent).unwrap();
    assert_eq!(third.progress.files_read, 1);
    assert!(third.stat_trailer.all_read > first);
    assert_eq!(
        fixture.import_at(4 * LATER, &Silent).unwrap().stat_trailer.all_read,
        third.stat_trailer.all_read
    );
}

#[test]
fn other_inodes_are_read_unless_they_mean_nothing() {
    let fixture = Fixture::new();
    let path = fixture.write("file", "content");
    fixture.again();
    let link = fixture.directory.path().join("kept");
    fs::hard_link(&path, &link).unwrap();
    fixture.again();
    // The new file is equal in everything that a program can set.
    fs::remove_file(&path).unwrap();
    fixture.write("file", "content");
    // Its ctime is later.
    assert_eq!(fixture.again_without_inodes(Options::default()).files_read, 1);
    assert_eq!(fixture.again_without_inodes(Options::default()).files_read, 0);
}

#[test]
fn what_another_tree_had_proves_nothing() {
    let fixture = Fixture::new();
    fixture.write("photo", "live");
    fixture.again();
    // The clock of a copy is not read. A ctime far in the future is proof without it.
    let again = || {
        let import = ImportOptions { origin: Some(b"another".to_vec()), ..ImportOptions::default() };
        let imported = fixture.import_with(-3 * 86_400, import, Options::default(), &Silent).unwrap();
        imported.progress.files_read
    };
    assert_eq!(again(), 1);
    assert_eq!(again(), 0);
    assert_eq!(fixture.again().files_read, 1);
}

#[test]
fn in_a_farm_the_inode_decides() {
    let fixture = Fixture::new();
    let seen = SeenFiles::default();
    let farm = || Options { seen: Some(&seen), ..Options::default() };
    let (kept, rewritten) = (fixture.write("kept", "kept"), fixture.write("rewritten", "AAAA"));
    fixture.again_with(farm());
    // Makes the next level: links change the ctime of kept files, and a changed file is a new one.
    let level = fixture.directory.path().join("level");
    fs::create_dir(&level).unwrap();
    fs::hard_link(&kept, level.join("kept")).unwrap();
    fs::rename(&rewritten, level.join("rewritten")).unwrap();
    fixture.write("rewritten", "BBBB");
    let progress = fixture.again_with(farm());
    assert_eq!((progress.files_read, progress.unchanged), (1, 1));
    assert_eq!(fixture.content("rewritten"), "BBBB");
    // If inode numbers prove nothing, the ctime must.
    fixture.write("kept", "Kept");
    assert_eq!(fixture.again_without_inodes(farm()).files_read, 1);
    assert_eq!(fixture.content("kept"), "Kept");
    // The limit: one file in all levels, changed in place, with its time restored.
    fixture.write("kept", "KEPT");
    assert_eq!(fixture.again_with(farm()).files_read, 0);
    assert_eq!(fixture.again_with(Options { checksum: true, ..farm() }).files_read, 2);
    assert_eq!(fixture.content("kept"), "KEPT");
}

#[test]
fn a_stat_cache_that_is_gone_costs_nothing_but_reading() {
    let fixture = Fixture::new();
    fixture.write("file", "content");
    fixture.again();
    fs::remove_dir_all(fixture.directory.path().join("repository/stat-cache")).unwrap();
    assert_eq!(fixture.again().files_read, 1);
    assert_eq!(fixture.again().files_read, 0);
}

#[test]
fn sizes_that_lie_are_passed_over() {
    let fixture = Fixture::new();
    let read = |path: &str, outcome: &Fixture| {
        let expected = fs::read(path).unwrap();
        let name = path.rsplit('/').next().unwrap();
        let entry = outcome.entry(name).unwrap();
        assert!(!entry.changed_while_read, "{path}");
        assert_eq!(entry.size(), expected.len() as u64, "{path}");
    };
    // A file of size 0 with content, and one of size 4096 with less.
    for (folder, name) in [("/proc/sys/kernel", "osrelease"), ("/sys/kernel", "fscaps")] {
        let path = format!("{folder}/{name}");
        if !Path::new(&path).exists() {
            continue;
        }
        let tree = Path::new(folder);
        let mut writer = fixture.repository.writer().unwrap();
        let mut stat_cache = fixture.repository.stat_cache_writer(b"lies", b"");
        let (options, none) = (Options::default(), Cancellation::default());
        let walked =
            walk(tree, &ImportOptions::default(), &options, &mut writer, &mut stat_cache, &Silent, &none)
                .unwrap();
        let manifest = Manifest { source: b"lies"[..].into(), ..walked.manifest };
        let (id, _) = writer.commit(&manifest).unwrap();
        *fixture.last.lock().unwrap() = Some(Snapshot { id, manifest });
        read(&path, &fixture);
    }
}
