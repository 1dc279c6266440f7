//! What programs may expect of a file system beside reading: holes, positions, direct reads, room.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::process::Command;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{OFlags, RawDir, SeekFrom, seek, statvfs};
use rustix::io::Errno;

#[test]
fn holes_are_found_and_take_no_room() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let path = sandbox.source().join("sparse");
    file(&path, "");
    let open = File::options().write(true).open(&path).expect("the file");
    open.write_all_at(&noise(1, 100_000), 8 << 20).expect("data");
    open.set_len(32 << 20).expect("a hole at the end");
    let plain = noise(2, 300_000);
    file(sandbox.source().join("plain"), &plain);
    let name = sandbox.import();
    let mounted = Mounted::source(&sandbox);

    let original = File::open(&path).expect("the original");
    let shown = File::open(mounted.path(&name).join("sparse")).expect("the file");
    // Where data begin and end is a matter of the file system's blocks; both must agree on what they say.
    let data = |file: &File, from| seek(file, SeekFrom::Data(from));
    let hole = |file: &File, from| seek(file, SeekFrom::Hole(from));
    for from in [0, 1 << 20, 8 << 20, (8 << 20) + 50_000, 20 << 20, 32 << 20, 40 << 20] {
        assert_eq!(data(&shown, from), data(&original, from), "SEEK_DATA from {from}");
        assert_eq!(hole(&shown, from), hole(&original, from), "SEEK_HOLE from {from}");
    }
    assert_eq!(data(&shown, 20 << 20), Err(Errno::NXIO));
    let blocks = |path| fs::metadata(path).expect("attributes").blocks();
    let sparse = blocks(mounted.path(&name).join("sparse"));
    assert!((195..1000).contains(&sparse), "{sparse} blocks of 512 bytes for 100,000 bytes");
    assert_eq!(blocks(mounted.path(&name).join("plain")), 300_000_u64.div_ceil(512));
}

#[test]
fn a_listing_goes_on_from_any_position() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    for number in 0..2000 {
        file(sandbox.source().join(format!("crowd/{number}")), "x");
    }
    sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let open = File::open(mounted.path("@latest/crowd")).expect("the folder");
    let list = || -> Vec<(String, u64)> {
        let mut buffer = vec![MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&open, &mut buffer);
        let mut listed = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.expect("an entry");
            listed.push((entry.file_name().to_string_lossy().into_owned(), entry.next_entry_cookie()));
        }
        listed
    };
    let all = list();
    assert_eq!(all.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), 2002);
    // Backwards, so that no position is where the last listing stopped.
    for at in [1999, 1234, 1000, 999, 2, 1, 0] {
        seek(&open, SeekFrom::Start(all[at].1)).expect("a position");
        assert!(list() == all[at + 1..], "from entry {at} on");
    }
}

#[test]
fn files_are_read_directly_and_run() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let content = noise(3, 1_000_000);
    file(sandbox.source().join("large"), &content);
    fs::copy("/bin/true", sandbox.source().join("program")).expect("a program");
    sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let direct = File::options()
        .read(true)
        .custom_flags(OFlags::DIRECT.bits().cast_signed())
        .open(mounted.path("@latest/large"))
        .expect("O_DIRECT");
    let mut buffer = vec![0; 8192];
    for offset in [0, 4096, 500_224, 999_424] {
        let read = direct.read_at(&mut buffer, offset).expect("a direct read");
        let start = usize::try_from(offset).expect("it fits");
        assert!(buffer[..read] == content[start..(start + 8192).min(content.len())], "at {offset}");
    }
    // A program's pages are mapped.
    let status = Command::new(mounted.path("@latest/program")).status().expect("a program of a snapshot");
    assert!(status.success());
}

#[test]
fn the_room_is_that_of_the_repository() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let (shown, disk) = (statvfs(mounted.point()), statvfs(sandbox.repo()));
    let (shown, disk) = (shown.expect("the mount's"), disk.expect("the disk's"));
    assert_eq!(shown.f_blocks * shown.f_frsize, disk.f_blocks * disk.f_frsize);
    assert!(shown.f_bavail <= shown.f_bfree && shown.f_bfree < shown.f_blocks);
    assert_eq!(shown.f_namemax, 255);
}

#[test]
fn what_is_not_there_can_be_asked_for_again() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let first = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    // In a snapshot for good, but not of those to come.
    for _ in 0..2 {
        assert!(!mounted.path(&first).join("new").exists());
        assert!(!mounted.path("@latest/new").exists());
    }
    file(sandbox.source().join("new"), "new");
    sandbox.import();
    assert!(mounted.path("@latest/new").is_file());
    assert!(!mounted.path(&first).join("new").exists());
}

#[test]
fn a_cache_of_the_least_size_is_enough() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let content = noise(4, 5_000_000);
    file(sandbox.source().join("large"), &content);
    sandbox.import();
    let mounted = Mounted::with(&sandbox, &["--source", "source", "--cache-size", "1M"]);
    assert!(fs::read(mounted.path("@latest/large")).expect("the file") == content);
    drop(mounted);
    let refused = sandbox.yester(["mount", "--cache-size", "12"]).arg(sandbox.mnt()).run();
    refused.fails(2, &["--cache-size", "64M"]);
}
