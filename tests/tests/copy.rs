//! Copies between repositories, and upgrades, as users see them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_tests::judge::same;
use fs_tests::needs::{self, Need, RSNAPSHOT, RSYNC};
use fs_tests::plant::{file, many, noise, small};
use fs_tests::wait::pause;
use fs_tests::{Mounted, Ran, Sandbox, Yester};
use rustix::process::Signal;
use serde_json::Value;

use super::layouts::live;
use super::layouts::rsnapshot::Rsnapshot;

/// The path of another repository. It is created unless `init` is false.
fn other(sandbox: &Sandbox, name: &str, init: bool) -> PathBuf {
    let root = sandbox.path(name);
    if init {
        sandbox.bare_yester(["init"]).arg(&root).run().ok();
    }
    root
}

/// `yester ARGS…` with another repository.
fn with<'a>(sandbox: &'a Sandbox, repository: &Path, args: &[&str]) -> Yester<'a> {
    sandbox.bare_yester(["--repo"]).arg(repository).args(args)
}

/// `yester --json copy --to TO ARGS…`.
fn copy<'a>(sandbox: &'a Sandbox, to: &Path, args: &[&str]) -> Yester<'a> {
    sandbox.yester(["--json", "copy", "--to"]).arg(to).args(args)
}

/// Counts of the summary: copied, present, left out, tags.
#[track_caller]
fn counts(ran: &Ran) -> [u64; 4] {
    let lines = ran.json_lines();
    let last = lines.last().expect("a summary");
    ["copied", "present", "left_out", "tags"].map(|key| last[key].as_u64().expect("a count"))
}

fn snapshots(sandbox: &Sandbox, repository: &Path) -> Vec<Value> {
    with(sandbox, repository, &["--json", "snapshots"]).run().ok().json_lines()
}

/// Requires that the other repository lists the same snapshots, and verifies in full.
#[track_caller]
fn lists_the_same(sandbox: &Sandbox, to: &Path) {
    let plain = |repository: &Path| {
        let mut all = snapshots(sandbox, repository);
        all.iter_mut().for_each(|line| line["snapshot"] = Value::Null);
        all
    };
    assert_eq!(plain(&sandbox.repo()), plain(to));
    with(sandbox, to, &["check", "--read-data"]).run().code_is(0);
}

#[test]
fn copied_runs_are_the_same_and_are_not_imported_again() {
    if !needs::met(&[Need::Root, Need::Fuse, RSYNC, RSNAPSHOT]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let rsnapshot = Rsnapshot::new(&sandbox, false, false);
    for day in 0..3 {
        live(&sandbox.source(), day);
        rsnapshot.run("alpha");
        sandbox.yester(["import", "--config"]).arg(rsnapshot.config()).run().ok();
    }
    let source = snapshots(&sandbox, &sandbox.repo())[0]["source"].as_str().expect("a source").to_owned();
    sandbox.yester(["tag", "--source", &source, "@first", "kept"]).run().ok();
    let to = other(&sandbox, "copy", true);
    let all = snapshots(&sandbox, &sandbox.repo()).len() as u64;
    assert_eq!(counts(&copy(&sandbox, &to, &["-n"]).run().ok()), [all, 0, 0, 0]);
    assert!(snapshots(&sandbox, &to).is_empty());
    let ran = copy(&sandbox, &to, &[]).run().ok();
    assert_eq!(counts(&ran), [all, 0, 0, 1]);
    assert!(ran.json_lines()[0]["copy"].is_string(), "{ran}");
    lists_the_same(&sandbox, &to);
    assert_eq!(counts(&copy(&sandbox, &to, &[]).run().ok()), [0, all, 0, 0]);

    let point = sandbox.path("other-mnt");
    fs::create_dir(&point).expect("a mount point");
    let (one, two) =
        (Mounted::with(&sandbox, &[]), Mounted::start(&with(&sandbox, &to, &["mount"]).arg(&point), &point));
    for line in snapshots(&sandbox, &to) {
        let [source, name] = ["source", "name"].map(|key| line[key].as_str().expect("text"));
        same(&one.path(source).join(name), &two.path(source).join(name));
    }
    drop((one, two));

    // The copy goes on where the original stands.
    let import = |words: &[&str]| {
        with(&sandbox, &to, &["--json", "import", "--config"]).arg(rsnapshot.config()).args(words).run().ok()
    };
    assert!(import(&[]).json_lines().iter().all(|line| line["snapshot"].is_null()));
    live(&sandbox.source(), 3);
    rsnapshot.run("alpha");
    assert_eq!(import(&[]).json_lines().iter().filter(|line| line["snapshot"].is_string()).count(), 2);
    // Back again, the copies are known.
    let back = with(&sandbox, &to, &["--json", "copy", "--to"]).arg(sandbox.repo()).run().ok();
    assert_eq!(counts(&back), [2, all, 0, 0]);
    lists_the_same(&sandbox, &to);
}

#[test]
fn sources_and_times_select_snapshots() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import_as("web1");
    sandbox.import_as("web2");
    file(sandbox.source().join("new"), noise(3, 70_000));
    sandbox.import_as("web1");
    let to = other(&sandbox, "copy", true);
    let dry = |args: &[&str]| counts(&copy(&sandbox, &to, &["-n"]).args(args).run().ok())[0];
    assert_eq!(dry(&["--source", "web2"]), 1);
    assert_eq!(dry(&["--source", "web1", "--source", "web2"]), 3);
    assert_eq!(dry(&["@latest"]), 2);
    assert_eq!(dry(&["latest", "web1@first"]), 3);
    assert_eq!(dry(&["@latest~1"]), 1, "only web1 has one before its last");
    let ran = sandbox.yester(["copy", "--to"]).arg(&to).arg("web1@latest").run().ok();
    assert!(
        ran.text().contains(" of web1: copied, added ") && ran.text().contains("copied 1 snapshot; "),
        "{ran}"
    );
    let ran = sandbox.yester(["-q", "copy", "--to"]).arg(&to).arg("--from").arg(sandbox.repo()).run().ok();
    assert_eq!(ran.text(), "");
    lists_the_same(&sandbox, &to);
}

#[test]
fn what_cannot_be_done_is_said() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import_as("web1");
    let to = other(&sandbox, "copy", true);
    let path = to.to_str().expect("plain characters").to_owned();
    let fails = |to: &Path, args: &[&str], code: i32, words: &[&str]| {
        sandbox.yester(["copy", "--to"]).arg(to).args(args).run().fails(code, words);
    };
    fails(&sandbox.repo(), &[], 1, &["the same repository"]);
    fails(&sandbox.path("none"), &[], 1, &["not a yester repository", "yester init /"]);
    fails(&to, &["--source", "web"], 1, &["did you mean web1"]);
    fails(&to, &["@2001"], 1, &["web1 has no snapshot at @2001"]);
    fails(&to, &["web1"], 2, &["--source web1"]);
    fails(&to, &["web1@latest:etc"], 2, &["leave out the path"]);
    fails(&to, &["--source", "web1", "web2@latest"], 2, &["--source excludes web2"]);
    let lock = fs::File::open(to.join("lock")).expect("the lock");
    lock.lock().expect("a lock");
    fails(&to, &[], 75, &[&path, "locked"]);
    // The repository that is only read needs no lock.
    let back = with(&sandbox, &to, &["copy", "--to"]).arg(sandbox.repo());
    assert!(back.run().ok().text().contains("copied 0 snapshots"));
    drop(lock);
    fails(&sandbox.path("none"), &["-n"], 1, &["not a yester repository"]);
}

#[test]
fn a_damaged_snapshot_is_named_and_left_out() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let packs = |repository: &Path| {
        let list =
            |folder: PathBuf| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it").path());
        list(repository.join("packs")).flat_map(list).collect::<Vec<_>>()
    };
    let before = packs(&sandbox.repo());
    file(sandbox.source().join("etc/new"), noise(5, 200_000));
    let damaged = sandbox.import();
    let new: Vec<_> = packs(&sandbox.repo()).into_iter().filter(|pack| !before.contains(pack)).collect();
    fs::remove_file(sandbox.source().join("etc/new")).expect("a file less");
    file(sandbox.source().join("other"), noise(6, 2000));
    sandbox.import();
    let largest = new.iter().max_by_key(|pack| fs::metadata(pack).expect("a pack").len()).expect("a pack");
    let mut bytes = fs::read(largest).expect("a pack");
    bytes[1000..1100].fill(0);
    fs::set_permissions(largest, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    fs::write(largest, bytes).expect("damage");

    let to = other(&sandbox, "copy", true);
    let ran = copy(&sandbox, &to, &[]).run().code_is(3);
    assert_eq!(counts(&ran), [2, 0, 1, 0]);
    let named = format!("source{damaged}:etc/new: ");
    assert!(ran.stderr().contains(&named) && ran.stderr().contains("the snapshot is not copied"), "{ran}");
    let left_out: Vec<_> = ran.json_lines().into_iter().filter(|line| line["state"] == "left out").collect();
    assert_eq!(left_out.len(), 1);
    assert!(left_out[0]["name"] == *damaged && left_out[0]["reason"].is_string(), "{ran}");
    with(&sandbox, &to, &["check", "--read-data"]).run().code_is(0);
    assert_eq!(snapshots(&sandbox, &to).len(), 2);
    // The repaired snapshot lacks the file, and can be copied.
    sandbox.yester(["repair"]).run().code_is(3);
    assert_eq!(counts(&copy(&sandbox, &to, &[]).run().ok()), [1, 2, 0, 0]);
}

#[test]
fn a_repaired_copy_is_copied_again() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    file(sandbox.source().join("big"), noise(5, 200_000));
    sandbox.import();
    let to = other(&sandbox, "copy", true);
    copy(&sandbox, &to, &[]).run().ok();
    let list =
        |folder: PathBuf| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it").path());
    let largest =
        list(to.join("packs")).flat_map(list).max_by_key(|pack| fs::metadata(pack).expect("it").len());
    fs::remove_file(largest.expect("a pack")).expect("a pack less");
    with(&sandbox, &to, &["repair", "--really"]).run().code_is(3);
    let ran = copy(&sandbox, &to, &[]).run().ok();
    assert_eq!(counts(&ran), [1, 0, 0, 0]);
    with(&sandbox, &to, &["check", "--read-data"]).run().code_is(0);
    let big = with(&sandbox, &to, &["cat", "@latest:big"]).run().ok();
    assert_eq!(big.stdout, noise(5, 200_000));
}

#[test]
fn a_killed_copy_leaves_a_sound_repository_and_continues() {
    let sandbox = Sandbox::with_repository();
    for version in 0..4 {
        many(&sandbox.source(), 150 * (version + 1), 10_000);
        file(sandbox.source().join("log"), "the same line\n".repeat(2000) + &version.to_string());
        sandbox.import();
    }
    for round in 0..6 {
        let to = other(&sandbox, &format!("copy-{round}"), true);
        let mut known = Vec::new();
        for attempt in 1..4 {
            let mut running = copy(&sandbox, &to, &[]).start();
            pause(Duration::from_millis(30 * round * attempt));
            running.signal(Signal::KILL);
            running.finish();
            let listed = snapshots(&sandbox, &to);
            assert!(listed.starts_with(&known), "{known:?} became {listed:?}");
            known = listed;
            with(&sandbox, &to, &["check", "--read-data"]).run().code_is(0);
        }
        let present = known.len() as u64;
        assert_eq!(counts(&copy(&sandbox, &to, &[]).run().ok()), [4 - present, present, 0, 0]);
        lists_the_same(&sandbox, &to);
    }
}

#[test]
fn an_upgrade_copies_everything_to_a_new_repository() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import_as("web1");
    sandbox.import_as("web2");
    sandbox.yester(["tag", "web1@latest", "kept"]).run().ok();
    let new = other(&sandbox, "new", false);
    let upgrade = || sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(&new);
    let none = sandbox.bare_yester(["upgrade"]).arg(sandbox.path("none")).arg(&new).run();
    none.fails(1, &["not a yester repository"]);
    assert!(!new.exists());
    let ran = upgrade().run().ok();
    assert!(ran.text().contains("copied 2 snapshots; ") && ran.text().contains("added 1 tag"), "{ran}");
    lists_the_same(&sandbox, &new);
    // As after an interruption, the same command continues.
    sandbox.import_as("web1");
    assert!(upgrade().run().ok().text().contains("copied 1 snapshot; "));
    lists_the_same(&sandbox, &new);
    with(&sandbox, &new, &["import", "--source", "own"]).arg(sandbox.source()).run().ok();
    upgrade().run().fails(1, &["a repository with other snapshots", "yester copy --from"]);
    let same = sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(sandbox.repo()).run();
    same.fails(1, &["is the old repository itself"]);
    let full = sandbox.source();
    let ran = sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(&full).run();
    ran.fails(1, &["is not empty"]);
}
