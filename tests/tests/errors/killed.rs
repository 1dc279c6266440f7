//! Imports that are killed at random moments while two mounts are read.
//!
//! `YESTER_TEST_KILL_ROUNDS` says how many (10). Files are named after the seed of their bytes, so that whoever finds
//! one knows what it must hold.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::wait::pause;
use fs_tests::{Mounted, Sandbox};
use rustix::process::Signal;

use super::{cat, snapshots};

const FILES: u64 = 150;
const LENGTH: usize = 20_000;

/// A few files that every version has, and many that it has alone.
fn plant_version(source: &Path, version: u64) {
    let much = source.join("much");
    let _ = fs::remove_dir_all(&much);
    for number in 0..FILES {
        let seed = version * FILES + number;
        file(much.join(format!("{}/{seed}", number / 50)), noise(seed, LENGTH));
    }
    // Changes a little each time.
    file(source.join("log"), "the same line\n".repeat(2000) + &version.to_string());
}

/// Reads a version, and returns how many files it had.
fn read_version(snapshot: &Path) -> u64 {
    let hello = fs::read(snapshot.join("hello.txt")).expect("a file that all snapshots have");
    assert_eq!(hello, b"hello\n");
    let mut files = 0;
    for folder in fs::read_dir(snapshot.join("much")).expect("a folder that all snapshots have") {
        for entry in fs::read_dir(folder.expect("an entry").path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let seed = path.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a seed");
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(bytes == noise(seed, LENGTH), "{} has other bytes", path.display());
            files += 1;
        }
    }
    assert_eq!(files, FILES, "{}", snapshot.display());
    files
}

/// Reads snapshots of a mount, the newest and any other in turn, until told to stop.
fn read_on(mounted: &Mounted, source: &str, stop: &AtomicBool, reads: &AtomicU64) {
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut names = mounted.names(source);
        names.retain(|name| name.starts_with("@20"));
        let at = if turn % 2 == 0 { names.len() - 1 } else { turn / 2 % names.len() };
        let files = read_version(&mounted.path(source).join(&names[at]));
        reads.fetch_add(files, Ordering::Relaxed);
        turn += 1;
    }
}

fn rounds() -> u64 {
    env::var("YESTER_TEST_KILL_ROUNDS").map_or(10, |rounds| rounds.parse().expect("a number of rounds"))
}

#[test]
fn at_random_moments_beside_two_mounts() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    plant_version(&sandbox.source(), 0);
    let mut known = vec![sandbox.import()];
    let one = Mounted::source(&sandbox);
    let point = sandbox.path("other");
    fs::create_dir(&point).expect("a mount point");
    let two = Mounted::start(&sandbox.yester(["mount"]).arg(&point), &point);

    let stop = AtomicBool::new(false);
    let reads = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        let readers = [
            scope.spawn(|| read_on(&one, "", &stop, &reads[0])),
            scope.spawn(|| read_on(&two, "source", &stop, &reads[1])),
        ];
        // Nobody waits for readers that a failure would leave reading.
        let _stop = Stop(&stop);
        kill_rounds(&sandbox, &[one.path(""), two.path("source")], &mut known);
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().expect("a reader that saw nothing wrong"));
    });
    assert!(reads.iter().all(|reads| reads.load(Ordering::Relaxed) > 0), "nothing was read meanwhile");
    for name in &known {
        read_version(&one.path(name));
        read_version(&two.path("source").join(name));
    }
}

fn kill_rounds(sandbox: &Sandbox, mounts: &[impl AsRef<Path>], known: &mut Vec<String>) {
    let seed = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.subsec_nanos());
    let mut usual = Duration::from_millis(300);
    let (mut killed, mut published) = (0, 0);
    for round in 1..=rounds() {
        plant_version(&sandbox.source(), round);
        let chance = f64::from(noise(u64::from(seed) + round, 1)[0]) / 255.0;
        let mut import = sandbox.yester(["import", "--source", "source"]).arg(sandbox.source()).start();
        pause(usual.mul_f64(chance * 1.1));
        import.signal(Signal::KILL);
        let ended = import.finish();
        killed += u32::from(ended.signal() == Some(9));

        let mut listed = snapshots(sandbox);
        assert!(listed.starts_with(known), "round {round}: {known:?} became {listed:?}");
        match listed.split_off(known.len()).as_slice() {
            [] => assert!(ended.code() != Some(0), "round {round}: a finished import is not listed: {ended}"),
            [name] => {
                // Killed after it was published, if at all: then it is whole.
                published += u32::from(ended.signal() == Some(9));
                known.push(name.clone());
            }
            more => panic!("round {round}: {more:?} of one import"),
        }
        assert_eq!(cat(sandbox, "@latest", "hello.txt"), b"hello\n");

        let begin = Instant::now();
        known.push(sandbox.import());
        usual = (usual + begin.elapsed()) / 2;
        let source = scan(&sandbox.source());
        let new = &known[known.len() - 1];
        for mount in mounts.iter().map(AsRef::as_ref) {
            // Not looked up by its name: before it is known, that is an expression and means the one before.
            fs_tests::wait_until("the mount to list the snapshot", Duration::from_secs(30), || {
                let mut entries = fs::read_dir(mount).ok()?.flatten();
                entries.any(|entry| entry.file_name() == new.as_str()).then_some(())
            });
            assert_same(&format!("round {round}"), &source, &scan(&mount.join(new)));
        }
    }
    println!("{killed} of {} imports were killed, {published} of them after they were published", rounds());
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
