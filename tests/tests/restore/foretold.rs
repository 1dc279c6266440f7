//! A dry run reports what the restore will report, for random trees and many kinds of targets.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{acl, file, noise};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Ran, Sandbox};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, utimensat,
};
use rustix::mount::{MountFlags, mount};
use serde_json::Value;

use super::targets::Disk;

/// Random numbers from a seed.
struct Draw(u64);

impl Draw {
    /// A new seed, or that of an earlier run.
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
        let given = std::env::var("YESTER_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = given.unwrap_or_else(|| now.as_secs() ^ u64::from(now.subsec_nanos()));
        eprintln!("trees drawn with YESTER_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bytes = noise(self.0, 8);
        self.0 = self.0.wrapping_add(1);
        let number = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        usize::try_from(number % bound as u64).expect("a small number")
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Names: some are equal when case is ignored, and some are invalid on FAT.
const NAMES: [&str; 14] = [
    "README", "readme", "Readme", "a", "A", "b:c", "\u{e4}", "\u{c4}", "x.", "x", "sub", "SUB", "deep", "q?",
];
/// Times from the first to the last year that can be named, with the bounds of file systems.
const SECONDS: [i64; 10] = [
    -62_135_596_800,
    -2_147_483_648,
    -1,
    0,
    315_532_801,
    1_600_000_000,
    2_147_483_647,
    2_147_483_648,
    15_032_385_536,
    253_402_300_799,
];
const NANOS: [i64; 4] = [0, 500_000_000, 123_456_789, 10_000_000];
const OWNERS: [u32; 4] = [0, 1234, 65534, 4_000_000_000];
const MODES: [u32; 8] = [0o644, 0o600, 0o4755, 0o2750, 0o1777, 0o6711, 0o000, 0o777];

/// Fills a folder. Returns the entries made, so that they can get further names.
fn fill(draw: &mut Draw, folder: &Path, depth: usize, made: &mut Vec<PathBuf>) {
    for name in NAMES {
        if draw.one_in(3) {
            continue;
        }
        let path = folder.join(name);
        match draw.below(10) {
            0 if !made.is_empty() => {
                let first = made[draw.below(made.len())].clone();
                fs::hard_link(first, &path).expect("a hard link");
                continue;
            }
            1 => symlink("nowhere", &path).expect("a link"),
            2 => mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("a fifo"),
            3 if draw.one_in(2) => {
                let device = makedev(7, 300);
                mknodat(CWD, &path, FileType::CharacterDevice, Mode::RWXU, device).expect("a device");
            }
            4 | 5 if depth < 2 => {
                fs::create_dir(&path).expect("a folder");
                fill(draw, &path, depth + 1, made);
            }
            _ => file(&path, noise(draw.0, draw.below(3000))),
        }
        if !path.is_dir() || path.is_symlink() {
            made.push(path.clone());
        }
        dress(draw, &path);
    }
}

/// Gives an entry random attributes.
fn dress(draw: &mut Draw, path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("an entry");
    lchown(path, Some(draw.of(&OWNERS)), Some(draw.of(&OWNERS))).expect("an owner");
    if !metadata.is_symlink() {
        fs::set_permissions(path, Permissions::from_mode(draw.of(&MODES))).expect("a mode");
    }
    let set = |name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).expect("an attribute");
    };
    if metadata.is_file() || metadata.is_dir() {
        if draw.one_in(4) {
            set("user.comment", b"kept");
        }
        if draw.one_in(6) {
            let (user, mask) = (draw.of(&OWNERS), u16::try_from(draw.below(8)).expect("a mask"));
            let list = acl([
                (1, 6, u32::MAX),
                (2, 5, user),
                (4, 4, u32::MAX),
                (16, mask, u32::MAX),
                (32, 0, u32::MAX),
            ]);
            set("system.posix_acl_access", &list);
            if metadata.is_dir() {
                set("system.posix_acl_default", &list);
            }
        }
    }
    if draw.one_in(6) {
        set("trusted.note", b"1");
    }
    let time = Timespec { tv_sec: draw.of(&SECONDS), tv_nsec: draw.of(&NANOS) };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
}

/// A file system in memory, which keeps every time.
fn memory(point: &Path) {
    fs::create_dir_all(point).expect("a mount point");
    mount("tmpfs", point, "tmpfs", MountFlags::empty(), CString::default().as_c_str()).expect("a tmpfs");
}

/// The output of a run without the words that mark a dry run, and without the time taken.
fn said(ran: &Ran) -> (Option<i32>, Vec<Value>, Vec<String>) {
    let mut lines = ran.json_lines();
    for line in &mut lines {
        line.as_object_mut().expect("an object").remove("seconds");
    }
    let told = ran.stderr();
    let mut told: Vec<String> =
        told.lines().filter(|line| !line.starts_with("would replace ")).map(String::from).collect();
    told.sort_unstable();
    (ran.code(), lines, told)
}

/// How the restore is run.
#[derive(Debug, Clone, Copy)]
enum Who {
    Root,
    Nobody,
    Through(&'static [&'static str]),
}

/// Runs a restore dry, and then for real. Both report the same, and the dry run changes nothing.
#[track_caller]
fn compare(sandbox: &Sandbox, who: Who, words: &[&str], to: &Path, seed: u64) {
    let run = |more: &[&str]| {
        let ran = sandbox.yester(["--json", "restore"]).args(words).arg("--to").arg(to).args(more);
        match who {
            Who::Root => ran.run(),
            Who::Nobody => ran.as_nobody().run(),
            Who::Through(program) => ran.through(program).run(),
        }
    };
    let there = to.exists().then(|| scan(to));
    let foretold = run(&["--dry-run"]);
    match there {
        Some(there) => assert_same("after a dry run", &there, &scan(to)),
        None => assert!(!to.exists(), "made by a dry run: {}", to.display()),
    }
    let done = run(&[]);
    let left = scan(to).into_keys().find(|path| path.windows(8).any(|name| name == b".yester-"));
    assert_eq!(left, None, "left behind in {}", to.display());
    let (before, after) = (said(&foretold), said(&done));
    let only = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|line| !those.contains(line)).map(String::as_str);
        only.collect::<Vec<_>>().join("\n  ")
    };
    assert!(
        before == after,
        "YESTER_TEST_SEED={seed}, {who:?} {words:?} to {}:\nforetold {:?} {:?}\n  {}\ndone {:?} {:?}\n  {}",
        to.display(),
        before.0,
        before.1,
        only(&before.2, &after.2),
        after.0,
        after.1,
        only(&after.2, &before.2),
    );
}

/// Restores one tree into a target: fresh, again, over changes, and from several overlapping paths.
fn all_of(draw: &mut Draw, sandbox: &Sandbox, who: Who, point: &Path) {
    let seed = draw.0;
    let to = point.join("out");
    compare(sandbox, who, &["@latest:"], &to, seed);
    compare(sandbox, who, &["@latest:"], &to, seed);
    let names: Vec<_> = fs::read_dir(&to).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    for path in names.iter().filter(|path| !path.is_dir()) {
        match draw.below(4) {
            0 => fs::remove_file(path).expect("removed"),
            1 => {
                fs::remove_file(path).expect("removed");
                file(path, "mine");
            }
            _ => {}
        }
    }
    compare(sandbox, who, &["@latest:"], &to, seed);
    compare(sandbox, who, &["@latest:", "--overwrite"], &to, seed);
    compare(sandbox, who, &["@latest:", "--overwrite"], &to, seed);
    if matches!(who, Who::Root) {
        // By then, others may have lost the right to write to the folders of the first.
        compare(sandbox, who, &["@latest:one", "@latest:two/one"], &point.join("both"), seed);
        compare(sandbox, who, &["@latest:", "@latest:two"], &point.join("merged"), seed);
    }
}

/// A repository with a random tree.
fn planted(draw: &mut Draw) -> Sandbox {
    let sandbox = Sandbox::with_repository();
    memory(&sandbox.source());
    let mut made = Vec::new();
    for folder in ["one", "two", "two/one"] {
        fs::create_dir(sandbox.source().join(folder)).expect("a folder");
        fill(draw, &sandbox.source().join(folder), 0, &mut made);
    }
    fill(draw, &sandbox.source(), 1, &mut made);
    sandbox.import();
    sandbox
}

const CHOWNLESS: Who = Who::Through(&["setpriv", "--bounding-set=-chown", "--inh-caps=-chown"]);
const NAMESPACE: Who = Who::Through(&["unshare", "-r"]);

/// Uses a separate disk for each kind of process.
fn on_a_disk(mkfs: &[&str], mount: &[&str], whos: &[Who]) {
    let mut draw = Draw::new();
    let sandbox = planted(&mut draw);
    for (nth, who) in whos.iter().enumerate() {
        let Some(disk) = Disk::mount(&sandbox, &format!("disk-{nth}"), mkfs, mount) else { return };
        let point = disk.point.join("target");
        fs::create_dir(&point).expect("a folder");
        if let Who::Nobody = who {
            sandbox.give_to_nobody_below("repo");
            lchown(&point, Some(65534), Some(65534)).expect("an owner");
        }
        all_of(&mut draw, &sandbox, *who, &point);
    }
}

#[test]
fn on_ext4() {
    if needs::met(&[Need::Root, needs::MKFS_EXT4, needs::UNSHARE, needs::SETPRIV]) {
        let whos = [Who::Root, CHOWNLESS, NAMESPACE, Who::Nobody];
        on_a_disk(&["mkfs.ext4", "-q"], &["mount", "-t", "ext4"], &whos);
    }
}

#[test]
fn on_ext4_that_ends_in_2038() {
    if needs::met(&[Need::Root, needs::MKFS_EXT4, needs::SETPRIV]) {
        let mkfs = ["mkfs.ext4", "-q", "-I", "128"];
        on_a_disk(&mkfs, &["mount", "-t", "ext4"], &[Who::Root, Who::Nobody]);
    }
}

#[test]
fn on_exfat() {
    if needs::met(&[Need::Root, Need::Fuse, needs::MKFS_EXFAT, needs::EXFAT_FUSE]) {
        on_a_disk(&["mkfs.exfat"], &["mount.exfat-fuse"], &[Who::Root, CHOWNLESS]);
    }
}

#[test]
fn in_memory() {
    if !needs::met(&[Need::Root, needs::UNSHARE, needs::SETPRIV]) {
        return;
    }
    let mut draw = Draw::new();
    let sandbox = planted(&mut draw);
    for (nth, who) in [Who::Root, CHOWNLESS, NAMESPACE, Who::Nobody].into_iter().enumerate() {
        let point = sandbox.path(format!("memory-{nth}"));
        memory(&point);
        if let Who::Nobody = who {
            sandbox.give_to_nobody_below("repo");
            lchown(&point, Some(65534), Some(65534)).expect("an owner");
        }
        all_of(&mut draw, &sandbox, who, &point);
    }
}

#[test]
fn in_a_folder_of_another_user() {
    if !needs::met(&[Need::Root, needs::SETPRIV]) {
        return;
    }
    // The second one has a sticky folder with an attribute of its own.
    for draw in [Draw::new(), Draw(1_986_738_372)] {
        in_a_folder_of_root(draw);
    }
}

fn in_a_folder_of_root(mut draw: Draw) {
    let sandbox = planted(&mut draw);
    let to = sandbox.path("out");
    sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).run();
    sandbox.give_to_nobody_below("repo");
    for words in [&["@latest:"][..], &["@latest:", "--overwrite"]] {
        compare(&sandbox, Who::Nobody, words, &to, draw.0);
    }
    // Everybody may write there, but nobody may replace another user's entries.
    for (mode, name) in [(0o777, "open"), (0o1777, "sticky"), (0o2777, "lent")] {
        let to = sandbox.path(name);
        file(to.join("README"), "root's");
        fs::create_dir_all(to.join("one")).expect("a folder");
        lchown(&to, Some(0), Some(1234)).expect("an owner");
        for folder in [to.join("one"), to.clone()] {
            fs::set_permissions(folder, Permissions::from_mode(mode)).expect("a mode");
        }
        for words in [&["@latest:"][..], &["@latest:", "--overwrite"]] {
            compare(&sandbox, Who::Nobody, words, &to, draw.0);
        }
    }
}

#[test]
fn with_more_names_than_a_file_can_have() {
    if !needs::met(&[Need::Root, needs::MKFS_EXT4]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    memory(&sandbox.source());
    let first = sandbox.source().join("first");
    file(&first, "one file");
    for number in 0..65_010 {
        fs::hard_link(&first, sandbox.source().join(format!("{number}"))).expect("a hard link");
    }
    sandbox.import();
    let mkfs = ["mkfs.ext4", "-q"];
    let Some(disk) = Disk::mount(&sandbox, "disk", &mkfs, &["mount", "-t", "ext4"]) else { return };
    compare(&sandbox, Who::Root, &["@latest:"], &disk.point.join("out"), 0);
}

#[test]
fn across_mounts() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("a/file"), "one file");
    fs::create_dir_all(sandbox.source().join("b/new")).expect("a folder");
    fs::hard_link(sandbox.source().join("a/file"), sandbox.source().join("b/file")).expect("a hard link");
    fs::hard_link(sandbox.source().join("a/file"), sandbox.source().join("b/new/file")).expect("a hard link");
    sandbox.import();
    let to = sandbox.path("out");
    memory(&to.join("b"));
    compare(&sandbox, Who::Root, &["@latest:"], &to, 0);
}
