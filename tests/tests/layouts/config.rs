//! Configs and folders that cannot be relied on: nothing is imported, and one line says why.

use std::fs;
use std::path::Path;

use fs_tests::Sandbox;
use fs_tests::plant::small;

fn level(root: &Path, name: &str) {
    small(&root.join(name).join("localhost"));
    done_at(&root.join(name), 1_717_210_800);
}

fn done_at(folder: &Path, secs: u64) {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(secs);
    fs::File::open(folder).expect("a folder").set_modified(time).expect("a time");
}

#[test]
fn a_config_that_says_nothing_certain() {
    let sandbox = Sandbox::with_repository();
    let (root, conf) = (sandbox.path("backup"), sandbox.path("rsnapshot.conf"));
    level(&root, "daily.0");
    let marker = sandbox.path("executed");
    for (line, expected) in [
        (format!("snapshot_root {}/", root.display()), "line 1: no tab"),
        (format!("include_conf\t`touch {}`", marker.display()), "line 1: include_conf with backticks"),
        ("retain\tdaily\t7".to_owned(), "no snapshot_root"),
        ("retain\tdai ly\t7".to_owned(), "line 1: an interval's name"),
        ("retain\tdaily\tseven".to_owned(), "line 1: no number of levels"),
    ] {
        fs::write(&conf, line + "\n").expect("a config");
        let ran = sandbox.yester(["import", "--config"]).arg(&conf).run();
        ran.fails(1, &[conf.to_str().expect("a path"), expected]);
    }
    assert!(!marker.exists(), "the config was executed");
    assert_eq!(sandbox.yester(["snapshots"]).run().ok().text(), "");
}

#[test]
fn intervals_that_nobody_knows() {
    let sandbox = Sandbox::with_repository();
    let (root, conf) = (sandbox.path("backup"), sandbox.path("rsnapshot.conf"));
    level(&root, "fortnightly.0");
    // By its look this is no root of rsnapshot's …
    let tree = sandbox.yester(["import", "-n"]).arg(&root).run().ok().text();
    assert!(tree.contains("as a tree"), "{tree}");
    // … nor is the level one of a config that does not name it …
    level(&root, "daily.0");
    let config = |interval: &str| {
        let text = format!("snapshot_root\t{}/\nretain\t{interval}\t6\n", root.display());
        fs::write(&conf, text).expect("a config");
        sandbox.yester(["import", "-n", "--config"]).arg(&conf).run().ok()
    };
    let shown = config("daily");
    assert!(shown.stderr().contains("fortnightly.0: the config has no interval fortnightly"), "{shown}");
    assert!(shown.text().contains("daily.0") && !shown.text().contains("fortnightly"), "{shown}");
    // … but of one that does.
    let shown = config("fortnightly").text();
    assert!(shown.contains("fortnightly.0") && shown.contains("rsnapshot keeps: 6 fortnightly"), "{shown}");
    assert_eq!(sandbox.yester(["snapshots"]).run().ok().text(), "");
}

#[test]
fn a_root_without_levels() {
    let sandbox = Sandbox::with_repository();
    let empty = sandbox.path("empty");
    fs::create_dir(&empty).expect("a folder");
    for layout in ["rsnapshot", "dirvish"] {
        let ran = sandbox.yester(["import", "--layout", layout]).arg(&empty).run();
        ran.fails(1, &[empty.to_str().expect("a path"), "is it mounted"]);
    }
}

#[test]
fn two_roots_do_not_mix() {
    let sandbox = Sandbox::with_repository();
    let (one, other) = (sandbox.path("one"), sandbox.path("other"));
    level(&one, "daily.0");
    level(&other, "daily.0");
    done_at(&other.join("daily.0"), 1_717_300_000);
    sandbox.yester(["import"]).arg(&one).run().ok();
    let refused = sandbox.yester(["import"]).arg(&other).run();
    refused.fails(1, &["source localhost has the history of", "--source"]);
    sandbox.yester(["import", "--source", "other"]).arg(&other).run().ok();
    // The same root at another place is the same history.
    let moved = sandbox.path("moved");
    fs::rename(&one, &moved).expect("the root moved");
    level(&moved, "daily.1");
    done_at(&moved.join("daily.1"), 1_717_100_000);
    let ran = sandbox.yester(["--json", "import"]).arg(&moved).run().ok();
    assert_eq!(ran.json()["time"], "2024-05-30T20:13:20Z");
    // A plain tree does not go on with a history of runs by itself.
    let tree = sandbox.path("tree/localhost");
    small(&tree);
    sandbox.yester(["import"]).arg(&tree).run().fails(1, &["source localhost has the history of"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("backup");
    level(&root, "daily.0");
    let show = || sandbox.yester(["import", "-n"]).arg(&root).run().ok().text();
    let line =
        |state: &str| format!("@2024-06-01T03-00-00  localhost  unknown  {state}  daily.0/localhost\n");
    assert_eq!(show(), line("new"));
    assert_eq!(sandbox.yester(["snapshots"]).run().ok().text(), "");
    sandbox.yester(["import"]).arg(&root).run().ok();
    assert_eq!(show(), line("imported"));
    let tree = sandbox.yester(["import", "-n", "--layout", "tree"]).arg(&root).run().ok().text();
    assert!(tree.contains("as a tree of the source backup"), "{tree}");
}
