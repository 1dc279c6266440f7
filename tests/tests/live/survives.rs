//! A mount whose repository's disk goes away and comes back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fs_tests::needs::{self, Need, STRACE};
use fs_tests::plant::{file, noise, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::wait::pause;
use fs_tests::{Mounted, Sandbox, wait_until};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const LENGTH: usize = 300_000;
const FILES: u64 = 60;

/// A snapshot that a mount's cache of 1 MB cannot hold, and another one.
fn with_two_snapshots() -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    for number in 0..FILES {
        file(sandbox.source().join(format!("data/{number}")), noise(number, LENGTH));
    }
    let first = sandbox.import();
    file(sandbox.source().join("hello.txt"), "changed\n");
    let second = sandbox.import();
    (sandbox, [first, second])
}

fn mounted(sandbox: &Sandbox) -> Mounted {
    Mounted::with(sandbox, &["--source", "source", "--cache-size", "1M"])
}

/// Reads past the kernel's cache: what comes is what the mount says now.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let direct = File::options().read(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path)?;
    let mut bytes = vec![0; LENGTH + 1];
    let mut len = 0;
    loop {
        match direct.read_at(&mut bytes[len..], len as u64)? {
            0 => break,
            read => len += read,
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// What reading all files of a snapshot comes to: how many were right, and how many failed by EIO. Nothing else may be.
#[track_caller]
fn read_all(snapshot: &Path) -> (u64, u64) {
    let (mut right, mut failed) = (0, 0);
    for number in 0..FILES {
        match read(&snapshot.join(format!("data/{number}"))) {
            Ok(bytes) => {
                assert!(bytes == noise(number, LENGTH), "file {number} has other bytes");
                right += 1;
            }
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error()), "file {number}: {error}");
                failed += 1;
            }
        }
    }
    (right, failed)
}

/// What the repository consists of.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The mount lives while `away` and reads as before after `back`.
#[track_caller]
fn outlives(sandbox: &Sandbox, names: &[String; 2], away: impl Fn(), back: impl Fn()) {
    lives_on(sandbox, names, false, away, back);
}

/// The same; whether files can still be read while `away`.
#[track_caller]
fn lives_on(sandbox: &Sandbox, names: &[String; 2], readable: bool, away: impl Fn(), back: impl Fn()) {
    let mut mounted = mounted(sandbox);
    let (first, second) = (mounted.path(&names[0]), mounted.path(&names[1]));
    let listed = mounted.names("");
    assert_eq!(read_all(&first), (FILES, 0));
    for round in 0..2 {
        away();
        // Longer than anything that is looked at in between takes to notice.
        pause(Duration::from_secs(1));
        let (right, failed) = read_all(&first);
        assert_eq!(failed == 0, readable, "round {round}: {right} files are read, {failed} are not");
        // What it was like is not denied: it is there, or cannot be told.
        for path in [first.join("data/1"), first.join("etc/deep/er/file"), second.join("hello.txt")] {
            let told = fs::symlink_metadata(&path).err().and_then(|error| error.raw_os_error());
            assert!(told.is_none_or(|code| code == Errno::IO.raw_os_error()), "{}: {told:?}", path.display());
        }
        match fs::read_dir(mounted.point()) {
            Ok(_) => assert_eq!(mounted.names(""), listed, "round {round}: history is said to be another"),
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error())),
        }
        assert!(mounted.is_running());
        back();
        // Perhaps it has to be looked for again.
        wait_until("the mount to find its repository again", Duration::from_secs(10), || {
            read(&first.join("data/1")).ok()
        });
        assert_eq!(read_all(&first), (FILES, 0), "round {round}");
        assert_eq!(read_all(&second), (FILES, 0), "round {round}");
        assert_eq!(mounted.names(""), listed);
        assert_same("after it came back", &scan(&sandbox.source()), &scan(&second));
    }
    // New snapshots appear as ever.
    let third = sandbox.import();
    mounted.wait_for(&third);
    assert_same("the third", &scan(&sandbox.source()), &scan(&mounted.path(third)));
    mounted.stop(rustix::process::Signal::TERM).code_is(0);
}

#[test]
fn its_packs_out_of_reach() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = with_two_snapshots();
    let (packs, away) = (sandbox.repo().join("packs"), sandbox.path("packs-elsewhere"));
    let to = |from: &Path, to: &Path| fs::rename(from, to).expect("renamed");
    outlives(&sandbox, &names, || to(&packs, &away), || to(&away, &packs));
}

/// It is open, and read wherever it is.
#[test]
fn its_folder_moved() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = with_two_snapshots();
    let (repo, away) = (sandbox.repo(), sandbox.path("elsewhere"));
    let to = |from: &Path, to: &Path| fs::rename(from, to).expect("renamed");
    lives_on(&sandbox, &names, true, || to(&repo, &away), || to(&away, &repo));
}

/// As with a disk that was unmounted: its empty mount point is seen.
#[test]
fn its_folder_empty() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let (sandbox, names) = with_two_snapshots();
    let repo = sandbox.repo();
    let cover = || mount("tmpfs", &repo, "tmpfs", MountFlags::empty(), None).expect("a tmpfs");
    outlives(&sandbox, &names, cover, || unmount(&repo, UnmountFlags::DETACH).expect("uncovered"));
}

/// As with a disk that fails and recovers: files that are open cannot be read either.
#[test]
fn its_files_unreadable() {
    // Root: others may not trace what they have not started everywhere.
    if !needs::met(&[Need::Root, Need::Fuse, STRACE]) {
        return;
    }
    let (sandbox, names) = with_two_snapshots();
    let mut mounted = mounted(&sandbox);
    let first = mounted.path(&names[0]);
    assert_eq!(read_all(&first), (FILES, 0));
    let mut failing = Command::new("strace");
    failing.args(["-f", "-qq", "-o", "/dev/null", "-p", &mounted.pid().to_string()]);
    failing.args(["--trace=openat,read,pread64", "--inject=openat,read,pread64:error=EIO"]);
    let mut paths = Vec::new();
    files(&sandbox.repo(), &mut paths);
    failing.args(paths.iter().flat_map(|path| ["-P".as_ref(), path.as_os_str()]));
    let mut failing = failing.stderr(Stdio::null()).spawn().expect("strace runs");
    wait_until("reads to fail", Duration::from_secs(30), || (read_all(&first).1 > 0).then_some(()));
    let (_, failed) = read_all(&first);
    // Of a snapshot that was not looked at nothing is known.
    let told = fs::read_dir(mounted.path(&names[1]).join("data")).map(Iterator::count);
    rustix::process::kill_process(rustix::process::Pid::from_child(&failing), rustix::process::Signal::TERM)
        .expect("a signal");
    failing.wait().expect("its end");
    assert!(failed > FILES / 2, "only {failed} files cannot be read");
    assert!(told.is_err() || told.is_ok_and(|count| count as u64 == FILES), "a part of a folder is told");
    assert!(mounted.is_running());
    assert_eq!(read_all(&first), (FILES, 0));
    assert_same("after it recovered", &scan(&sandbox.source()), &scan(&mounted.path(&names[1])));
    let third = sandbox.import();
    mounted.wait_for(&third);
    mounted.stop(rustix::process::Signal::TERM).code_is(0);
}
