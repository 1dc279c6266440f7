//! `yester tag`: names that people give to snapshots.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::wait::{stays, wait_for_age};
use fs_tests::{Mounted, Sandbox, wait_until};
use serde_json::Value;

/// A sandbox with two snapshots, and their names.
fn two() -> (Sandbox, String, String) {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    file(sandbox.source().join("version"), "one");
    let first = sandbox.import();
    file(sandbox.source().join("version"), "two");
    let second = sandbox.import();
    (sandbox, first, second)
}

fn tag(sandbox: &Sandbox, args: &[&str]) {
    sandbox.yester(["tag"]).args(args).run().ok();
}

fn cat(sandbox: &Sandbox, place: &str) -> String {
    sandbox.yester(["cat", place]).run().ok().text()
}

/// Tags and the snapshots that they mean, as `yester tag` lists them.
fn listed(sandbox: &Sandbox) -> Vec<[String; 3]> {
    let lines = sandbox.yester(["--json", "tag"]).run().ok().json_lines();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
    lines.iter().map(|line| ["tag", "source", "name"].map(|key| text(line, key))).collect()
}

#[test]
fn a_name_is_a_time_everywhere() {
    let (sandbox, first, second) = two();
    let ran = sandbox.yester(["tag", "@first", "before-upgrade", "größe"]).run().ok();
    assert!(ran.text().contains(&format!("source{first} is @before-upgrade")), "{ran}");
    assert_eq!(cat(&sandbox, "@before-upgrade:version"), "one");
    assert_eq!(cat(&sandbox, "source@größe:version"), "one");
    let run = |args: &[&str]| sandbox.yester(args).run().ok().text();
    assert!(run(&["ls", "@before-upgrade:"]).contains("version"));
    assert!(run(&["diff", "@before-upgrade", "@latest"]).contains("version"));
    assert!(run(&["find", "version", "--since", "before-upgrade"]).contains("version"));
    assert!(run(&["find", "hello.txt", "--since", "before-upgrade"]).is_empty());
    assert_eq!(run(&["log", "@before-upgrade:version"]).lines().count(), 1);
    let to = sandbox.path("restored");
    sandbox.yester(["restore", "@before-upgrade:version", "--to"]).arg(&to).run().ok();
    assert_eq!(fs::read(to).expect("restored"), b"one");

    // Of several snapshots the last is meant, also when it was named before the other.
    tag(&sandbox, &["@latest", "both"]);
    tag(&sandbox, &["@before-upgrade", "both"]);
    assert_eq!(cat(&sandbox, "@both:version"), "two");
    let row = |tag: &str, name: &str| [tag.to_owned(), "source".to_owned(), name.to_owned()];
    let all =
        [row("before-upgrade", &first), row("both", &first), row("both", &second), row("größe", &first)];
    assert_eq!(listed(&sandbox), all);
    let text = run(&["tag"]);
    assert_eq!(text.lines().count(), 4, "{text}");
    assert_eq!(
        text.lines().next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(vec!["before-upgrade", "source", &first])
    );

    // Again is no error, and changes nothing.
    let ran = sandbox.yester(["--json", "tag", "@first", "both"]).run().ok().json();
    assert!(ran["change"].is_null() && ran["tag"] == "both" && ran["name"] == *first, "{ran}");
    assert_eq!(listed(&sandbox).len(), 4);
    sandbox.yester(["check"]).run().ok();
}

#[test]
fn snapshots_show_their_names() {
    let (sandbox, first, second) = two();
    tag(&sandbox, &["@first", "b", "a"]);
    let listed = |args: &[&str]| sandbox.yester(["--json", "snapshots"]).args(args).run().ok().json_lines();
    let all = listed(&[]);
    assert_eq!(all[0]["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(all[1]["tags"], serde_json::json!([]));
    let some = listed(&["--tag", "a"]);
    assert!(some.len() == 1 && some[0]["name"] == *first, "{some:?}");
    assert!(listed(&["--tag", "c"]).is_empty());
    let text = sandbox.yester(["snapshots"]).run().ok().text();
    assert!(text.lines().next().is_some_and(|line| line.ends_with("a b")), "{text}");
    assert!(
        text.lines().nth(1).is_some_and(|line| line.starts_with(&second) && line.ends_with('B')),
        "{text}"
    );
}

#[test]
fn a_name_can_be_taken_away() {
    let (sandbox, first, second) = two();
    tag(&sandbox, &["@first", "kept", "gone"]);
    tag(&sandbox, &["@latest", "kept"]);
    sandbox.yester(["tag", "-d", "@first", "gone", "never"]).run().fails(1, &["never", &first]);
    assert_eq!(listed(&sandbox).len(), 3, "all or none");
    let ran = sandbox.yester(["tag", "--remove", "@gone", "gone"]).run().ok();
    assert!(ran.text().contains("no longer @gone"), "{ran}");
    sandbox.yester(["cat", "@gone:version"]).run().fails(1, &["@gone", "nor a tag"]);
    assert_eq!(cat(&sandbox, "@kept:version"), "two");
    tag(&sandbox, &["-d", &second, "kept"]);
    assert_eq!(cat(&sandbox, "@kept:version"), "one");
    sandbox.yester(["tag", "-d", "@latest", "kept"]).run().fails(1, &["kept", &second]);
}

#[test]
fn names_that_no_tag_can_have() {
    let (sandbox, ..) = two();
    let refused = [
        "latest",
        "Latest",
        "latest~2",
        "today",
        "monday",
        "3d",
        "2024",
        "12345",
        "2024-06-01",
        "2024-06-01T03-00-00_2",
        "GMT-2024.06.01-03.00.00",
        "#1a2b3c4d",
        "changes",
        "versions",
        "",
        "a/b",
        "a:b",
        "a b",
        "@a",
        "a..b",
        ".a",
        "a.",
        "a*",
        "a|b",
        "a\nb",
        &"x".repeat(101),
    ];
    for name in refused {
        sandbox.yester(["tag", "@latest", "fine", name]).run().fails(1, &["cannot be a tag"]);
    }
    for args in
        [&["@latest"][..], &["name", "@latest"], &["@latest:version", "name"], &["@latest", "-name"], &["-d"]]
    {
        sandbox.yester(["tag"]).args(args).run().fails(2, &[]);
    }
    assert!(listed(&sandbox).is_empty(), "none of several is given when one cannot be");
    sandbox.yester(["tag", "@1999", "name"]).run().fails(1, &["@1999"]);
    tag(&sandbox, &["latest", &"x".repeat(100), "v1.2", "2024-q2"]);
    assert_eq!(cat(&sandbox, &format!("@{}:version", "x".repeat(100))), "two");
    // What was meant.
    sandbox.yester(["cat", "@2024-q3:version"]).run().fails(1, &["did you mean @2024-q2?"]);
}

#[test]
fn sources_have_names_of_their_own() {
    let sandbox = Sandbox::with_repository();
    for (source, content) in [("web1", "one"), ("root@web2", "two")] {
        file(sandbox.source().join("file"), content);
        sandbox.import_as(source);
    }
    sandbox.yester(["tag", "@latest", "kept"]).run().fails(1, &["--source"]);
    tag(&sandbox, &["web1@latest", "kept", "own"]);
    tag(&sandbox, &["@latest", "kept", "--source", "root@web2"]);
    assert_eq!(cat(&sandbox, "web1@kept:file"), "one");
    assert_eq!(cat(&sandbox, "root@web2@kept:file"), "two");
    sandbox.yester(["cat", "root@web2@own:file"]).run().fails(1, &["root@web2", "@own"]);
    let lines = sandbox.yester(["--json", "tag", "--source", "web1"]).run().ok().json_lines();
    assert!(lines.len() == 2 && lines.iter().all(|line| line["source"] == "web1"), "{lines:?}");
}

#[test]
fn who_writes_keeps_others_from_it() {
    let (sandbox, ..) = two();
    let lock = fs::File::open(sandbox.repo().join("lock")).expect("the lock");
    lock.lock().expect("locked");
    let repo = sandbox.repo().display().to_string();
    sandbox.yester(["tag", "@latest", "kept"]).run().fails(75, &[&repo]);
    sandbox.yester(["tag"]).run().ok();
    let mut waiting = sandbox.yester(["tag", "--wait", "@latest", "kept"]).start();
    stays(Duration::from_millis(500), || assert!(waiting.is_running()));
    drop(lock);
    waiting.finish().ok();
    assert_eq!(listed(&sandbox).len(), 1);
}

#[test]
fn a_shell_is_offered_them() {
    let (sandbox, ..) = two();
    tag(&sandbox, &["@latest", "before-upgrade"]);
    let offered = |words: &[&str]| {
        let repo = sandbox.repo().display().to_string();
        let words = [&["--", "yester", "--repo", &repo], words].concat();
        sandbox.bare_yester(words).env("YESTER_COMPLETE", "fish").run().ok().text()
    };
    assert_eq!(offered(&["cat", "@bef"]).trim(), "@before-upgrade:");
    assert_eq!(offered(&["tag", "@bef"]).trim(), "@before-upgrade");
    assert_eq!(offered(&["snapshots", "--tag", "b"]).trim(), "before-upgrade");
}

fn link(path: &Path) -> Option<String> {
    fs::read_link(path).ok().map(|target| target.to_string_lossy().into_owned())
}

#[test]
fn a_running_mount_knows_them_at_once() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, first, second) = two();
    let mounted = Mounted::source(&sandbox);
    // Old enough for its stamp to be relied on.
    wait_for_age(SystemTime::now(), Duration::from_millis(2500));
    assert_eq!(link(&mounted.path("@kept")), None);
    tag(&sandbox, &["@first", "kept"]);
    let soon = |expected: Option<&str>| {
        wait_until("the mount to know", Duration::from_secs(3), || {
            (link(&mounted.path("@kept")).as_deref() == expected).then_some(())
        });
    };
    soon(Some(&first));
    assert_eq!(fs::read(mounted.path("@kept/version")).expect("a file"), b"one");
    let read_xattr = |folder: &str| {
        let mut value = [0; 100];
        rustix::fs::getxattr(mounted.path(folder), "user.yester.tags", &mut value[..])
            .map(|len| value[..len].to_vec())
    };
    assert_eq!(read_xattr(&first).expect("an attribute"), b"kept");
    assert!(read_xattr(&second).is_err());
    tag(&sandbox, &["@latest", "kept", "also"]);
    soon(Some(&second));
    assert_eq!(fs::read(mounted.path("@kept/version")).expect("a file"), b"two");
    assert_eq!(read_xattr("@latest/").expect("an attribute"), b"also kept");
    assert_eq!(fs::read(mounted.path("@versions/version/@kept")).expect("a file"), b"two");
    tag(&sandbox, &["-d", "@first", "kept"]);
    assert!(mounted.path("@changes/@first..@also/modified/version").exists());
    tag(&sandbox, &["-d", "@latest", "kept"]);
    soon(None);
    assert_eq!(mounted.names(""), [first, second, "@latest".to_owned()], "names are not listed");
}

#[test]
fn a_mount_of_all_sources_knows_them() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, first, _) = two();
    sandbox.import_as("other");
    tag(&sandbox, &["source@first", "kept"]);
    let mounted = Mounted::with(&sandbox, &[]);
    assert_eq!(link(&mounted.path("source/@kept")), Some(first));
    assert_eq!(link(&mounted.path("other/@kept")), None);
    assert_eq!(fs::read(mounted.path("@kept/source/version")).expect("a file"), b"one");
}
