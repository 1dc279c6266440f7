//! The mounts of the kernel.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// One line of `/proc/self/mountinfo`.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Path of the mount point.
    pub point: PathBuf,
    /// Options of the mount and of its file system, separated by commas.
    pub options: String,
    /// Type of the file system, such as `fuse.yester`.
    pub kind: String,
}

/// All mounts, in the order of mounting.
pub fn all() -> Vec<Mount> {
    let text = fs::read("/proc/self/mountinfo").expect("mountinfo can be read");
    text.split(|&byte| byte == b'\n').filter_map(parse).collect()
}

/// The topmost mount at exactly this path.
pub fn at(point: &Path) -> Option<Mount> {
    all().into_iter().rfind(|mount| mount.point == point)
}

/// Whether Yester is mounted at exactly this path.
pub fn is_yester(point: &Path) -> bool {
    at(point).is_some_and(|mount| mount.kind == "fuse.yester")
}

fn parse(line: &[u8]) -> Option<Mount> {
    // 36 35 98:0 /root /point options [tags…] - type source super-options
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    Some(Mount {
        point: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
        options: format!("{},{}", text(fields.get(5)?), text(fields.get(dash + 3)?)),
        kind: text(fields.get(dash + 1)?),
    })
}

/// Decodes blanks, newlines and backslashes, which are written as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal =
            tail.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            plain.push(byte);
            rest = &tail[3..];
        } else {
            plain.push(first);
            rest = tail;
        }
    }
    plain
}

/// The mount points at or below this path, the deepest first.
pub fn below(path: &Path) -> Vec<PathBuf> {
    let mut points: Vec<PathBuf> =
        all().into_iter().map(|mount| mount.point).filter(|point| point.starts_with(path)).collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.as_os_str().as_bytes().len()));
    points
}
