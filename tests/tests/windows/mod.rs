//! `yester.exe` under Wine: what it keeps of a tree, gives back, and shares with Linux.

mod commands;
mod drive;
mod exchange;
mod locked;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fs_tests::plant::{file, many, noise};
use fs_tests::tree::{Tree, scan};

/// A tree that Windows can hold as it is.
fn plant(root: &Path) {
    many(root, 300, 1500);
    file(root.join("empty"), "");
    file(root.join("large.bin"), noise(5, 5_000_000));
    file(root.join("Grüße/日本語 🦀.txt"), "text\n");
    file(root.join("a/b/c/d/e/deep.txt"), "deep\n");
    // Longer than Windows takes without being asked.
    file(root.join(["long"; 30].join("/")).join("x".repeat(200)).join("deep.txt"), "deeper\n");
    file(root.join("read-only"), "nobody writes here\n");
    fs::hard_link(root.join("read-only"), root.join("a/linked")).expect("a hard link");
    let mut permissions = fs::metadata(root.join("read-only")).expect("a file").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(root.join("read-only"), permissions).expect("a mode");
    fs::create_dir(root.join("hollow")).expect("a folder");
}

/// What Windows keeps of an entry: its type, bytes, whether it may be written to, time in steps of 100 ns, and how many names
/// it has.
type Kept = (bool, Vec<u8>, bool, (i64, u32), u64);

fn kept(tree: &Tree) -> BTreeMap<Vec<u8>, Kept> {
    let of = |entry: &fs_tests::tree::Entry| {
        let is_file = entry.kind == fs_tests::tree::Kind::File;
        let (secs, nanos) = entry.mtime;
        (
            is_file,
            entry.data.to_vec(),
            is_file && entry.mode & 0o222 == 0,
            (secs, nanos / 100 * 100),
            entry.nlink,
        )
    };
    tree.iter().map(|(path, entry)| (path.clone(), of(entry))).collect()
}

/// Two trees must be the same, as far as Windows keeps them.
#[track_caller]
fn assert_kept(expected: &Path, seen: &Path) {
    let (expected, seen) = (kept(&scan(expected)), kept(&scan(seen)));
    let others = seen.keys().filter(|path| !expected.contains_key(*path));
    let others: Vec<String> = others.map(|path| path.escape_ascii().to_string()).collect();
    assert!(others.is_empty(), "should not be there: {others:?}");
    for (path, entry) in &expected {
        let (seen, path) = (seen.get(path), path.escape_ascii());
        let seen = seen.unwrap_or_else(|| panic!("{path}: missing"));
        assert!(entry.1 == seen.1, "{path}: other bytes");
        assert_eq!((entry.0, entry.2, entry.3, entry.4), (seen.0, seen.2, seen.3, seen.4), "{path}");
    }
}
