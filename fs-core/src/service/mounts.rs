//! What is mounted where, as the kernel tells.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The file system type of a mount of history.
pub const MOUNT_TYPE: &str = "fuse.yester";

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub path: PathBuf,
    /// The device number that `stat` tells of files in it.
    pub device: u64,
    /// The file system's type.
    pub kind: String,
    /// What it is mounted from: for history the repository, unless its path has characters that cannot be told.
    pub source: PathBuf,
}

impl Mounted {
    /// Whether it is a mount of history.
    pub fn is_history(&self) -> bool {
        self.kind == MOUNT_TYPE
    }
}

/// All mounts that this process can see, in the order in which they were made.
pub fn mounted() -> io::Result<Vec<Mounted>> {
    Ok(fs::read("/proc/self/mountinfo")?.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// One line of mountinfo (proc_pid_mountinfo(5)): fields 3 and 5, and the first two after the lone hyphen.
fn parse(line: &[u8]) -> Option<Mounted> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let device = rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?);
    let told = |field: &[u8]| PathBuf::from(OsString::from_vec(unescape(field)));
    let path = told(fields.nth(1)?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    Some(Mounted { path, device, kind, source: told(fields.next()?) })
}

/// Spaces, tabs, newlines and backslashes stand as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood() {
        let line =
            br"99 61 0:44 / /home/a\040b\134 rw,nosuid shared:1 - fuse.yester /my\040repository ro,user_id=0";
        let expected = Mounted {
            path: PathBuf::from("/home/a b\\"),
            device: rustix::fs::makedev(0, 44),
            kind: MOUNT_TYPE.into(),
            source: PathBuf::from("/my repository"),
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"1 2 x:y / /"), None);
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(mounted().unwrap().iter().any(|mount| mount.path.as_os_str() == "/"));
    }
}
