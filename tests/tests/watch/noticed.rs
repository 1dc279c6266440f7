//! What happens to folders is noticed wherever it happens: not at the next `every`, which is an hour away.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::{Sandbox, wait_until};

use super::{LIMIT, Watch, count, stays, wait_for, wait_for_count, watched};
use crate::layouts::done;

const KEYS: &str = "layout = \"tree\"\nquiet = \"1s\"";

fn renamed(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    fs::rename(from, to).expect("a new name");
}

#[test]
fn in_folders_that_were_made_renamed_and_moved() {
    let sandbox = Sandbox::with_repository();
    let (target, away) = (sandbox.path("target"), sandbox.path("away"));
    small(&target);
    let watch = Watch::start(&sandbox, &watched(&target, KEYS));
    wait_for(&sandbox, 1, LIMIT);
    let steps: [(&str, &dyn Fn()); 9] = [
        ("new folders", &|| fs::create_dir_all(target.join("b/c/d/e")).expect("folders")),
        ("a file in them", &|| file(target.join("b/c/d/e/file"), "1")),
        ("a renamed folder", &|| renamed(target.join("b"), target.join("z"))),
        ("a file in it", &|| file(target.join("z/c/d/e/file"), "2")),
        ("a mode", &|| {
            fs::set_permissions(target.join("hello.txt"), Permissions::from_mode(0o600)).expect("it");
        }),
        ("a folder moved away", &|| renamed(target.join("z/c"), &away)),
        ("and back", &|| renamed(&away, target.join("y"))),
        ("a file in it", &|| file(target.join("y/d/e/file"), "3")),
        ("the root's own mode", &|| {
            fs::set_permissions(&target, Permissions::from_mode(0o700)).expect("it");
        }),
    ];
    for (number, (what, step)) in steps.iter().enumerate() {
        step();
        println!("{what}");
        wait_for_count(&sandbox, number + 2, LIMIT);
    }
    // What is not in it any more is nobody's business.
    assert_eq!(count(&sandbox), 10);
    watch.stop().ok();
}

/// As who makes a new tree beside the old one, and swaps them.
#[test]
fn in_a_folder_that_took_the_place_of_another() {
    let sandbox = Sandbox::with_repository();
    let (target, next) = (sandbox.path("target"), sandbox.path("next"));
    small(&target);
    let watch = Watch::start(&sandbox, &watched(&target, KEYS));
    wait_for(&sandbox, 1, LIMIT);
    small(&next);
    file(next.join("new"), "new");
    renamed(&target, sandbox.path("old"));
    renamed(&next, &target);
    wait_for(&sandbox, 2, LIMIT);
    watch.wait_for_activity(&target, "idle");
    file(target.join("new"), "newer");
    wait_for(&sandbox, 3, LIMIT);
    watch.stop().ok();
}

/// What an import writes is no change of the tree, wherever the repository is.
#[track_caller]
fn a_repository_in_the_tree(keys: &str) {
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("home");
    let repo = root.join("history");
    renamed(sandbox.repo(), &repo);
    std::os::unix::fs::symlink(&repo, sandbox.repo()).expect("a link");
    file(root.join("hello.txt"), "hello\n");
    let watch = Watch::start(&sandbox, &watched(&root, keys));
    wait_for(&sandbox, 1, LIMIT);
    stays(&sandbox, 1, Duration::from_secs(4));
    file(root.join("hello.txt"), "hello, later\n");
    wait_for(&sandbox, 2, LIMIT);
    stays(&sandbox, 2, Duration::from_secs(2));
    watch.stop().ok();
}

#[test]
fn but_not_in_the_repository_of_a_live_tree() {
    a_repository_in_the_tree("layout = \"tree\"\nlive = true\nevery = \"1s\"");
}

#[test]
fn but_not_in_the_repository_of_a_tree_that_is_to_be_quiet() {
    a_repository_in_the_tree(KEYS);
}

struct Bound<'a>(&'a Path);

impl<'a> Bound<'a> {
    fn to(folder: &Path, at: &'a Path) -> Self {
        done(Command::new("mount").arg("--bind").arg(folder).arg(at));
        Self(at)
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

/// The file system that was not mounted when the watch began.
#[test]
fn in_what_is_mounted_later() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (data, target) = (sandbox.path("data"), sandbox.path("target"));
    small(&data);
    fs::create_dir(&target).expect("a mount point");
    let config = watched(&target, KEYS);
    let mounted = Bound::to(&data, &target);
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 1, LIMIT);
    watch.stop();
    drop(mounted);

    let watch = Watch::start(&sandbox, &config);
    watch.wait_for_activity(&target, "failing");
    file(data.join("hello.txt"), "hello, later\n");
    let mounted = Bound::to(&data, &target);
    wait_for(&sandbox, 2, LIMIT);
    wait_until("it to be idle", LIMIT, || (watch.source()["activity"] == "idle").then_some(()));
    file(target.join("hello.txt"), "hello, later still\n");
    wait_for(&sandbox, 3, LIMIT);
    watch.stop();
    drop(mounted);
}
