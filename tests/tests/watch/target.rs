//! A folder that rsync writes to.

use std::fs;
use std::time::{Duration, Instant};

use fs_tests::judge::same;
use fs_tests::needs::{self, Need, RSYNC};
use fs_tests::{Mounted, Sandbox};

use super::writer::rsync;
use super::{LIMIT, Watch, snapshots, stays, wait_for, watched};
use crate::layouts::live;

/// How soon a run is to be in after it has completed, when nothing is said of `quiet`.
const SOON: Duration = Duration::from_secs(10);
const WORDS: &[&str] = &["-aHAX", "--delete"];

#[test]
fn a_run_is_imported_soon_and_once() {
    if !needs::met(&[Need::Fuse, RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (source, target) = (sandbox.source(), sandbox.path("target"));
    let mounted = Mounted::with(&sandbox, &[]);
    live(&source, 0);
    rsync(WORDS, &source, &target);
    // It was there before the watch.
    let watch = Watch::start(&sandbox, &watched(&target, ""));
    for day in 1..4_u8 {
        let begin = Instant::now();
        let listed = wait_for(&sandbox, day.into(), SOON);
        println!("imported {:.1} s after the run", begin.elapsed().as_secs_f64());
        let last = &listed[listed.len() - 1];
        assert_eq!((&last["source"], &last["status"]), (&"target".into(), &"unknown".into()));
        let name = last["name"].as_str().expect("a name");
        mounted_has(&mounted, name);
        same(&target, &mounted.path("target").join(name));
        live(&source, day.into());
        rsync(WORDS, &source, &target);
    }
    wait_for(&sandbox, 4, SOON);
    // One that changes nothing.
    rsync(WORDS, &source, &target);
    stays(&sandbox, 4, Duration::from_secs(8));

    let told = watch.stop().ok().text();
    let names: Vec<String> = snapshots(&sandbox).iter().map(|line| line["name"].to_string()).collect();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), names.len(), "{told}");
    for (line, name) in lines.iter().zip(&names) {
        assert!(line.starts_with(&format!("{} of target: ", name.trim_matches('"'))), "{line}");
    }
}

fn mounted_has(mounted: &Mounted, name: &str) {
    fs_tests::wait_until("the mount to list it", Duration::from_secs(30), || {
        fs::read_dir(mounted.path("target")).ok()?.flatten().find(|entry| entry.file_name() == name)
    });
}

/// A folder made for a first run looks like one that is not mounted, until the run comes.
#[test]
fn the_first_run_into_an_empty_folder() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let target = sandbox.path("target");
    fs::create_dir(&target).expect("a folder");
    live(&sandbox.source(), 0);
    let watch = Watch::start(&sandbox, &watched(&target, "quiet = \"1s\""));
    stays(&sandbox, 0, Duration::from_secs(3));
    rsync(WORDS, &sandbox.source(), &target);
    wait_for(&sandbox, 1, LIMIT);
    watch.stop();
}

#[test]
fn a_snapshot_is_told_as_import_tells_it() {
    let sandbox = Sandbox::with_repository();
    let target = sandbox.path("target");
    live(&target, 0);
    let config = watched(&target, "quiet = \"1s\"\nsource = \"web1\"");
    let mut watch = super::command(&sandbox, &config).arg("--json").start();
    let listed = wait_for(&sandbox, 1, LIMIT);
    assert_eq!(listed[0]["source"], "web1");
    fs_tests::wait_until("a line", LIMIT, || watch.text().ends_with('\n').then_some(()));
    watch.signal(rustix::process::Signal::INT);
    let told = watch.finish().ok().json();
    for (key, value) in listed[0].as_object().expect("an object") {
        assert_eq!(&told[key], value, "{key}: {told}");
    }
    let keys = |line: &serde_json::Value| -> Vec<String> {
        line.as_object().expect("an object").keys().cloned().collect()
    };
    let by_hand = sandbox.yester(["--json", "import", "--source", "other"]).arg(&target).run().ok().json();
    assert_eq!(keys(&told), keys(&by_hand));
}
