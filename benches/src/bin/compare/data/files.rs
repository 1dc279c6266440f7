//! Copies, links and dates files.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// 2024-01-01. Each generation is one day later.
const BEGINNING: i64 = 1_704_067_200;
const DAY: i64 = 86_400;

/// The time of generation `number`.
pub fn day(number: usize) -> i64 {
    BEGINNING + DAY * i64::try_from(number).unwrap_or(0)
}

/// Sets the modification time of a file, in seconds since 1970.
pub fn set_mtime(path: &Path, seconds: i64) -> Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .with_context(|| format!("dating {}", path.display()))
}

/// An entry found by a walk.
#[derive(Debug, Clone)]
pub struct Item {
    pub path: PathBuf,
    pub metadata: fs::Metadata,
}

/// All entries below `root` in the order of names, folders before their content. Unreadable entries are left
/// out.
pub fn walk(root: &Path) -> Vec<Item> {
    let mut items = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        names.sort_unstable();
        for path in names {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() {
                todo.push(path.clone());
            }
            items.push(Item { path, metadata });
        }
    }
    items
}

/// Copies a file with its mode and time, a symbolic link, or a folder without its content. Other types are
/// left out.
pub fn copy(item: &Item, target: &Path) -> Result<()> {
    let kind = item.metadata.file_type();
    let done = if kind.is_dir() {
        fs::create_dir_all(target)
    } else if kind.is_symlink() {
        fs::read_link(&item.path).and_then(|to| symlink(to, target))
    } else if kind.is_file() {
        fs::copy(&item.path, target).map(drop)
    } else {
        return Ok(());
    };
    done.with_context(|| format!("copying {} to {}", item.path.display(), target.display()))?;
    if kind.is_file() { set_mtime(target, item.metadata.mtime()) } else { Ok(()) }
}

/// Reads every file below `root`, so that the next program finds them in memory.
pub fn warm(root: &Path) {
    for item in walk(root) {
        if item.metadata.is_file()
            && let Ok(mut file) = fs::File::open(&item.path)
        {
            // Errors are ignored: the program that reads the file next reports them.
            let _ = std::io::copy(&mut file, &mut std::io::sink());
        }
    }
}
