//! What is there already: identical, different, left over, or given another name.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Ran, Sandbox, wait_until};
use rustix::fs::{CWD, FileType, FlockOperation, Mode, XattrFlags, flock, makedev, mknodat};
use rustix::process::Signal;
use serde_json::Value;

use super::{incomplete, restore};

#[test]
fn identical_files_are_kept_and_counted() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    mknodat(CWD, sandbox.source().join("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    sandbox.import();
    let to = sandbox.path("out");
    restore(&sandbox, &["@latest:"], &to).ok();
    for words in [&["@latest:"][..], &["@latest:", "--overwrite"]] {
        let ran = restore(&sandbox, words, &to).ok();
        assert!(
            ran.text().contains("restored 0 files") && ran.text().contains("kept 7 identical files"),
            "{ran}"
        );
        assert_eq!(ran.stderr(), "");
    }
    // Of the same size and time, and not the same.
    let changed = to.join("etc/deep/er/file");
    let time = fs::metadata(&changed).expect("a file").modified().expect("a time");
    file(&changed, noise(2, 5000));
    File::options().write(true).open(&changed).expect("a file").set_modified(time).expect("a time");
    let ran = restore(&sandbox, &["@latest:"], &to);
    assert!(ran.text().contains("kept 6 identical files"), "{ran}");
    assert_eq!(ran.stderr().lines().count(), 1, "{ran}");
    incomplete(ran, &["out/etc/deep/er/file: exists, and was left as it is"]);
    let ran = restore(&sandbox, &["@latest:", "--overwrite"], &to).ok();
    assert!(ran.text().contains("restored 1 file") && ran.text().contains("replaced 1 file"), "{ran}");
    assert_same("what was restored", &scan(&sandbox.source()), &scan(&to));
}

/// What a restore says of itself, but for the time that it took.
fn said(ran: &Ran) -> Vec<Value> {
    let mut lines = ran.json_lines();
    for line in &mut lines {
        line.as_object_mut().expect("an object").remove("seconds");
    }
    lines
}

#[test]
fn a_dry_run_foretells_counts_status_and_words() {
    if !needs::met(&[needs::SETFACL]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    if needs::met(&[Need::Root]) {
        let owned = sandbox.source().join("empty");
        std::os::unix::fs::lchown(&owned, Some(1234), Some(5678)).expect("an owner");
        fs::set_permissions(owned, Permissions::from_mode(0o6750)).expect("a mode");
        let device = sandbox.source().join("device");
        mknodat(CWD, device, FileType::BlockDevice, Mode::RUSR, makedev(7, 300)).expect("a device");
        let listed = sandbox.source().join("etc/passwd");
        let status = Command::new("setfacl").args(["-m", "u:33:rw"]).arg(&listed).status();
        assert!(status.expect("setfacl runs").success());
        rustix::fs::setxattr(&listed, "trusted.note", b"1", XattrFlags::empty()).expect("an attribute");
    }
    sandbox.import();
    let prepare = |to: &Path| {
        file(to.join("hello.txt"), "mine");
        file(to.join("hollow"), "in the way");
        file(to.join("link/in/the/way"), "mine");
        let _ = restore(&sandbox, &["@latest:etc"], to);
    };
    let plain: &[&str] = &[];
    let mut runs = vec![plain];
    if needs::met(&[Need::Root, needs::UNSHARE, needs::SETPRIV]) {
        runs.extend([&["unshare", "-r"][..], &["setpriv", "--bounding-set=-chown", "--inh-caps=-chown"]]);
    }
    for (nth, through) in runs.iter().enumerate() {
        for (there, options) in [(false, &[][..]), (true, &[]), (true, &["--overwrite"])] {
            let to = sandbox.path(format!("out-{nth}-{there}-{}", options.len()));
            if there {
                prepare(&to);
            }
            let run = |more: &[&str]| {
                let words = ["--json", "restore", "@latest:", "--to"];
                let ran = sandbox.yester(words).arg(&to).args(options).args(more);
                if through.is_empty() { ran.run() } else { ran.through(through).run() }
            };
            let (foretold, done) = (run(&["--dry-run"]), run(&[]));
            assert_eq!(foretold.code(), done.code(), "{foretold}\n{done}");
            assert_eq!(said(&foretold), said(&done), "{foretold}\n{done}");
            let told = foretold.stderr();
            let (replaced, told): (Vec<&str>, Vec<&str>) =
                told.lines().partition(|line| line.starts_with("would replace "));
            let (mut told, did) = (told, done.stderr());
            let mut did: Vec<&str> = did.lines().collect();
            told.sort_unstable();
            did.sort_unstable();
            assert_eq!(told, did);
            let wanted = there && !options.is_empty();
            assert_eq!(replaced.iter().any(|line| line.ends_with("/hello.txt")), wanted, "{foretold}");
        }
    }
}

#[test]
fn a_file_goes_where_cp_puts_it() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let to = sandbox.path("new/name");
    restore(&sandbox, &["@latest:hello.txt", "-n"], &to).ok();
    assert!(!sandbox.path("new").exists());
    restore(&sandbox, &["@latest:hello.txt"], &to).ok();
    assert_eq!(fs::read(&to).expect("a file"), b"hello\n");
    // Again: it is identical; another is in the way.
    restore(&sandbox, &["@latest:hello.txt"], &to).ok();
    incomplete(restore(&sandbox, &["@latest:etc/passwd"], &to), &["new/name: exists"]);
    restore(&sandbox, &["@latest:etc/passwd", "--overwrite"], &to).ok();
    assert!(fs::read(&to).expect("a file").starts_with(b"root:"));
    // Into a folder, and into one that the words say is one.
    restore(&sandbox, &["@latest:hello.txt"], &sandbox.path("new")).ok();
    assert_eq!(fs::read(sandbox.path("new/hello.txt")).expect("a file"), b"hello\n");
    restore(&sandbox, &["@latest:hello.txt"], &sandbox.path("folder/")).ok();
    assert_eq!(fs::read(sandbox.path("folder/hello.txt")).expect("a file"), b"hello\n");
    // Relative to where one is, and links are things, too.
    let here =
        sandbox.yester(["restore", "@latest:link", "--to", "pointer"]).folder(sandbox.path("new")).run();
    here.ok();
    assert_eq!(fs::read_link(sandbox.path("new/pointer")).expect("a link"), Path::new("hello.txt"));
    // A link that leads nowhere is in the way, and not followed.
    symlink(sandbox.path("outside"), sandbox.path("dangling")).expect("a link");
    incomplete(restore(&sandbox, &["@latest:hello.txt"], &sandbox.path("dangling")), &["dangling: exists"]);
    assert!(!sandbox.path("outside").exists());
}

#[test]
fn one_restore_never_replaces_what_it_has_made() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("a/name"), "one");
    file(sandbox.source().join("b/name"), "two");
    sandbox.import();
    let to = sandbox.path("out");
    file(to.join("name"), "mine");
    let ran = restore(&sandbox, &["@latest:a/name", "@latest:b/name", "--overwrite"], &to);
    incomplete(ran, &["out/name: cannot be written: its name is one here with that of another file"]);
    assert_eq!(fs::read(to.join("name")).expect("a file"), b"one");
}

#[test]
fn what_a_killed_restore_left_is_removed_by_the_next() {
    if !needs::met(&[needs::STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("folder/file"), noise(1, 20_000_000));
    sandbox.import();
    let to = sandbox.path("out");
    let left = |folder: &Path| {
        let found = fs::read_dir(folder).into_iter().flatten().flatten();
        found.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".yester-")).count()
    };
    let folder = to.join("folder");
    let mut slow = sandbox
        .yester(["restore", "@latest:folder", "--to"])
        .arg(&to)
        .slowed("write", Duration::from_millis(300))
        .start();
    wait_until("a temporary file", Duration::from_secs(30), || (left(&folder) > 0).then_some(()));
    // The restore itself, not strace, which would let it go.
    let traced = wait_until("strace's child", Duration::from_secs(30), || {
        let pid = slow.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_ascii_whitespace().next()?.parse().ok()
    });
    let traced = rustix::process::Pid::from_raw(traced).expect("a process");
    rustix::process::kill_process(traced, Signal::KILL).expect("killed");
    slow.end();
    assert_eq!(left(&folder), 1);
    // Others that no process has, one that another restore is writing, and one that is no such name.
    mknodat(CWD, folder.join(".yester-4194304-1"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    symlink("x", to.join(".yester-4194304-2")).expect("a link");
    file(folder.join(".yester-notes"), "mine");
    file(folder.join(".yester-4194304-7"), "live");
    let live = File::open(folder.join(".yester-4194304-7")).expect("a file");
    flock(&live, FlockOperation::LockExclusive).expect("a lock");
    restore(&sandbox, &["@latest:folder", "-n"], &to).ok();
    assert_eq!((left(&folder), left(&to)), (4, 1));
    restore(&sandbox, &["@latest:folder"], &to).ok();
    assert_eq!((left(&folder), left(&to)), (2, 0));
    assert!(folder.join(".yester-notes").exists() && folder.join(".yester-4194304-7").exists());
}

#[test]
fn a_target_that_is_there_by_a_detour_keeps_its_own_attributes() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    fs::set_permissions(sandbox.source(), Permissions::from_mode(0o750)).expect("a mode");
    sandbox.import();
    let there = sandbox.path("there");
    fs::create_dir(&there).expect("a folder");
    fs::set_permissions(&there, Permissions::from_mode(0o775)).expect("a mode");
    if needs::met(&[Need::Root]) {
        chown(&there, Some(1000), Some(1000)).expect("an owner");
    }
    let kept = || {
        let told = fs::metadata(&there).expect("a folder");
        (told.mode(), told.uid(), told.gid())
    };
    let before = kept();
    file(there.join("hello.txt"), "mine");
    let to = there.join("new/..");
    for words in [&["@latest:", "-n"][..], &["@latest:"]] {
        incomplete(restore(&sandbox, words, &to), &["hello.txt: exists"]);
        assert_eq!(kept(), before, "{words:?}");
    }
    assert!(there.join("etc/passwd").is_file());
}
