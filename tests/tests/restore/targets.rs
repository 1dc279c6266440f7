//! Targets that do not keep everything, and processes that may not do everything: the content is there, and what is not
//! kept is named.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, many, small};
use fs_tests::tree::{Kind, assert_same, scan};
use fs_tests::{Ran, Sandbox};
use rustix::fs::XattrFlags;

use super::restore;

/// A tree with what targets may not keep, but for what has no bytes.
fn plant(source: &Path) {
    small(source);
    many(source, 150, 300);
    let owned = source.join("etc/owned");
    file(&owned, "letter\n");
    lchown(&owned, Some(1234), Some(5678)).expect("an owner");
    fs::set_permissions(&owned, Permissions::from_mode(0o4710)).expect("a mode");
    let listed = source.join("etc/listed");
    file(&listed, "listed\n");
    let status = Command::new("setfacl").args(["-m", "u:33:r"]).arg(&listed).status();
    assert!(status.expect("setfacl runs").success());
    rustix::fs::setxattr(&listed, "user.comment", b"kept", XattrFlags::empty()).expect("an attribute");
}

#[track_caller]
fn assert_content(source: &Path, to: &Path) {
    let files = |root: &Path| -> BTreeMap<Vec<u8>, Vec<u8>> {
        let files = scan(root).into_iter().filter(|(_, entry)| entry.kind == Kind::File);
        files.map(|(path, entry)| (path, entry.data.to_vec())).collect()
    };
    assert!(files(source) == files(to), "other files in {}", to.display());
}

/// A file system in a file, taken down at the end.
pub(super) struct Disk {
    device: String,
    pub(super) point: PathBuf,
}

impl Disk {
    /// Makes and mounts one; `None` when this kernel cannot.
    pub(super) fn mount(sandbox: &Sandbox, name: &str, mkfs: &[&str], mount: &[&str]) -> Option<Self> {
        let (image, point) = (sandbox.path(format!("{name}.image")), sandbox.path(name));
        fs::File::create(&image).expect("an image").set_len(64 << 20).expect("its size");
        fs::create_dir(&point).expect("a mount point");
        let made = Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image).output().expect("mkfs runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let attached =
            Command::new("losetup").args(["-f", "--show"]).arg(&image).output().expect("losetup runs");
        if !attached.status.success() {
            needs::skipped("needs loop devices");
            return None;
        }
        let device = String::from_utf8_lossy(&attached.stdout).trim().to_owned();
        let disk = Self { device, point };
        let mounted = Command::new(mount[0]).args(&mount[1..]).arg(&disk.device).arg(&disk.point).output();
        let mounted = mounted.expect("mount runs");
        if !mounted.status.success() {
            needs::skipped(&format!("needs a kernel that mounts by {}", mount.join(" ")));
            return None;
        }
        Some(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.point).stderr(std::process::Stdio::null()).status();
        let _ = Command::new("losetup").arg("-d").arg(&self.device).status();
    }
}

#[test]
fn ext4_and_tmpfs_keep_everything() {
    if !needs::met(&[Need::Root, needs::SETFACL, needs::MKFS_EXT4]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    sandbox.import();
    let disk = Disk::mount(&sandbox, "disk", &["mkfs.ext4", "-q"], &["mount", "-t", "ext4"]);
    let memory = sandbox.path("memory");
    fs::create_dir(&memory).expect("a mount point");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&memory).status();
    assert!(mounted.expect("mount runs").success());
    let attribute = |path: &Path| rustix::fs::setxattr(path, "user.test", b"1", XattrFlags::empty()).is_ok();
    for point in disk.iter().map(|disk| &disk.point).chain([&memory]) {
        let to = point.join("out");
        let ran = restore(&sandbox, &["@latest:"], &to);
        if attribute(point) {
            ran.ok();
            assert_same("what was restored", &scan(&sandbox.source()), &scan(&to));
        } else {
            // Older kernels keep no attributes in memory.
            named(ran, &["etc/listed: extended attribute user.comment"]);
            assert_content(&sandbox.source(), &to);
        }
    }
}

/// The restore was not complete, and has said all this, each once.
#[track_caller]
fn named(ran: Ran, words: &[&str]) {
    let ran = ran.code_is(3);
    for word in words {
        assert_eq!(ran.stderr().matches(word).count(), 1, "{word}: {ran}");
    }
}

/// Restores to a disk of this kind, on which nothing but content and time is kept, and names differ in more than case.
fn to_a_plain_disk(mkfs: &[&str], mount: &[&str]) {
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    for name in ["README", "readme", "Folder/x", "folder/x", "folder/y"] {
        file(sandbox.source().join(name), name);
    }
    sandbox.import();
    let Some(disk) = Disk::mount(&sandbox, "disk", mkfs, mount) else { return };
    let to = disk.point.join("out");
    for words in [&["@latest:"][..], &["@latest:", "--overwrite"]] {
        let ran = restore(&sandbox, words, &to).code_is(3);
        let said = ran.stderr();
        assert!(said.contains("readme: cannot be written: its name is one here"), "{said}");
        assert!(said.contains("folder/x: cannot be written: its name is one here"), "{said}");
        assert_eq!(fs::read(to.join("README")).expect("the first"), b"README");
        assert_eq!(fs::read(to.join("Folder/x")).expect("the first"), b"Folder/x");
        assert_eq!(fs::read(to.join("folder/y")).expect("of the second folder"), b"folder/y");
    }
    let mut expected = scan(&sandbox.source());
    for gone in ["readme", "folder/x", "folder/y", "folder"] {
        expected.remove(gone.as_bytes());
    }
    let seen = scan(&to);
    for (path, entry) in expected.iter().filter(|(_, entry)| entry.kind == Kind::File) {
        assert!(seen.get(path).is_some_and(|seen| seen.data == entry.data), "{}", path.escape_ascii());
    }
    let fresh = restore(&sandbox, &["@latest:etc"], &disk.point.join("fresh"));
    named(
        fresh,
        &[
            "etc/owned: owner not kept",
            "etc/listed: access control list not kept",
            "etc/listed: extended attribute user.comment not kept",
        ],
    );
}

#[test]
fn vfat_gets_the_content() {
    if needs::met(&[Need::Root, needs::SETFACL, needs::MKFS_VFAT]) {
        to_a_plain_disk(&["mkfs.vfat"], &["mount", "-t", "vfat", "-o", "utf8"]);
    }
}

#[test]
fn exfat_gets_the_content() {
    if needs::met(&[Need::Root, Need::Fuse, needs::SETFACL, needs::MKFS_EXFAT, needs::EXFAT_FUSE]) {
        to_a_plain_disk(&["mkfs.exfat"], &["mount.exfat-fuse"]);
    }
}

#[test]
fn root_that_may_not_give_files_away_gets_the_content() {
    if !needs::met(&[Need::Root, needs::SETFACL, needs::UNSHARE, needs::SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    for number in 0..20 {
        let path = sandbox.source().join(format!("000/{number:06}.bin"));
        lchown(path, Some(1234), Some(1234)).expect("an owner");
    }
    sandbox.import();
    for (nth, through) in [&["unshare", "-r"][..], &["setpriv", "--bounding-set=-chown", "--inh-caps=-chown"]]
        .iter()
        .enumerate()
    {
        let to = sandbox.path(format!("out-{nth}"));
        let ran = sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).through(through).run();
        named(ran, &["/000: owner of 20 entries not kept", "/etc/owned: owner not kept", "/etc/owned: mode"]);
        assert_content(&sandbox.source(), &to);
    }
}

#[test]
fn who_is_not_root_is_told_whose_files_are_his_now() {
    if !needs::met(&[Need::Root, needs::SETFACL, needs::SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    sandbox.import();
    sandbox.give_to_nobody();
    let to = sandbox.root().join("out");
    let ran = sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).as_nobody().run().ok();
    assert!(ran.stderr().contains("note: ") && ran.stderr().contains("/000: owner of 100 entries"), "{ran}");
    assert_content(&sandbox.source(), &to);
    // Read-only folders that are his take what belongs there.
    fs::remove_file(to.join("etc/listed")).expect("removed");
    fs::set_permissions(to.join("etc"), Permissions::from_mode(0o555)).expect("a mode");
    sandbox.yester(["restore", "--overwrite", "@latest:", "--to"]).arg(&to).as_nobody().run().ok();
    assert_content(&sandbox.source(), &to);
}
