//! Bad input and bad luck: each gets one clear line that names the path and what to do, and nothing is lost.

mod emptied;
mod full_disk;
mod interrupted;
mod killed;
mod locked;
mod mount_point;
mod other_tree;
mod private_mount;
mod read_only_repository;
mod repository;
mod source;
mod unread;
mod unreadable;
mod written;

use std::fs;
use std::path::Path;

use fs_tests::Sandbox;
use fs_tests::tree::scan;

/// A path as it must appear in an error.
fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain characters")
}

/// The repository's snapshots, by name, the oldest first.
#[track_caller]
fn snapshots(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    listed.iter().map(|snapshot| snapshot["name"].as_str().expect("a name").to_owned()).collect()
}

/// What a file is in a snapshot, read without a mount.
#[track_caller]
fn cat(sandbox: &Sandbox, snapshot: &str, path: &str) -> Vec<u8> {
    sandbox.yester(["cat", "--source", "source"]).arg(format!("{snapshot}:{path}")).run().ok().stdout
}

/// That a command leaves a folder exactly as it was.
#[track_caller]
fn leaves_alone<T>(folder: &Path, act: impl FnOnce() -> T) -> T {
    let before = scan(folder);
    let result = act();
    fs_tests::tree::assert_same(&folder.display().to_string(), &before, &scan(folder));
    result
}

/// The bytes in a folder, whose files may come and go meanwhile.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
