//! The kernel's list of mounts.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// File system type of a mount of history.
pub const MOUNT_TYPE: &str = "fuse.yester";

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Id of the mount.
    pub id: u64,
    /// Mount point.
    pub path: PathBuf,
    /// Device number of its files.
    pub device: u64,
    /// File system type.
    pub kind: String,
    /// Mount source. For a mount of history this is the repository, if its path can be represented.
    pub source: PathBuf,
    /// Options of the file system, separated by commas.
    pub options: String,
}

impl Mount {
    /// Whether this is a mount of history.
    pub fn is_history(&self) -> bool {
        self.kind == MOUNT_TYPE
    }

    /// Whether only the user who mounted it may enter it.
    pub fn is_private(&self) -> bool {
        let is_fuse = matches!(&*self.kind, "fuse" | "fuseblk") || self.kind.starts_with("fuse.");
        is_fuse && !self.options.split(',').any(|word| word == "allow_other")
    }

    /// User and group that mounted it, for a FUSE mount.
    pub fn owner(&self) -> Option<(u32, u32)> {
        let option = |name| self.options.split(',').find_map(|word| word.strip_prefix(name));
        Some((option("user_id=")?.parse().ok()?, option("group_id=")?.parse().ok()?))
    }
}

/// All mounts visible to this process, in the order in which they were made.
pub fn mounts() -> io::Result<Vec<Mount>> {
    Ok(fs::read("/proc/self/mountinfo")?.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// Parses a line of mountinfo (proc_pid_mountinfo(5)): fields 1, 3 and 5, and those after the lone hyphen.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let device = str::from_utf8(fields.nth(1)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let device = rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?);
    let path_in = |field: &[u8]| PathBuf::from(OsString::from_vec(unescape(field)));
    let path = path_in(fields.nth(1)?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = path_in(fields.next()?);
    let options = String::from_utf8_lossy(fields.next()?).into_owned();
    Some(Mount { id, path, device, kind, source, options })
}

/// Decodes spaces, tabs, newlines and backslashes, which are written as three octal digits.
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
        let expected = Mount {
            id: 99,
            path: PathBuf::from("/home/a b\\"),
            device: rustix::fs::makedev(0, 44),
            kind: MOUNT_TYPE.into(),
            source: PathBuf::from("/my repository"),
            options: "ro,user_id=0".into(),
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"1 2 x:y / /"), None);
    }

    #[test]
    fn the_owner_of_a_mount_is_known() {
        let of = |kind: &str, options: &str| {
            parse(format!("7 1 0:9 / /m rw - {kind} what {options}").as_bytes()).unwrap()
        };
        let own = "rw,user_id=1000,group_id=100";
        let sshfs = of("fuse.sshfs", &format!("{own},max_read=65536"));
        assert!(sshfs.is_private());
        assert_eq!(sshfs.owner(), Some((1000, 100)));
        assert!(!of("fuse.portal", &format!("{own},allow_other")).is_private());
        assert!(of("fuseblk", own).is_private() && of("fuse", own).is_private());
        assert!(!of("ext4", "rw").is_private() && of("ext4", "rw").owner().is_none());
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(mounts().unwrap().iter().any(|mount| mount.path.as_os_str() == "/"));
    }
}
