//! What tells a file system from others. The device number does not: at a reboot another file system may have it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor, statvfs};

/// Where udev names block devices by the UUIDs of their file systems.
const BY_UUID: &str = "/dev/disk/by-uuid";
/// More entries than that are not looked at.
const MAX_DEVICES: usize = 4096;
/// The longest name that is kept there.
const MAX_UUID: usize = 48;

/// The identities of file systems by their device numbers, each looked up once.
#[derive(Debug, Default)]
pub(super) struct FileSystems(HashMap<u64, Box<[u8]>>);

impl FileSystems {
    /// The identity of the file system `device`, in which `folder` is; empty when nothing lasting tells.
    pub(super) fn identity(&mut self, folder: &Path, device: u64) -> Box<[u8]> {
        let find = || uuid(device).or_else(|| fsid(folder, device)).unwrap_or_default();
        self.0.entry(device).or_insert_with(find).clone()
    }
}

fn uuid(device: u64) -> Option<Box<[u8]>> {
    let mut names = fs::read_dir(BY_UUID).ok()?.flatten().take(MAX_DEVICES);
    let is_it = |entry: &fs::DirEntry| {
        fs::metadata(entry.path()).is_ok_and(|metadata| metadata.rdev() == device)
            && entry.file_name().len() <= MAX_UUID
    };
    let name = names.find(is_it)?.file_name();
    Some([b"uuid ", name.as_bytes()].concat().into())
}

/// Of network file systems it is 0. Some (XFS, FAT) give the number of their device.
fn fsid(folder: &Path, device: u64) -> Option<Box<[u8]>> {
    let fsid = statvfs(folder).ok()?.f_fsid;
    (fsid != 0 && fsid != encoded(device)).then(|| format!("fsid {fsid:x}").into_bytes().into())
}

/// A device number as the kernel writes it into an fsid.
fn encoded(device: u64) -> u64 {
    let (major, minor) = (u64::from(major(device)), u64::from(minor(device)));
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// Whether two identities, of one kind, are those of two file systems.
pub(crate) fn are_two(one: &[u8], other: &[u8]) -> bool {
    one != other && !one.is_empty() && !other.is_empty() && one.get(..5) == other.get(..5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_one_identity() {
        let directory = tempfile::tempdir().unwrap();
        let device = fs::metadata(directory.path()).unwrap().dev();
        let mut known = FileSystems::default();
        let first = known.identity(directory.path(), device);
        assert_eq!(known.identity(directory.path(), device), first);
        assert_eq!(FileSystems::default().identity(directory.path(), device), first);
        assert!(first.len() <= 64);
    }

    #[test]
    fn only_identities_of_one_kind_are_compared() {
        assert!(are_two(b"fsid 1", b"fsid 2"));
        for (one, other) in
            [(&b"fsid 1"[..], &b"fsid 1"[..]), (b"", b"fsid 1"), (b"uuid 1", b"fsid 1"), (b"", b"")]
        {
            assert!(!are_two(one, other) && !are_two(other, one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_kernels_way_to_write_a_device() {
        assert_eq!(encoded(rustix::fs::makedev(8, 1)), 0x801);
        assert_eq!(encoded(rustix::fs::makedev(253, 0x1234)), 0x0120_fd34);
    }
}
