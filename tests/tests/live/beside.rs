//! A mount that is read in every way beside imports, rebuilt indexes and repairs. No reader sees anything of it, and the
//! mount does not grow.
//!
//! `YESTER_TEST_READ_SECONDS` says for how long beside imports (6).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise};
use fs_tests::process::held;
use fs_tests::{Mounted, Sandbox};

use super::load::{Load, plant, plant_version};

fn with_snapshots(count: u64) -> Sandbox {
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    for version in 0..count {
        plant_version(&sandbox.source(), version);
        sandbox.import();
    }
    sandbox
}

/// With caches that are soon full.
fn mounted(sandbox: &Sandbox) -> Mounted {
    Mounted::with(sandbox, &["--source", "source", "--cache-size", "4M"])
}

/// Does `work` again and again beside readers; how many files the mount has open after each time.
#[track_caller]
fn open_files(sandbox: &Sandbox, times: u64, work: impl Fn(u64)) -> Vec<u64> {
    let mounted = mounted(sandbox);
    let files = Load::new(sandbox, &mounted).beside(|load| {
        let after = |time| {
            work(time);
            assert!(!load.is_over(), "a reader saw something wrong");
            held(mounted.pid())[1]
        };
        (0..times).map(after).collect()
    });
    mounted.stop(rustix::process::Signal::TERM).ok();
    files
}

#[test]
fn imports() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let seconds = env::var("YESTER_TEST_READ_SECONDS").map_or(6, |seconds| seconds.parse().expect("seconds"));
    let limit = Duration::from_secs(seconds);
    let sandbox = with_snapshots(3);
    let mut mounted = mounted(&sandbox);
    let load = Load::new(&sandbox, &mounted);
    let pid = mounted.pid();
    let begin = Instant::now();
    let (versions, early, last) = load.beside(|load| {
        let (mut version, mut early, mut last) = (3, None, String::new());
        while begin.elapsed() < limit && !load.is_over() {
            plant_version(&sandbox.source(), version);
            last = sandbox.import();
            version += 1;
            if early.is_none() && begin.elapsed() * 3 > limit {
                early = Some((version, held(pid)));
            }
        }
        (version, early, last)
    });
    let ((early_version, early), late) = (early.expect("time to warm up"), held(pid));
    println!(
        "{} looks at {versions} snapshots in {:.0} s: {early:?} at {early_version} became {late:?}",
        load.looks(),
        begin.elapsed().as_secs_f64()
    );
    assert!(mounted.is_running() && load.looks() > 0 && versions > early_version);
    mounted.wait_for(&last);
    assert_eq!(mounted.names("").len() as u64, versions + 1);
    // Of a snapshot the mount keeps its manifest, and what the kernel keeps of its folders and files.
    let kept = (versions - early_version) * 8;
    assert!(late[0] < early[0] + early[0] / 10 + 4096 + kept, "{} KiB became {} KiB", early[0], late[0]);
    assert!(late[1] <= early[1] + 2, "{} open files became {}", early[1], late[1]);
    assert!(late[2] <= early[2] + 2, "{} threads became {}", early[2], late[2]);
    mounted.stop(rustix::process::Signal::TERM).ok();
}

#[test]
fn rebuilt_indexes() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_snapshots(4);
    let files = open_files(&sandbox, 12, |time| {
        sandbox.yester(["rebuild-index"]).run().ok();
        // What is new is in the new index only.
        plant_version(&sandbox.source(), 4 + time);
        sandbox.import();
    });
    assert!(files[11] <= files[3] + 2, "replaced indexes stay open: {files:?}");
}

/// The repository's packs.
fn packs(repository: &Path) -> Vec<PathBuf> {
    let folder = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    folder(&repository.join("packs")).iter().flat_map(|fan| folder(fan)).collect()
}

/// Imports another source, and damages what only this import has stored.
fn damage(sandbox: &Sandbox, round: u64) {
    let tree = sandbox.path("other");
    file(tree.join("large"), noise(50_000 + round, 500_000));
    file(tree.join("small"), format!("{round}"));
    let before = packs(&sandbox.repo());
    sandbox.yester(["import", "--source", "other"]).arg(&tree).run().ok();
    let new = packs(&sandbox.repo()).into_iter().filter(|pack| !before.contains(pack));
    let largest = new.max_by_key(|pack| pack.metadata().expect("a pack").len()).expect("a new pack");
    let mut bytes = fs::read(&largest).expect("the pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).expect("the damaged pack");
}

#[test]
fn repairs() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_snapshots(4);
    let files = open_files(&sandbox, 6, |time| {
        // Nothing to do; then something is lost that no reader looks at.
        sandbox.yester(["repair"]).run().ok();
        damage(&sandbox, time);
        sandbox.yester(["repair"]).run().code_is(3);
        plant_version(&sandbox.source(), 4 + time);
        sandbox.import();
    });
    assert!(files[5] <= files[2] + 2, "replaced files stay open: {files:?}");
}
