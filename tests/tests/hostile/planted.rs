//! Links, pipes, devices, folders and endless files in place of each part of a repository. Every command
//! ends soon, uses little memory, changes nothing outside, and goes on with the rest.
//!
//! Each run draws some cases at random: `YESTER_TEST_HOSTILE` sets how many, `YESTER_TEST_SEED` which.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise};
use fs_tests::{Ran, Sandbox};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

/// A thing in the place of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    LinkToFile,
    LinkToFolder,
    LinkToNothing,
    LinkToEndless,
    HardLink,
    Pipe,
    Socket,
    Endless,
    Folder,
    Sparse,
}

const THINGS: [Thing; 10] = [
    Thing::LinkToFile,
    Thing::LinkToFolder,
    Thing::LinkToNothing,
    Thing::LinkToEndless,
    Thing::HardLink,
    Thing::Pipe,
    Thing::Socket,
    Thing::Endless,
    Thing::Folder,
    Thing::Sparse,
];

/// A command, and whether it may change the repository.
const COMMANDS: [(&[&str], bool); 16] = [
    (&["snapshots"], false),
    (&["ls", "@latest:"], false),
    (&["cat", "@latest:file"], false),
    (&["log", "file"], false),
    (&["find", "file"], false),
    (&["diff", "@first", "@latest"], false),
    (&["stats"], false),
    (&["status"], false),
    (&["check"], false),
    (&["check", "--read-data"], false),
    (&["repair", "--dry-run"], false),
    (&["tag", "@latest", "new"], true),
    (&["import", "--source", "source", "SOURCE"], true),
    (&["rebuild-index"], true),
    (&["repair"], true),
    (&["init"], true),
];

/// Stops a command that hangs, and limits its memory to 256 MB.
const WATCHDOG: [&str; 4] =
    ["sh", "-c", "ulimit -d 262144 && exec timeout --signal=TERM --kill-after=2 10 \"$@\"", "watchdog"];
/// Exit codes of `timeout`: the program was stopped, or had to be killed.
const HANGS: [i32; 2] = [124, 137];
/// A size that takes no space in a sparse file, and a day to read.
const SPARSE: u64 = 1 << 42;

/// A small repository, and things outside that must not change.
struct Ground {
    sandbox: Sandbox,
    /// Paths in it, below its folder.
    places: Vec<PathBuf>,
}

impl Ground {
    fn new() -> Self {
        let sandbox = Sandbox::with_repository();
        for version in 0..3 {
            file(sandbox.source().join("file"), format!("version {version}"));
            file(sandbox.source().join("large"), noise(version, 100_000));
            sandbox.import();
        }
        sandbox.yester(["tag", "@latest", "known"]).run().ok();
        let mut places: Vec<PathBuf> =
            ["lock", "watch.lock", "watch.json", "tmp/left", "damaged", "log/more", "packs/00"]
                .map(PathBuf::from)
                .into();
        collect(&sandbox.repo(), Path::new(""), &mut places);
        places.sort();
        places.dedup();
        file(sandbox.path("victim"), "victim");
        file(sandbox.path("victims/one"), "one");
        let status = Command::new("cp").arg("-a").arg(sandbox.repo()).arg(sandbox.path("good")).status();
        assert!(status.expect("cp").success());
        Self { sandbox, places }
    }

    /// Puts `thing` at a path in a fresh copy of the repository.
    fn plant(&self, place: &Path, thing: Thing) {
        let repository = self.sandbox.repo();
        let _ = fs::remove_dir_all(&repository);
        let status = Command::new("cp").arg("-a").arg(self.sandbox.path("good")).arg(&repository).status();
        assert!(status.expect("cp").success());
        let path = repository.join(place);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(&path).expect("no folder"),
            Ok(_) => fs::remove_file(&path).expect("no file"),
            Err(_) => {}
        }
        let own = Mode::from_raw_mode(0o600);
        match thing {
            Thing::LinkToFile => symlink(self.sandbox.path("victim"), path).expect("a link"),
            Thing::LinkToFolder => symlink(self.sandbox.path("victims"), path).expect("a link"),
            Thing::LinkToNothing => symlink(self.sandbox.path("nothing"), path).expect("a link"),
            Thing::LinkToEndless => symlink("/dev/zero", path).expect("a link"),
            Thing::HardLink => fs::hard_link(self.sandbox.path("victim"), path).expect("a hard link"),
            Thing::Pipe => mknodat(CWD, path, FileType::Fifo, own, 0).expect("a pipe"),
            Thing::Socket => drop(UnixListener::bind(path).expect("a socket")),
            Thing::Endless => {
                mknodat(CWD, path, FileType::CharacterDevice, own, makedev(1, 5)).expect("a device");
            }
            Thing::Folder => fs::create_dir(path).expect("a folder"),
            Thing::Sparse => File::create(path).and_then(|file| file.set_len(SPARSE)).expect("a file"),
        }
    }

    /// Everything outside that a hostile folder could lead to.
    fn outside(&self) -> Vec<(PathBuf, Vec<u8>, u32, SystemTime)> {
        assert!(!self.sandbox.path("nothing").exists(), "made where a link leads to");
        let mut files = vec![self.sandbox.path("victim")];
        let victims = fs::read_dir(self.sandbox.path("victims")).expect("a folder");
        files.extend(victims.map(|entry| entry.expect("an entry").path()));
        files.sort();
        let of = |path: PathBuf| {
            let told = path.metadata().expect("a file");
            (path.clone(), fs::read(path).expect("a file"), told.mode(), told.modified().expect("a time"))
        };
        files.into_iter().map(of).collect()
    }

    fn run(&self, words: &[&str]) -> Ran {
        let source = self.sandbox.source();
        let mut command = self.sandbox.yester::<_, &str>([]).through(&WATCHDOG);
        for word in words {
            command = if *word == "SOURCE" { command.arg(&source) } else { command.arg(word) };
        }
        command.run()
    }
}

fn collect(root: &Path, below: &Path, places: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root.join(below)).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = below.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            collect(root, &path, places);
        }
        places.push(path);
    }
}

/// The entries of the repository except the index, which a reader may mend.
fn entries(repository: &Path) -> BTreeMap<PathBuf, (u64, u32, SystemTime)> {
    let mut paths = Vec::new();
    collect(repository, Path::new(""), &mut paths);
    let is_index = |path: &Path| path.to_string_lossy().starts_with("index");
    paths.retain(|path| !is_index(path));
    let of = |path: PathBuf| {
        let told = fs::symlink_metadata(repository.join(&path)).expect("an entry");
        // Entries of tmp come and go.
        let time = if told.is_dir() { SystemTime::UNIX_EPOCH } else { told.modified().expect("a time") };
        (path, (told.len(), told.mode(), time))
    };
    paths.into_iter().map(of).collect()
}

/// Whether this is the path of an object, or of a folder that holds objects.
fn holds_objects(place: &Path) -> bool {
    ["config", "log", "packs", "snapshots", "state"].iter().any(|name| place.starts_with(name))
        && !["packs/00", "log/more"].iter().any(|other| place == Path::new(other))
}

#[test]
fn a_hard_link_is_not_written_to() {
    let ground = Ground::new();
    let writers: [&[&str]; 5] = [
        &["import", "--source", "source", "SOURCE"],
        &["tag", "@latest", "new"],
        &["rebuild-index"],
        &["repair"],
        &["check"],
    ];
    for words in writers {
        for place in ["lock", "index-2.redb", "watch.json"] {
            ground.plant(Path::new(place), Thing::HardLink);
            let outside = ground.outside();
            let ran = ground.run(words);
            assert_eq!(ground.outside(), outside, "{words:?}, {place}: {ran}");
            // As in a repository that was copied by `cp -al`.
            assert_eq!(ran.code(), Some(0), "{words:?}, {place}: {ran}");
        }
    }
}

#[test]
fn every_command_ends_and_changes_nothing_outside() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let ground = Ground::new();
    let mut cases = Vec::new();
    for place in &ground.places {
        for thing in THINGS {
            if thing == Thing::Folder && ground.sandbox.path("good").join(place).is_dir() {
                continue;
            }
            cases.extend(COMMANDS.map(|command| (place, thing, command)));
        }
    }
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| u64::from(now.subsec_nanos()));
    let seed = number("YESTER_TEST_SEED").unwrap_or(now);
    let count = number("YESTER_TEST_HOSTILE").unwrap_or(120).min(cases.len() as u64);
    println!("YESTER_TEST_SEED={seed}: {count} of {} cases", cases.len());
    let drawn = noise(seed, cases.len() * 8);
    let mut order: Vec<(u64, usize)> = drawn
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
        .zip(0..)
        .collect();
    order.sort_unstable();
    for (_, case) in order.into_iter().take(usize::try_from(count).expect("a count")) {
        let (place, thing, (words, writes)) = cases[case];
        let case = format!("{thing:?} at {}: {}", place.display(), words.join(" "));
        ground.plant(place, thing);
        let (outside, inside) = (ground.outside(), entries(&ground.sandbox.repo()));
        let ran = ground.run(words);
        let code = ran.code().unwrap_or_else(|| panic!("{case}: {ran}"));
        assert!(!HANGS.contains(&code), "{case} hangs: {ran}");
        assert!([0, 1, 2, 3, 4, 75].contains(&code), "{case}: {ran}");
        assert_eq!(ground.outside(), outside, "{case}: {ran}");
        if !writes {
            assert_eq!(entries(&ground.sandbox.repo()), inside, "{case}: {ran}");
        }
        if words[0] == "check" && holds_objects(place) {
            assert_ne!(code, 0, "{case}: {ran}");
            let name = place.file_name().expect("a name").to_string_lossy();
            let is_named = ran.text().contains(&*name) || ran.stderr().contains(&*name);
            assert!(is_named, "{case} is not named: {ran}");
        }
    }
}
