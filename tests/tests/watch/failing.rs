//! Sources that cannot be imported: what is wrong is said, nothing is lost, and it goes on when it is put right.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::small;
use fs_tests::{Sandbox, Started, wait_until};
use rustix::process::Signal;
use serde_json::Value;

use super::{LIMIT, Watch, command, count, snapshots, status, stays, wait_for, watched};

const KEYS: &str = "layout = \"tree\"\nquiet = \"1s\"";

/// Moves all that a folder has into another one.
fn empty_into(folder: &Path, other: &Path) {
    fs::create_dir_all(other).expect("a folder");
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        fs::rename(entry.path(), other.join(entry.file_name())).expect("a new name");
    }
}

#[test]
fn a_missing_folder_is_imported_when_it_comes() {
    let sandbox = Sandbox::with_repository();
    let target = sandbox.path("target");
    let watch = Watch::start(&sandbox, &watched(&target, KEYS));
    let failing = watch.wait_for_activity(&target, "failing");
    assert!(failing["reason"].as_str().expect("a reason").contains("target"), "{failing}");
    small(&target);
    // At the second attempt at the latest: 10 s after the first.
    wait_for(&sandbox, 1, LIMIT);
    watch.wait_for_activity(&target, "idle");
    let said = watch.stop();
    let told = format!("yester: {}: ", target.display());
    assert!(said.stderr().lines().any(|line| line.starts_with(&told)), "{said}");
}

#[test]
fn a_folder_that_has_become_empty_is_not_taken_for_deleted() {
    let sandbox = Sandbox::with_repository();
    let (target, away) = (sandbox.path("target"), sandbox.path("away"));
    small(&target);
    let watch = Watch::start(&sandbox, &watched(&target, KEYS));
    wait_for(&sandbox, 1, LIMIT);
    empty_into(&target, &away);
    let failing = watch.wait_for_activity(&target, "failing");
    assert!(failing["reason"].as_str().expect("a reason").contains("mounted"), "{failing}");
    stays(&sandbox, 1, Duration::from_secs(2));
    // It was the mount, and nothing has changed.
    empty_into(&away, &target);
    watch.wait_for_activity(&target, "idle");
    let listed = snapshots(&sandbox).len();
    assert!(listed <= 2, "{listed} snapshots: at most one more, as the root's time is another one");
    empty_into(&target, &away);
    watch.wait_for_activity(&target, "failing");
    assert_eq!(count(&sandbox), listed);
    watch.stop();

    let config = watched(&target, &format!("{KEYS}\nallow_empty = true"));
    let watch = Watch::start(&sandbox, &config);
    let last = wait_for(&sandbox, listed + 1, LIMIT).pop().expect("a snapshot");
    assert_eq!(last["files"], 0, "{last}");
    watch.stop().ok();
}

/// It has never held anything, and is to be imported all the same.
#[test]
fn an_empty_folder_may_be_meant() {
    let sandbox = Sandbox::with_repository();
    let target = sandbox.path("target");
    fs::create_dir(&target).expect("a folder");
    let watch = Watch::start(&sandbox, &watched(&target, &format!("{KEYS}\nallow_empty = true")));
    let listed = wait_for(&sandbox, 1, LIMIT);
    assert_eq!(listed[0]["files"], 0);
    watch.stop().ok();
}

#[test]
fn a_root_without_levels_is_not_mounted() {
    let sandbox = Sandbox::with_repository();
    let (levels, bank) = (sandbox.path("levels"), sandbox.path("bank"));
    fs::create_dir(&levels).expect("a folder");
    fs::create_dir(&bank).expect("a folder");
    let config = watched(&levels, "layout = \"rsnapshot\"") + &watched(&bank, "layout = \"dirvish\"");
    let watch = Watch::start(&sandbox, &config);
    for root in [&levels, &bank] {
        let failing = watch.wait_for_activity(root, "failing");
        assert!(failing["reason"].as_str().expect("a reason").contains("mounted"), "{failing}");
    }
    small(&levels.join("daily.0/localhost"));
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_717_210_800);
    fs::File::open(levels.join("daily.0")).expect("it").set_modified(past).expect("a time");
    let listed = wait_for(&sandbox, 1, LIMIT);
    assert_eq!(
        (&listed[0]["source"], &listed[0]["name"]),
        (&"localhost".into(), &"@2024-06-01T03-00-00".into())
    );
    watch.stop();
}

/// What an import refuses, a watch refuses in the same words, and says so.
#[test]
fn what_an_import_refuses_is_failing() {
    let sandbox = Sandbox::with_repository();
    let (levels, near, other) = (sandbox.path("levels"), sandbox.path("near"), sandbox.path("other"));
    for (name, secs) in [("daily.0", 1_717_210_800), ("daily.1", 1_717_300_000)] {
        small(&levels.join(name).join("localhost"));
        let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        fs::File::open(levels.join(name)).expect("it").set_modified(past).expect("a time");
    }
    small(&near.join("daily.0/localhost"));
    fs::write(near.join("rsnapshot.log"), "").expect("a file");
    small(&sandbox.source());
    small(&other);
    sandbox.import();
    let config = watched(&levels, "")
        + &watched(&near, "")
        + &watched(&other, "layout = \"tree\"\nquiet = \"1s\"\nsource = \"source\"");
    let watch = Watch::start(&sandbox, &config);
    for (path, word) in [(&levels, "daily.1"), (&near, "--layout rsnapshot"), (&other, "--allow-other-tree")]
    {
        let failing = watch.wait_for_activity(path, "failing");
        assert!(failing["reason"].as_str().expect("a reason").contains(word), "{failing}");
    }
    assert_eq!(count(&sandbox), 1);
    watch.stop();
    let config = watched(&other, &format!("{KEYS}\nsource = \"source\"\nallow_other_tree = true"));
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 2, LIMIT);
    watch.stop();
}

#[test]
fn what_may_not_be_read_is_said() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (locked, partly) = (sandbox.path("locked"), sandbox.path("partly"));
    small(&locked);
    small(&partly);
    sandbox.give_to_nobody();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    mode(&locked, 0);
    mode(&partly.join("hello.txt"), 0);
    let yester = command(&sandbox, &(watched(&locked, KEYS) + &watched(&partly, KEYS))).as_nobody();
    let mut watch: Started = yester.start();
    let said = |path: &Path, activity: &str| {
        wait_until(&format!("{} to be {activity}", path.display()), LIMIT, || {
            let mut sources = status(&sandbox).sources.into_iter();
            sources
                .find(|source| source["path"] == path.to_str().expect("it") && source["activity"] == activity)
        })
    };
    let failing: Value = said(&locked, "failing");
    assert!(failing["reason"].as_str().expect("a reason").contains("locked"), "{failing}");
    let listed = wait_for(&sandbox, 1, LIMIT);
    assert_eq!((&listed[0]["source"], &listed[0]["status"]), (&"partly".into(), &"partial".into()));
    assert!(watch.stderr().contains("hello.txt"), "{}", watch.stderr());
    // Once is enough: nothing has changed.
    stays(&sandbox, 1, Duration::from_secs(3));
    mode(&locked, 0o755);
    wait_for(&sandbox, 2, LIMIT);
    watch.signal(Signal::TERM);
    watch.finish().code_is(0);
}
