//! `yester diff A B [PATH]`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use fs_tests::Sandbox;
use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::tree::{assert_same, scan};

/// git, whose patches they are.
const GIT: Need = Need::Program("git", "git");

/// Two snapshots with a bit of every change between them.
fn changed() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    small(&source);
    file(source.join("etc/fstab"), "one\ntwo\nthree\n");
    file(source.join("old/note"), "gone\n");
    file(source.join("binary"), noise(4, 3000));
    sandbox.import();
    file(source.join("etc/fstab"), "one\n2\nthree\nfour");
    fs::remove_dir_all(source.join("old")).expect("removed");
    file(source.join("new/note"), "here\n");
    file(source.join("binary"), noise(5, 3000));
    fs::set_permissions(source.join("etc/passwd"), fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::remove_file(source.join("link")).expect("removed");
    file(source.join("link"), "a file now\n");
    sandbox.import();
    sandbox
}

#[test]
fn each_path_has_a_line() {
    let sandbox = changed();
    let diff = |args: &[&str]| sandbox.yester(["diff"]).args(args).run().ok().text();
    let all = "M binary\nM etc/fstab\nm etc/passwd\nT link\n+ new/\n+ new/note\n- old/\n- old/note\n";
    assert_eq!(diff(&["@first", "@latest"]), all);
    assert_eq!(diff(&["source@first", "@latest:"]), all);
    assert_eq!(diff(&["--source", "source", "@first", "@latest", "etc"]), "M etc/fstab\nm etc/passwd\n");
    assert_eq!(diff(&["@first", "@latest", "/etc/fstab"]), "M etc/fstab\n");
    assert_eq!(diff(&["@latest", "@first", "new"]), "- new/\n- new/note\n");
    assert_eq!(diff(&["@first:old", "@latest:new"]), "M note\n");
    assert_eq!(diff(&["@latest", "@latest"]), "");
    let with_times = diff(&["@first", "@latest", "--all"]);
    assert_eq!(with_times, format!("m /\n{all}"));
}

#[test]
fn the_exit_status_tells_only_when_asked() {
    let sandbox = changed();
    let diff = |args: &[&str]| sandbox.yester(["diff"]).args(args).run();
    diff(&["@first", "@latest", "--exit-code"]).code_is(1);
    diff(&["@first", "@first", "--exit-code"]).ok();
    diff(&["@first", "@latest", "nowhere"]).fails(1, &["nowhere"]);
    diff(&["@2000", "@latest"]).fails(1, &["@2000"]);
    diff(&["@first:a", "@latest", "b"]).fails(1, &["two paths"]);
    diff(&["@first"]).fails(2, &[]);
}

#[test]
fn json_tells_what_differs() {
    let sandbox = changed();
    let lines = sandbox.yester(["--json", "diff", "@first", "@latest", "etc"]).run().ok().json_lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["path"], "etc/fstab");
    assert_eq!(lines[0]["change"], "modified");
    assert_eq!(lines[0]["differs"][0], "content");
    assert_eq!(
        (lines[0]["before"]["size"].as_u64(), lines[0]["after"]["size"].as_u64()),
        (Some(14), Some(16))
    );
    assert_eq!(lines[1]["differs"], serde_json::json!(["mode"]));
    assert_eq!(lines[1]["after"]["mode"], "0600");
    let stat =
        sandbox.yester(["--json", "diff", "@first", "@latest", "etc", "--stat"]).run().ok().json_lines();
    assert_eq!((stat[0]["lines_added"].as_u64(), stat[0]["lines_deleted"].as_u64()), (Some(2), Some(1)));
}

#[test]
fn lines_are_counted() {
    let sandbox = changed();
    let text = sandbox.yester(["diff", "@first", "@latest", "--stat"]).run().ok().text();
    for line in [
        "M   2.9 KiB > 2.9 KiB  binary",
        "M        +2        -1  etc/fstab",
        "m                mode  etc/passwd",
        "2 added, 2 deleted, 4 modified; 4 lines of text added, 3 lines deleted",
    ] {
        assert!(text.lines().any(|told| told == line), "no `{line}` in:\n{text}");
    }
}

#[test]
fn git_applies_the_patch() {
    if !needs::met(&[GIT]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    let lines =
        |numbers: std::ops::Range<u32>| numbers.map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
    file(source.join("long"), lines(0..500));
    file(source.join("no end"), "a\nb");
    file(source.join("carriage"), "a\rb\r\nc\n");
    file(source.join("gone/with folder"), "x\n");
    file(source.join("t\u{e4}b\t\"q\"\\"), "odd\n");
    file(source.join("script"), "#!/bin/sh\n");
    file(source.join("was empty"), "");
    file(source.join("into a link"), "text\n");
    symlink("long", source.join("link")).expect("a link");
    sandbox.import();
    let (before, after) = (sandbox.path("before"), sandbox.path("after"));
    sandbox.yester(["restore", "@latest:", "--to"]).arg(&before).run().ok();
    file(source.join("long"), format!("{}new\n{}last", lines(3..200), lines(250..498)));
    file(source.join("no end"), "a\nb\n");
    file(source.join("carriage"), "a\rb\nc\n");
    fs::remove_dir_all(source.join("gone")).expect("removed");
    file(source.join("t\u{e4}b\t\"q\"\\"), "odder\n");
    fs::set_permissions(source.join("script"), fs::Permissions::from_mode(0o755)).expect("a mode");
    file(source.join("was empty"), "no more\n");
    file(source.join("fresh/empty"), "");
    file(source.join("fresh/full"), "1\n2\n");
    for (name, target) in [("link", "script"), ("into a link", "long")] {
        fs::remove_file(source.join(name)).expect("removed");
        symlink(target, source.join(name)).expect("a link");
    }
    sandbox.import();
    sandbox.yester(["restore", "@latest:", "--to"]).arg(&after).run().ok();
    let patch = sandbox.path("patch");
    fs::write(&patch, sandbox.yester(["diff", "-p", "@first", "@latest"]).run().ok().stdout)
        .expect("a patch");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(args).current_dir(&before).env("GIT_CEILING_DIRECTORIES", sandbox.root());
        let ran = command.output().expect("git runs");
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    git(&["apply", "--whitespace=nowarn", patch.to_str().expect("a path")]);
    // git has no times, and folders only as far as there are files in them.
    let bare = |root: &std::path::Path| {
        let mut tree = scan(root);
        tree.values_mut().for_each(|entry| {
            entry.mtime = (0, 0);
        });
        tree
    };
    assert_same("what git made of it", &bare(&after), &bare(&before));
}

#[test]
fn what_is_no_text_is_said_to_differ() {
    let sandbox = changed();
    let patch = sandbox.yester(["diff", "--patch", "@first", "@latest", "binary"]).run().ok().text();
    assert_eq!(patch, "diff --git a/binary b/binary\nBinary files a/binary and b/binary differ\n");
    let large = fs::File::create(sandbox.source().join("large")).expect("a file");
    large.set_len(17 << 20).expect("a length");
    sandbox.import();
    let patch = sandbox.yester(["diff", "--patch", "@first", "@latest", "large"]).run().ok().text();
    assert!(patch.ends_with("Large files /dev/null and b/large differ\n"), "{patch}");
    sandbox.yester(["--json", "diff", "--patch", "@first", "@latest"]).run().fails(1, &["--json"]);
}

#[test]
fn colours_are_for_terminals() {
    let sandbox = changed();
    let diff = || sandbox.yester(["diff", "@first", "@latest"]);
    assert!(!diff().run().ok().text().contains('\x1b'));
    let (status, shown) = diff().on_terminal(80);
    assert!(status.success() && shown.contains("\x1b[32m+ new/\x1b[m"), "{shown:?}");
    let (_, shown) = diff().env("NO_COLOR", "1").on_terminal(80);
    assert!(shown.contains("+ new/") && !shown.contains('\x1b'), "{shown:?}");
}
