//! A directory that has another name in the source: rsync sends it again, and nothing of it is stored again.

use std::fs;
use std::path::Path;

use fs_tests::Sandbox;
use fs_tests::needs::{self, RSYNC};
use fs_tests::plant::{file, noise};

const FILES: u64 = 40;
/// 64 MB in all, in files from small to large.
const LENGTH: u64 = 80_000;

/// Bytes of all files below a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let of = |entry: fs::DirEntry| {
        let metadata = entry.metadata().expect("it is there");
        if metadata.is_dir() { bytes(&entry.path()) } else { metadata.len() }
    };
    entries.map(of).sum()
}

#[test]
fn a_renamed_directory_adds_less_than_a_hundredth() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (source, copy) = (sandbox.source(), sandbox.path("copy"));
    for number in 0..FILES {
        let content = noise(number, usize::try_from(number * LENGTH).expect("a length"));
        file(source.join(format!("photos/2024/{number:02}.raw")), content);
    }
    let run = || sandbox.yester(["rsync", "--", "-a", "--delete"]).arg(source.join("")).arg(&copy).run().ok();
    run();
    let before = bytes(&sandbox.repo());
    assert!(before > 60_000_000, "{before}");
    fs::rename(source.join("photos/2024"), source.join("photos/summer")).expect("a new name");
    run();
    assert!(copy.join("photos/summer").exists() && !copy.join("photos/2024").exists());
    // The index may have become smaller.
    let added = bytes(&sandbox.repo()).saturating_sub(before);
    assert!(added < before / 100, "{added} bytes more than {before}");
    assert_eq!(sandbox.yester(["ls", "@latest:photos"]).run().ok().text(), "summer\n");
}
