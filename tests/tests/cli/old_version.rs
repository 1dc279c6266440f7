//! A repository of version 1 of the format: it is read, and nothing is written to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox};

use crate::damage::{copy, files};

/// A sandbox whose repository has version 1.
pub(crate) fn old() -> Sandbox {
    let sandbox = Sandbox::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1/repository");
    copy(&fixture, &sandbox.repo());
    fs::set_permissions(sandbox.repo(), fs::Permissions::from_mode(0o700)).expect("chmod");
    sandbox
}

#[test]
fn every_reading_command_works() {
    let sandbox = old();
    let snapshots = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let source = snapshots[0]["source"].as_str().expect("a source").to_owned();
    let at = |time: &str, path: &str| format!("{source}@{time}:{path}");
    for args in [
        vec!["ls", "-l", &at("first", "")],
        vec!["cat", &at("first", "many/001")],
        vec!["find", "--source", &source, "*"],
        vec!["log", &at("latest", "large")],
        vec!["diff", &format!("{source}@first"), &format!("{source}@latest")],
        vec!["stats"],
        vec!["check", "--read-data"],
        vec!["rebuild-index"],
        vec!["check"],
    ] {
        sandbox.yester(&args).run().ok();
    }
    let (restored, large) = (sandbox.path("restored"), at("latest", "large"));
    sandbox.yester(["restore", &large, "--to"]).arg(&restored).run().ok();
    let cat = sandbox.yester(["cat", &large]).run().ok();
    assert_eq!(fs::read(&restored).expect("the file"), cat.stdout);
    if needs::met(&[Need::Fuse]) {
        let mounted = Mounted::with(&sandbox, &["--source", &source]);
        assert_eq!(fs::read(mounted.path("@latest/large")).expect("the file"), cat.stdout);
        mounted.stop(rustix::process::Signal::TERM).ok();
    }
}

#[test]
fn every_writing_command_says_what_to_do() {
    let sandbox = old();
    file(sandbox.source().join("file"), "text");
    let objects = || {
        let mut objects = files(&sandbox.repo());
        objects.retain(|path| {
            path.components().any(|part| {
                ["packs", "snapshots", "tags", "config"].iter().any(|name| part.as_os_str() == *name)
            })
        });
        objects
    };
    let before = objects();
    let source = sandbox.source();
    let source = source.to_str().expect("UTF-8");
    for args in
        [vec!["import", source], vec!["tag", "@first", "name"], vec!["repair"], vec!["repair", "--dry-run"]]
    {
        let ran = sandbox.yester(&args).run().code_is(1);
        let repo = sandbox.repo();
        let told = format!("the repository {} has format version 1, which is only read", repo.display());
        assert!(ran.stderr().contains(&told) && ran.stderr().contains("yester upgrade"), "{ran}");
    }
    assert_eq!(objects(), before);
}

/// Its import did not record which path it could not read. A copy knows no more.
#[test]
fn a_restore_of_a_partial_snapshot_is_not_complete() {
    let sandbox = old();
    let new = sandbox.path("new");
    sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(&new).run().ok();
    for repo in [&sandbox.repo(), &new] {
        let run = |args: &[&str]| sandbox.bare_yester(["--repo"]).arg(repo).args(args).run();
        let is_named = |line: &str| line.contains("tree@latest: 1 path could not be read into the snapshot");
        let out = sandbox.path("out");
        // No user can have the owner of this file, and a restore leaves an existing one.
        file(out.join("odd"), "exists");
        let ran = run(&["restore", "tree@latest:", "--to", out.to_str().expect("UTF-8")]).code_is(3);
        assert!(ran.stderr().lines().any(is_named), "{ran}");
        assert!(run(&["export", "tree@latest:"]).code_is(3).stderr().lines().any(is_named));
        assert!(!run(&["export", "tree@first:"]).stderr().lines().any(is_named));
        assert!(!run(&["export", "tree@latest:many"]).code_is(0).stderr().lines().any(is_named));
    }
}

#[test]
fn an_upgrade_to_itself_is_refused() {
    let sandbox = old();
    let ran = sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(sandbox.repo().join(".")).run();
    ran.fails(1, &["is the old repository itself; name a new folder"]);
}

/// An archive has every byte and attribute of a snapshot.
#[test]
fn an_upgrade_copies_all_of_it() {
    let sandbox = old();
    let new = sandbox.path("new");
    let ran = sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(&new).run().ok();
    let with = |repo: &Path, args: &[&str]| sandbox.bare_yester(["--repo"]).arg(repo).args(args).run().ok();
    let snapshots = |repo: &Path| {
        let listed = with(repo, &["--json", "snapshots"]).json_lines();
        let shown = |snapshot: &serde_json::Value| {
            ["source", "name", "time", "status"].map(|key| snapshot[key].to_string())
        };
        listed.iter().map(shown).collect::<Vec<_>>()
    };
    let all = snapshots(&sandbox.repo());
    assert!(all.len() > 1 && snapshots(&new) == all, "{ran}");
    for [source, name, ..] in &all {
        let whole = format!("{}{}:", source.trim_matches('"'), name.trim_matches('"'));
        // Status 3: tar has no word for the socket.
        let export = |repo: &Path| sandbox.bare_yester(["--repo"]).arg(repo).args(["export", &whole]).run();
        let archive = |repo: &Path| export(repo).code_is(3).stdout;
        assert!(archive(&sandbox.repo()) == archive(&new), "{whole} differs");
    }
    with(&new, &["check", "--read-data"]);
    // Again, nothing is left to copy.
    sandbox.bare_yester(["copy", "--from"]).arg(sandbox.repo()).arg("--to").arg(&new).run().ok();
    assert_eq!(snapshots(&new), all);
}

/// Needs a build of a commit that knew only version 1: `scripts/soak.sh older-build` makes one.
#[test]
fn an_older_build_refuses_a_new_repository() {
    let Some(older) = std::env::var_os("YESTER_OLDER").map(PathBuf::from) else {
        return needs::skipped("YESTER_OLDER names no build that knows only version 1");
    };
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "text");
    sandbox.import();
    let source = sandbox.source();
    let source = source.to_str().expect("UTF-8");
    let before = files(&sandbox.repo());
    for args in [
        vec!["snapshots"],
        vec!["ls", "@latest"],
        vec!["cat", "@latest:file"],
        vec!["log", "file"],
        vec!["stats"],
        vec!["check"],
        vec!["repair"],
        vec!["rebuild-index"],
        vec!["import", source],
    ] {
        let ran = sandbox.yester(&args).with_program(&older).run();
        assert!(ran.code() != Some(0) && ran.stderr().contains("use a newer yester"), "{args:?}: {ran}");
    }
    assert_eq!(files(&sandbox.repo()), before);
}
