//! What an import could not read is not told as deleted, nor as new when a later one reads it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox};

use super::snapshots;

/// Three snapshots: in the second a file and a folder could not be read, and another file is really gone.
fn history() -> Sandbox {
    let sandbox = Sandbox::new();
    let source = sandbox.source();
    file(source.join("d/secret"), "for root");
    file(source.join("d/gone"), "deleted");
    file(source.join("closed/inside"), "in a folder");
    file(source.join("other"), "x");
    sandbox.give_to_nobody();
    let guard = |uid: u32, bits: [u32; 2]| {
        for (name, bits) in [("d/secret", bits[0]), ("closed", bits[1])] {
            chown(source.join(name), Some(uid), Some(uid)).expect("an owner");
            fs::set_permissions(source.join(name), Permissions::from_mode(bits)).expect("a mode");
        }
    };
    let import = || sandbox.yester(["import"]).arg(&source).as_nobody().run();
    sandbox.yester(["init"]).as_nobody().run().ok();
    import().ok();
    guard(0, [0o600, 0o700]);
    fs::remove_file(source.join("d/gone")).expect("no file");
    import().code_is(3);
    guard(65534, [0o644, 0o755]);
    import().ok();
    sandbox
}

#[test]
fn log_and_find_tell_it() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = history();
    let log = |path: &str| {
        let text = sandbox.yester(["log", path]).run().ok().stdout;
        let lines: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        let json = sandbox.yester(["--json", "log", path]).run().ok().json_lines();
        assert_eq!(lines.len(), json.len(), "{lines:?}");
        (lines, json)
    };
    for path in ["d/secret", "closed/inside"] {
        let (lines, json) = log(path);
        let ends = |at: usize, word: &str| assert!(lines[at].ends_with(word), "{path}: {lines:?}");
        ends(0, "new");
        if path == "closed/inside" {
            ends(1, "not read");
            ends(2, "read again");
            assert_eq!((&json[1]["type"], &json[1]["absent"]), (&"absent".into(), &"not read".into()));
        } else {
            // Its owner and mode have changed, and its content may have.
            ends(1, "mode, owner, not read: Permission denied (os error 13)");
            ends(2, "mode, owner");
            assert_eq!((&json[1]["type"], &json[1]["version"]), (&"file".into(), &serde_json::Value::Null));
        }
        assert_eq!(json[0]["absent"], serde_json::Value::Null);
        assert!(!lines.iter().any(|line| line.contains("deleted")), "{path}: {lines:?}");
    }
    let (lines, json) = log("d/gone");
    assert!(lines[1].contains("deleted"), "{lines:?}");
    assert_eq!(json[1]["absent"], "deleted");
    // A folder that was kept, but not listed: its content is not told as changed.
    let (lines, json) = log("closed");
    assert!(lines[1].contains("not all read") && !lines[1].contains("content"), "{lines:?}");
    assert_eq!(json[1]["not_all_read"], true);
    assert!(!lines[2].contains("content"), "{lines:?}");

    let find = |options: &[&str]| -> Vec<String> {
        let found = sandbox.yester(["--json", "find", "*"]).args(options).run().ok().json_lines();
        found.iter().map(|hit| hit["path"].as_str().expect("a path").to_owned()).collect()
    };
    assert_eq!(find(&["--deleted"]), ["d/gone"]);
    let names = snapshots(&sandbox);
    assert!(!find(&["--since", &names[1]]).contains(&"closed/inside".to_owned()));
    // As long as it is not read again.
    for name in ["d/secret", "closed"] {
        chown(sandbox.source().join(name), Some(0), Some(0)).expect("an owner");
        let mode = Permissions::from_mode(if name == "closed" { 0o700 } else { 0o600 });
        fs::set_permissions(sandbox.source().join(name), mode).expect("a mode");
    }
    sandbox.yester(["import"]).arg(sandbox.source()).as_nobody().run().code_is(3);
    assert_eq!(find(&["--deleted"]), ["d/gone"]);
    let found = sandbox.yester(["--json", "find", "inside"]).run().ok().json();
    assert_eq!((&found["deleted"], &found["absent"]), (&false.into(), &"not read".into()));
}

#[test]
fn diff_and_changes_tell_it() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = history();
    let names = snapshots(&sandbox);
    let diff = |from: usize, to: usize, more: &[&str]| {
        let ran = sandbox.yester(["diff", &names[from], &names[to]]).args(more).run().code_is(0);
        let text = String::from_utf8(ran.stdout).expect("text");
        text.lines().filter(|line| !line.starts_with('m')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(diff(0, 1, &[]), ["? closed/inside", "- d/gone", "? d/secret"]);
    assert_eq!(diff(1, 2, &[]), ["? closed/inside", "? d/secret"]);
    assert_eq!(diff(0, 2, &[]), ["- d/gone"]);
    // Also where it is all that is compared.
    assert_eq!(diff(0, 1, &["closed/inside"]), ["? closed/inside"]);
    assert!(!diff(0, 1, &["--patch"]).iter().any(|line| line.contains("secret")));
    assert!(diff(0, 1, &["--stat"]).last().expect("a total").contains("1 deleted, "));
    let json = sandbox.yester(["--json", "diff", &names[0], &names[1], "d/secret"]).run().ok().json();
    assert_eq!((&json["change"], &json["before"]["size"]), (&"not read".into(), &8.into()));

    let mounted = Mounted::source(&sandbox);
    let listed = |from: usize, to: usize, part: &str| {
        mounted.names(format!("@changes/{}..{}/{part}", names[from], names[to]))
    };
    assert_eq!(listed(0, 1, ""), ["added", "deleted", "modified", "not-read"]);
    assert_eq!(listed(0, 2, ""), ["added", "deleted", "modified"]);
    assert_eq!(listed(0, 1, "deleted/d"), ["gone"]);
    assert_eq!(listed(0, 1, "not-read/d"), ["secret"]);
    assert_eq!(listed(0, 1, "not-read/closed"), ["inside"]);
    assert_eq!(listed(0, 1, "deleted/closed"), Vec::<String>::new());
    assert_eq!(listed(1, 2, "added/d"), Vec::<String>::new());
    assert_eq!(listed(1, 2, "not-read/closed"), ["inside"]);
    let inside = mounted.path(format!("@changes/{}..{}/not-read/closed/inside", names[1], names[2]));
    assert_eq!(fs::read(inside).expect("a file"), b"in a folder");
}

#[test]
fn it_is_told_however_much_it_is() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::new();
    let source = sandbox.source();
    let many = |number: u32| source.join(format!("many/{}-{number:04}", "long".repeat(30)));
    (0..1000).for_each(|number| file(many(number), "x"));
    let last = format!("z/{}", "last".repeat(40));
    file(source.join(&last), "x");
    sandbox.give_to_nobody();
    sandbox.yester(["init"]).as_nobody().run().ok();
    sandbox.yester(["import"]).arg(&source).as_nobody().run().ok();
    for path in (0..1000).map(many).chain([source.join(&last)]) {
        chown(&path, Some(0), Some(0)).expect("an owner");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        // Else it need not be read.
        file(&path, "y");
    }
    sandbox.yester(["-q", "import"]).arg(&source).as_nobody().run().code_is(3);
    let not_read = sandbox.yester(["--json", "diff", "@first", "@latest"]).run().ok().json_lines();
    assert_eq!(not_read.iter().filter(|line| line["change"] == "not read").count(), 1001);
    assert_eq!(not_read.last().expect("a line")["path"], last);
}
