//! Real trees, judged by rsync.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_tests::needs::{self, Need, RSYNC, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox, as_nobody};

/// What is copied from every machine that has it; some 250 MB on Debian.
const SHARED: [&str; 6] = ["doc", "man", "perl", "perl5", "zoneinfo", "mime"];

fn done(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// rsync must find nothing to do in either direction.
#[track_caller]
fn assert_mirrors(rsync: impl Fn() -> Command, one: &Path, other: &Path, xattrs: &str) {
    let slash = |path: &Path| {
        let mut path = path.as_os_str().to_owned();
        path.push("/");
        path
    };
    for (from, to) in [(one, other), (other, one)] {
        let ran = rsync()
            .arg(format!("-naicHS{xattrs}"))
            .args(["--checksum", "--numeric-ids", "--delete"])
            .args([slash(from), slash(to)])
            .output()
            .expect("rsync runs");
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        let head: Vec<&str> = said.lines().take(30).collect();
        assert!(
            ran.status.success() && head.is_empty(),
            "{} → {}: {}\n{}",
            from.display(),
            to.display(),
            ran.status,
            head.join("\n")
        );
    }
}

/// Every so many of the regular files below a folder, in the order of their names.
fn some_files(root: &Path, every: usize) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                collect(&entry.path(), found);
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    collect(root, &mut found);
    found.sort();
    found.into_iter().step_by(every).collect()
}

/// A day of work on a tree.
fn change(root: &Path) {
    for (number, path) in some_files(root, 97).iter().enumerate() {
        match number % 4 {
            0 => {
                let mut content = fs::read(path).expect("a file");
                content.truncate(content.len() / 2);
                content.extend(format!("changed as number {number}\n").as_bytes());
                fs::write(path, content).expect("a changed file");
            }
            1 => fs::remove_file(path).expect("a file less"),
            2 => fs::rename(path, path.with_extension("renamed")).expect("a file renamed"),
            _ => fs::copy(path, path.with_extension("copy")).map(drop).expect("a copy"),
        }
    }
    file(root.join("new/folder/file"), "new\n");
}

#[test]
fn share_and_etc_come_back_the_same() {
    if !needs::met(&[Need::Root, Need::Fuse, RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (source, saved) = (sandbox.source(), sandbox.path("saved"));
    fs::create_dir(source.join("share")).expect("a folder");
    for name in SHARED {
        let from = Path::new("/usr/share").join(name);
        if from.exists() {
            done(Command::new("cp").arg("-a").arg(from).arg(source.join("share")));
        }
    }
    done(Command::new("cp").args(["-a", "/etc"]).arg(source.join("etc")));
    let first = sandbox.import();
    done(Command::new("cp").arg("-a").arg(&source).arg(&saved));

    let mounted = Mounted::source(&sandbox);
    let rsync = || Command::new("rsync");
    assert_mirrors(rsync, &source, &mounted.path("@latest"), "AX");

    change(&source);
    done(Command::new("rm").arg("-r").arg(source.join("share/zoneinfo")));
    fs::rename(source.join("etc"), source.join("etc.old")).expect("a folder renamed");
    let second = sandbox.import();
    mounted.wait_for(&second);
    assert_mirrors(rsync, &source, &mounted.path("@latest"), "AX");
    assert_mirrors(rsync, &source, &mounted.path(second), "AX");
    assert_mirrors(rsync, &saved, &mounted.path(first), "AX");
}

#[test]
fn any_user_can_do_it() {
    if !needs::met(&[Need::Root, Need::FuseForAll, RSYNC, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.give_to_nobody();
    let source = sandbox.source();
    done(as_nobody("cp").args(["-r", "/usr/share/perl", "/usr/share/zoneinfo"]).arg(&source));
    done(as_nobody("ln").arg(some_files(&source, 50).pop().expect("a file")).arg(source.join("hard-link")));
    sandbox.yester(["init"]).as_nobody().run().ok();
    let import = || sandbox.yester(["import"]).arg(&source).as_nobody().run().ok();
    import();
    done(as_nobody("cp").arg("-a").arg(&source).arg(sandbox.path("saved")));

    let point = sandbox.mnt();
    let command = sandbox.yester(["mount", "--source", "source"]).arg(&point).as_nobody();
    let mounted = Mounted::start(&command, &point);
    let rsync = || as_nobody("rsync");
    assert_mirrors(rsync, &source, &mounted.path("@latest"), "AX");

    change(&source);
    sandbox.give_to_nobody_below("source");
    import();
    fs_tests::wait_until("the second snapshot", std::time::Duration::from_secs(30), || {
        let ls = as_nobody("readlink").arg(mounted.path("@latest")).output().expect("readlink");
        let first = as_nobody("readlink").arg(mounted.path("@first")).output().expect("readlink");
        (ls.stdout != first.stdout).then_some(())
    });
    assert_mirrors(rsync, &source, &mounted.path("@latest"), "AX");
    assert_mirrors(rsync, &sandbox.path("saved"), &mounted.path("@first"), "AX");

    sandbox.yester(["unmount"]).arg(&point).as_nobody().run().ok();
    assert_eq!(mounted.finish().code(), Some(0));
}
