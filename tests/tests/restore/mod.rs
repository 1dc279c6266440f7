//! Files back on disk, without a mount.

mod again;
mod exact;
mod foretold;
mod linked;
mod targets;

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Ran, Sandbox};
use rustix::fs::{CWD, FileType, Mode, OFlags, XattrFlags, makedev, mkdirat, mknodat, openat};

fn restore(sandbox: &Sandbox, words: &[&str], to: &Path) -> Ran {
    sandbox.yester(["restore"]).args(words).arg("--to").arg(to).run()
}

/// Something was not restored as it should have been, and this was said of it.
#[track_caller]
fn incomplete(ran: Ran, words: &[&str]) {
    let ran = ran.code_is(3);
    for word in words {
        assert!(ran.stderr().contains(word), "nothing of {word}: {ran}");
    }
}

#[test]
fn all_of_it_comes_back() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let holes = sandbox.source().join("holes");
    file(&holes, "");
    let open = fs::File::options().write(true).open(&holes).expect("a file");
    open.write_all_at(&noise(3, 5_000_000), 50 << 20).expect("data");
    open.set_len(80 << 20).expect("a hole at the end");
    fs::set_permissions(&holes, fs::Permissions::from_mode(0o6751)).expect("a mode");
    fs::set_permissions(sandbox.source().join("hollow"), fs::Permissions::from_mode(0o1500)).expect("a mode");
    rustix::fs::setxattr(&holes, "user.comment", b"kept", XattrFlags::empty()).expect("an attribute");
    mknodat(CWD, sandbox.source().join("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    if needs::met(&[Need::Root]) {
        let device = makedev(7, 300);
        let path = sandbox.source().join("device");
        mknodat(CWD, path, FileType::BlockDevice, Mode::RUSR, device).expect("a device");
        std::os::unix::fs::lchown(sandbox.source().join("link"), Some(12), Some(34)).expect("an owner");
    }
    sandbox.import();
    let to = sandbox.path("made/here");
    let said = restore(&sandbox, &["@latest:"], &to).ok();
    assert!(said.text().contains("restored 8 files") || said.text().contains("restored 9 files"), "{said}");
    assert_same("what was restored", &scan(&sandbox.source()), &scan(&to));
    let taken = fs::metadata(to.join("holes")).expect("a file").blocks() * 512;
    assert!(taken < 6_000_000, "{taken} bytes are taken: the holes were filled");
}

#[test]
fn a_folder_and_a_file_come_back_under_their_names() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let to = sandbox.path("out");
    restore(&sandbox, &["@latest:etc/", "@latest:hello.txt"], &to).ok();
    assert_same("the folder", &scan(&sandbox.source().join("etc/deep")), &scan(&to.join("etc/deep")));
    assert_eq!(fs::read(to.join("hello.txt")).expect("a file"), b"hello\n");
    restore(&sandbox, &["@latest:etc/.."], &to).fails(1, &["does not end with a name"]);
    restore(&sandbox, &["@latest:gone"], &to).fails(1, &["gone"]);
}

#[test]
fn what_exists_stays_unless_it_is_to_be_replaced() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let to = sandbox.path("out");
    file(to.join("hello.txt"), "mine");
    file(to.join("etc/mine"), "mine");
    file(to.join("empty/in the way"), "mine");
    let first = restore(&sandbox, &["@latest:"], &to);
    incomplete(first, &["hello.txt: exists, and was left as it is", "empty: exists"]);
    assert_eq!(fs::read(to.join("hello.txt")).expect("a file"), b"mine");
    // Not linked to what is somebody else's.
    assert_eq!(fs::read(to.join("etc/hello-again")).expect("a file"), b"hello\n");
    let second = restore(&sandbox, &["@latest:", "--overwrite"], &to);
    incomplete(second, &["out/empty: cannot be written"]);
    assert_eq!(fs::read(to.join("hello.txt")).expect("a file"), b"hello\n");
    assert_eq!(fs::read(to.join("etc/mine")).expect("a file"), b"mine");
    fs::remove_dir_all(to.join("empty")).expect("removed");
    fs::remove_file(to.join("etc/mine")).expect("removed");
    restore(&sandbox, &["@latest:", "--overwrite"], &to).ok();
    assert_same("what was restored", &scan(&sandbox.source()), &scan(&to));
    restore(&sandbox, &["@latest:", "--overwrite"], &to).ok();
    assert_same("what was restored again", &scan(&sandbox.source()), &scan(&to));
}

#[test]
fn links_in_the_target_lead_nowhere() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let (to, elsewhere) = (sandbox.path("out"), sandbox.path("elsewhere"));
    fs::create_dir(&to).expect("a folder");
    fs::create_dir(&elsewhere).expect("a folder");
    symlink(&elsewhere, to.join("etc")).expect("a link");
    symlink(elsewhere.join("target"), to.join("hello.txt")).expect("a link");
    for words in [&["@latest:"][..], &["@latest:", "--overwrite"]] {
        incomplete(restore(&sandbox, words, &to), &["etc: something else has its name"]);
        assert_eq!(fs::read_dir(&elsewhere).expect("a folder").count(), 0);
    }
    assert!(fs::symlink_metadata(to.join("hello.txt")).expect("a file").is_file());
}

#[test]
fn a_dry_run_only_tells() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let to = sandbox.path("out");
    let said = restore(&sandbox, &["@latest:", "-n"], &to).ok();
    assert!(said.text().starts_with("would restore 6 files"), "{said}");
    assert!(!to.exists());
    file(to.join("etc/passwd"), "mine");
    incomplete(restore(&sandbox, &["@latest:", "-n"], &to), &["etc/passwd: exists"]);
    let told = sandbox.yester(["--json", "restore", "-n", "@latest:etc", "--to"]).arg(&to).run();
    assert_eq!((told.json()["directories"].as_u64(), told.json()["troubled"].as_u64()), (Some(3), Some(1)));
    // A file's other name is told of as its first.
    file(to.join("etc/hello-again"), "mine");
    incomplete(
        restore(&sandbox, &["@latest:", "-n"], &to),
        &["etc/passwd: exists", "etc/hello-again: exists"],
    );
}

#[test]
fn linked_files_do_not_keep_their_folders_open() {
    let sandbox = Sandbox::with_repository();
    let first = sandbox.source().join("first");
    file(&first, "one file");
    for number in 0..400 {
        let folder = sandbox.source().join(format!("folder-{number}"));
        fs::create_dir(&folder).expect("a folder");
        fs::hard_link(&first, folder.join("other")).expect("a hard link");
    }
    sandbox.import();
    let to = sandbox.path("out");
    sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).with_open_files(256).run().ok();
    assert_same("what was restored", &scan(&sandbox.source()), &scan(&to));
}

#[test]
fn who_is_not_root_gets_files_as_his_own() {
    if !needs::met(&[Need::Root, needs::SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let lending = sandbox.source().join("lending");
    file(&lending, "x");
    fs::set_permissions(&lending, fs::Permissions::from_mode(0o4755)).expect("a mode");
    sandbox.import();
    sandbox.give_to_nobody();
    let to = sandbox.root().join("out");
    sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).as_nobody().run().ok();
    let metadata = fs::metadata(to.join("lending")).expect("a file");
    // Root's file with nobody as its owner must not lend nobody's rights.
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (65534, 0o755));
}

/// The folder at the end of a path that no call takes as a whole.
fn down(root: &Path, make: bool) -> PathBuf {
    let name = "deep".repeat(50);
    let open = |above: BorrowedFd<'_>, name: &Path| {
        openat(above, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("a folder")
    };
    let mut folder = open(CWD, root);
    for _ in 0..30 {
        if make {
            mkdirat(&folder, name.as_str(), Mode::RWXU).expect("a folder");
        }
        folder = open(folder.as_fd(), name.as_ref());
    }
    // Open until the test ends.
    PathBuf::from(format!("/proc/self/fd/{}", folder.into_raw_fd()))
}

#[test]
fn what_is_deeper_than_a_path_comes_back() {
    let sandbox = Sandbox::with_repository();
    let (original, to) = (down(&sandbox.source(), true), sandbox.path("out"));
    small(&original);
    sandbox.import();
    restore(&sandbox, &["@latest:"], &to).ok();
    assert_same("what was restored", &scan(&original.join(".")), &scan(&down(&to, false).join(".")));
}
