//! The history that other programs keep, made by these programs themselves.

mod config;
pub mod dirvish;
mod identity;
mod looks;
mod progress;
pub mod rsnapshot;
mod stopped;
mod vanishing;

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_tests::judge::same;
use fs_tests::plant::{file, noise, small};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{XattrFlags, lsetxattr};
use serde_json::Value;

#[track_caller]
pub(crate) fn done(command: &mut Command) {
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {}\n{said}", ran.status);
}

/// The source as it is on one day of its life: everything that happens to trees happens on one of them.
pub(crate) fn live(source: &Path, day: u64) {
    match day {
        0 => small(source),
        1 => file(source.join("hello.txt"), "hello, later\n"),
        2 => {
            fs::set_permissions(source.join("etc/passwd"), fs::Permissions::from_mode(0o600))
                .expect("a mode");
            fs::rename(source.join("etc/deep"), source.join("etc/deeper")).expect("a new name");
        }
        3 => fs::remove_file(source.join("empty")).expect("a file less"),
        4 => {
            // Owner and mode change in place, where levels share the file.
            lchown(source.join("hello.txt"), Some(1234), Some(5678)).expect("an owner");
            fs::remove_file(source.join("link")).expect("the link");
            symlink("etc/passwd", source.join("link")).expect("another link");
        }
        5 => {
            fs::remove_dir(source.join("hollow")).expect("a folder less");
            file(source.join("hollow"), "a file where a folder was\n");
        }
        6 => {
            fs::remove_file(source.join("etc/hello-again")).expect("a name less");
            fs::hard_link(source.join("etc/passwd"), source.join("etc/shadow")).expect("a hard link");
        }
        _ => {
            lsetxattr(source.join("hello.txt"), "user.note", b"kept", XattrFlags::empty())
                .expect("an attribute");
        }
    }
    file(source.join(format!("day-{day}")), noise(day, 3000 + usize::try_from(day).unwrap_or(0)));
}

/// A snapshot that was imported, and the tree as it was then.
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) copy: PathBuf,
}

/// Imports, and keeps copies of what was imported.
#[track_caller]
fn import(sandbox: &Sandbox, args: &[&str], root: &Path, kept: &mut Vec<Kept>) -> Vec<Value> {
    let lines = sandbox.yester(["--json", "import"]).args(args).run().ok().json_lines();
    let imported: Vec<Value> = lines.iter().filter(|line| line["snapshot"].is_string()).cloned().collect();
    for line in &imported {
        let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("no {key}: {line}")).to_owned();
        let copy = sandbox.path(format!("kept-{}", kept.len()));
        done(Command::new("cp").arg("-a").arg(root.join(text("run"))).arg(&copy));
        kept.push(Kept { id: text("snapshot"), source: text("source"), copy });
    }
    imported
}

/// Every snapshot is what was kept of it, and there is no other.
#[track_caller]
pub(crate) fn check(sandbox: &Sandbox, kept: &[Kept]) {
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let name = |id: &str| {
        let line =
            listed.iter().find(|line| line["snapshot"] == id).unwrap_or_else(|| panic!("{id} is gone"));
        line["name"].as_str().expect("a name")
    };
    let mounted = Mounted::with(sandbox, &[]);
    for kept in kept {
        same(&kept.copy, &mounted.path(&kept.source).join(name(&kept.id)));
    }
    assert_eq!(listed.len(), kept.len(), "{listed:?}");
}
