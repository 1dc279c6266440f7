//! Hard links: of every type, across the places of one restore, and where there can be none.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise};
use fs_tests::tree::{Tree, assert_same, scan};
use fs_tests::{Sandbox, Yester};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, mount};

use super::{incomplete, restore};

/// Two folders whose entries are linked.
fn plant(source: &Path) {
    file(source.join("a/file"), noise(1, 100_000));
    symlink("nowhere", source.join("a/link")).expect("a link");
    mknodat(CWD, source.join("a/fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    // Sockets of longer paths cannot be bound.
    drop(UnixListener::bind(source.join("a/socket")).expect("a socket"));
    if needs::met(&[Need::Root]) {
        let device = makedev(7, 300);
        mknodat(CWD, source.join("a/device"), FileType::BlockDevice, Mode::RUSR, device).expect("a device");
    }
    fs::create_dir(source.join("b")).expect("a folder");
    for entry in fs::read_dir(source.join("a")).expect("a folder").flatten() {
        fs::hard_link(entry.path(), source.join("b").join(entry.file_name())).expect("a hard link");
    }
}

/// All but the attributes of the top.
fn below(root: &Path) -> Tree {
    let mut tree = scan(root);
    tree.remove(&b""[..]);
    tree
}

fn both<'a>(sandbox: &'a Sandbox, to: &Path) -> Yester<'a> {
    sandbox.yester(["restore", "@latest:a", "@latest:b", "--to"]).arg(to)
}

#[test]
fn places_of_one_restore_share_links_of_every_type() {
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    sandbox.import();
    let to = sandbox.path("out");
    both(&sandbox, &to).run().ok();
    assert_same("what was restored", &below(&sandbox.source()), &below(&to));
    let again = both(&sandbox, &to).run().ok();
    assert!(again.text().contains("kept"), "{again}");
    // A name that is not linked any more is linked again.
    fs::remove_file(to.join("b/file")).expect("removed");
    fs::copy(to.join("a/file"), to.join("b/file")).expect("a copy");
    both(&sandbox, &to).arg("--overwrite").run().ok();
    assert_same("what was restored again", &below(&sandbox.source()), &below(&to));
}

#[test]
fn places_of_different_snapshots_share_nothing() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("a/file"), "one");
    fs::create_dir(sandbox.source().join("b")).expect("a folder");
    fs::hard_link(sandbox.source().join("a/file"), sandbox.source().join("b/file")).expect("a hard link");
    sandbox.import_as("one");
    sandbox.import_as("two");
    let to = sandbox.path("out");
    restore(&sandbox, &["one@latest:a", "two@latest:b"], &to).ok();
    assert_eq!(fs::metadata(to.join("a/file")).expect("a file").nlink(), 1);
    assert_eq!(fs::read(to.join("b/file")).expect("a file"), b"one");
}

#[test]
fn where_no_link_can_be_a_copy_is_and_a_word() {
    if !needs::met(&[Need::Root, needs::STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    sandbox.import();
    let elsewhere = sandbox.path("elsewhere");
    fs::create_dir_all(elsewhere.join("b")).expect("a folder");
    mount("tmpfs", elsewhere.join("b"), "tmpfs", MountFlags::empty(), CString::default().as_c_str())
        .expect("a tmpfs");
    let unlinked = sandbox.path("unlinked");
    for (to, ran) in [
        (&elsewhere, both(&sandbox, &elsewhere).run()),
        (&unlinked, both(&sandbox, &unlinked).failing("linkat", None).run()),
    ] {
        incomplete(ran, &["b: hard link of 5 entries not kept", "it is a copy"]);
        assert_eq!(
            fs::read(to.join("a/file")).expect("a file"),
            fs::read(to.join("b/file")).expect("a copy")
        );
        assert_eq!(scan(to).len(), scan(&sandbox.source()).len());
        assert_eq!(fs::metadata(to.join("b/file")).expect("a copy").nlink(), 1);
    }
}
