//! A medium that fails to read: once, which passes, or always, which is a loss.

use std::fs;
use std::path::{Path, PathBuf};

use fs_tests::Sandbox;
use fs_tests::needs::{STRACE, met};
use fs_tests::plant::{file, noise};

use super::{Pack, files};

/// A repository of two snapshots, one of them with a name.
fn repository() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    for version in 0..2 {
        file(sandbox.source().join(format!("f{version}")), noise(version, 100_000));
        sandbox.import();
    }
    sandbox.yester(["tag", "-q", "@latest", "precious"]).run().ok();
    sandbox
}

/// All files and their bytes, but for the lock and the index, which is made again where the medium fails.
fn state(repo: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let derived = ["lock", "index-2.redb"];
    let paths = files(repo).into_iter().filter(|path| !derived.iter().any(|name| path.ends_with(name)));
    paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// The files of a repository, and its folders.
fn paths(repo: &Path) -> Vec<PathBuf> {
    let mut paths = files(repo);
    let folders: Vec<PathBuf> = paths.iter().filter_map(|path| Some(path.parent()?.to_owned())).collect();
    paths.extend(folders);
    paths.push(repo.join("packs"));
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn nothing_is_given_up_for_one_failure_to_read() {
    if !met(&[STRACE]) {
        return;
    }
    let sandbox = repository();
    let (before, paths) = (state(&sandbox.repo()), paths(&sandbox.repo()));
    let log = sandbox.path("strace");
    for (call, least) in [("pread64", 10), ("getdents64", 4)] {
        let mut nth = 1;
        loop {
            let repair = sandbox.yester(["repair"]).failing_once(call, nth, &paths, &log).run();
            if !fs::read_to_string(&log).expect("what strace wrote").contains("INJECTED") {
                break;
            }
            let what = format!("EIO at {call} number {nth}: {repair}");
            assert_eq!(repair.code(), Some(0), "{what}");
            let of_index = call == "pread64" && repair.text().contains("the index is rebuilt, without loss");
            assert!(of_index || repair.text().contains("nothing to repair"), "{what}");
            assert!(state(&sandbox.repo()) == before, "the repository has changed after {what}");
            nth += 1;
        }
        assert!(nth > least, "only {} of {call}", nth - 1);
    }
}

#[test]
fn what_can_never_be_read_is_lost_and_told_apart_from_damage() {
    if !met(&[STRACE]) {
        return;
    }
    let sandbox = repository();
    let packs = files(&sandbox.repo().join("packs")).into_iter().map(Pack::read);
    let pack = packs.filter(|pack| !pack.metadata).max_by_key(|pack| pack.len).expect("a pack");
    let check = sandbox.yester(["check"]).failing("pread64", Some(&pack.path)).run().code_is(4);
    let told = format!("{} could not be read (an error of the medium", pack.path.display());
    assert!(check.text().contains(&told), "{check}");
    let repair = sandbox.yester(["repair"]).failing("pread64", Some(&pack.path)).run().code_is(3);
    assert!(repair.text().contains(&told), "{repair}");
    assert!(sandbox.repo().join("damaged/packs").join(&pack.name).exists(), "{repair}");
    sandbox.yester(["check", "--read-data"]).run().ok();
}

#[test]
fn damaged_blocks_are_read_a_few_times_however_many_blobs_they_have() {
    if !met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    for number in 0..3000 {
        file(sandbox.source().join(format!("d{}/{number}", number / 300)), noise(number, 40));
    }
    sandbox.import();
    let packs = files(&sandbox.repo().join("packs"));
    for pack in packs.iter().cloned().map(Pack::read) {
        let mut bytes = fs::read(&pack.path).expect("a pack");
        let blocks = bytes.windows(4).enumerate().filter(|(_, four)| *four == b"YBLK");
        for at in blocks.map(|(at, _)| at + 60).collect::<Vec<_>>() {
            bytes[at] ^= 1;
        }
        fs::write(&pack.path, bytes).expect("written");
    }
    let log = sandbox.path("strace");
    for (args, code) in [(&["check", "--read-data"][..], 4), (&["repair", "--dry-run"], 3)] {
        // No call fails: the calls are only counted.
        let read = sandbox.yester(args).failing_once("pread64", 60_000, &packs, &log);
        read.run().code_is(code);
        let reads = fs::read_to_string(&log).expect("what strace wrote").lines().count();
        assert!((10..600).contains(&reads), "{reads} reads of {args:?}");
    }
}
