//! A tree that has become empty: more likely not mounted than deleted, so it takes a word to import it.

use std::fs;
use std::path::Path;

use fs_tests::needs::{self, RSYNC};
use fs_tests::plant::{file, small};
use fs_tests::{Ran, Sandbox};

use super::{snapshots, text};

fn make_empty(folder: &Path) {
    fs::remove_dir_all(folder).expect("a folder less");
    fs::create_dir(folder).expect("a folder");
}

/// Refused, with the way out, and taken when it is said. `act` runs the command with more words.
fn takes_a_word(sandbox: &Sandbox, tree: &Path, act: impl Fn(&[&str]) -> Ran) {
    let before = snapshots(sandbox).len();
    assert!(before > 0, "it was never full");
    act(&[]).fails(1, &[text(tree), "mounted", "--allow-empty"]);
    assert_eq!(snapshots(sandbox).len(), before);
    act(&["--allow-empty"]).ok();
    assert_eq!(snapshots(sandbox).len(), before + 1);
    let seen = sandbox.yester(["--json", "ls", "@latest:"]).run().ok().text();
    assert_eq!(seen, "");
}

#[test]
fn by_import() {
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    small(&source);
    sandbox.import();
    make_empty(&source);
    takes_a_word(&sandbox, &source, |words| sandbox.yester(["import"]).args(words).arg(&source).run());
    // What was empty may stay so.
    sandbox.yester(["import"]).arg(&source).run().ok();
}

#[test]
fn by_rsync() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (source, target) = (sandbox.source(), sandbox.path("target"));
    small(&source);
    let run = |words: &[&str]| {
        let yester = sandbox.yester(["rsync"]).args(words).args(["--", "-a", "--delete"]);
        yester.arg(source.join("")).arg(&target).run()
    };
    run(&[]).ok();
    make_empty(&source);
    takes_a_word(&sandbox, &target, run);
}

#[test]
fn by_the_daemon_s_hook() {
    let sandbox = Sandbox::with_repository();
    let module = sandbox.path("module");
    file(module.join("file"), "x");
    let hook = |words: &[&str]| {
        let yester = sandbox.yester(["hook", "post-xfer"]).args(words);
        let yester = yester.env("RSYNC_EXIT_STATUS", "0").env("RSYNC_MODULE_NAME", "module");
        yester.env("RSYNC_MODULE_PATH", &module).run()
    };
    hook(&[]).ok();
    make_empty(&module);
    takes_a_word(&sandbox, &module, hook);
}

/// A folder that never held anything, such as one that is to be mounted.
#[test]
fn from_the_beginning() {
    let sandbox = Sandbox::with_repository();
    sandbox.yester(["import"]).arg(sandbox.source()).run().ok();
    small(&sandbox.source());
    sandbox.yester(["import"]).arg(sandbox.source()).run().ok();
    assert_eq!(snapshots(&sandbox).len(), 2);
}
