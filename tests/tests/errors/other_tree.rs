//! A tree does not get into the history of another one unless that is said.

use std::fs;
use std::process::Command;

use fs_tests::needs::{self, Need, RSYNC, UNSHARE};
use fs_tests::plant::{file, small};
use fs_tests::{Ran, Sandbox};

use super::{snapshots, text};

/// Refused, with the way out, and taken when it is said; then it goes on unasked.
#[track_caller]
fn takes_a_word(sandbox: &Sandbox, act: impl Fn(&[&str]) -> Ran) {
    let before = snapshots(sandbox).len();
    let history = format!("has the history of {}", text(&sandbox.source()));
    act(&[]).fails(1, &[&history, "--source", "--allow-other-tree"]);
    assert_eq!(snapshots(sandbox).len(), before);
    act(&["--allow-other-tree"]).ok();
    act(&[]).ok();
    assert_eq!(snapshots(sandbox).len(), before + 2);
}

fn with_history() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    file(sandbox.path("other/file"), "x");
    sandbox.import();
    sandbox.import();
    sandbox
}

#[test]
fn by_import() {
    let sandbox = with_history();
    let import = |words: &[&str]| {
        let yester = sandbox.yester(["import", "--source", "source"]).args(words);
        yester.arg(sandbox.path("other")).run()
    };
    let history = format!("has the history of {}", text(&sandbox.source()));
    import(&["-n"]).fails(1, &[&history, "--allow-other-tree"]);
    takes_a_word(&sandbox, import);
    import(&["-n"]).ok();
}

/// An old copy is somewhere else by nature.
#[test]
fn a_time_says_it() {
    let sandbox = with_history();
    let import = |source: &str| {
        let yester = sandbox.yester(["import", "--at", "2019-12-24T18:00", "--source", source]);
        yester.arg(sandbox.path("other")).run()
    };
    import("source").ok();
    let seen = sandbox.yester(["cat", "source@2019-12-24:file"]).run().ok().text();
    assert_eq!(seen, "x");
    sandbox.yester(["import"]).arg(sandbox.source()).run().ok();
    // But not for what rsnapshot has.
    file(sandbox.path("backup/daily.0/web/file"), "x");
    sandbox.yester(["import"]).arg(sandbox.path("backup")).run().ok();
    import("web").fails(1, &["source web has the history of", "a run of rsnapshot", "--allow-other-tree"]);
}

#[test]
fn by_rsync_before_it_runs() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = with_history();
    let target = sandbox.path("target");
    let run = |words: &[&str]| {
        let yester = sandbox.yester(["rsync", "--source", "source"]).args(words).args(["--", "-a"]);
        yester.arg(sandbox.path("other").join("")).arg(&target).run()
    };
    run(&[]).fails(1, &["has the history of"]);
    assert!(!target.exists(), "rsync ran");
    takes_a_word(&sandbox, run);
}

#[test]
fn by_the_daemon_s_hook() {
    let sandbox = with_history();
    let calls = std::cell::Cell::new(0);
    let hook = |words: &[&str]| {
        let yester = sandbox.yester(["hook", "post-xfer"]).args(words);
        let yester = yester.env("RSYNC_EXIT_STATUS", "0").env("RSYNC_MODULE_NAME", "source");
        yester.env("RSYNC_MODULE_PATH", sandbox.path("other")).run()
    };
    takes_a_word(&sandbox, |words| {
        // Only what has changed is taken.
        calls.set(calls.get() + 1);
        file(sandbox.path("other/file"), calls.get().to_string());
        hook(words)
    });
}

#[test]
fn by_up() {
    let sandbox = with_history();
    let yester = sandbox.yester(["up", "--source", "source"]).arg(sandbox.path("other"));
    yester.arg(sandbox.path("point")).run().fails(1, &["has the history of", "--allow-other-tree"]);
    assert!(!sandbox.path("point").exists());
}

/// Another machine that has the same repository, and a tree at the same path.
#[test]
fn by_the_name_of_the_machine() {
    if !needs::met(&[Need::Root, UNSHARE]) {
        return;
    }
    let sandbox = with_history();
    let import = |words: &[&str]| {
        let command = sandbox.yester(["import"]).args(words).arg(sandbox.source()).command();
        let mut renamed = Command::new("unshare");
        renamed.args(["--uts", "sh", "-c", "hostname renamed && exec \"$@\"", "sh"]);
        renamed.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => renamed.env(name, value),
                None => renamed.env_remove(name),
            };
        }
        renamed.output().expect("unshare")
    };
    // In a container the inode of the tree would tell that it is the same one.
    fs::remove_dir_all(sandbox.repo().join("stat-cache")).expect("the stat cache");
    let refused = import(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("has the history of") && said.contains("--allow-other-tree"), "{said}");
    let taken = import(&["--allow-other-tree"]);
    assert!(taken.status.success(), "{taken:?}");
    assert!(import(&[]).status.success());
    fs::remove_dir_all(sandbox.repo().join("stat-cache")).expect("the stat cache");
    let ran = sandbox.yester(["import"]).arg(sandbox.source()).run();
    ran.fails(1, &["has the history of", "on renamed"]);
}
