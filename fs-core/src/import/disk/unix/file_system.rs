//! Identifies a directory's file system, reads its clock, and knows whether its inode numbers are stable.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Mode, OFlags};

use super::{Directory, convert};
use crate::clock::Clock;
use crate::format::{MAX_FILE_SYSTEM, Time};
use crate::platform::file_system::{BTRFS, CIFS, EXFAT, EXT, FAT, FUSE, SMB2, type_of};

/// udev's links to block devices, named by the UUIDs of their file systems.
const BY_UUID: &str = "/dev/disk/by-uuid";
/// Upper bound on the links examined in [`BY_UUID`].
const MAX_DEVICES: usize = 4096;
/// File systems that this kernel stamps with its own clock: ext, XFS, btrfs, tmpfs, ZFS, F2FS, bcachefs,
/// overlay.
const LOCAL: [u64; 8] =
    [EXT, 0x5846_5342, BTRFS, 0x0102_1994, 0x2fc1_2fc1, 0xf2f5_2010, 0xca45_1a4e, 0x794c_7630];
/// Read-only images: squashfs, ISO 9660, cramfs, romfs, EROFS. Their ctimes are the files' mtimes. Nothing
/// distinguishes an image from the next image of the same tree.
const IMAGES: [u64; 5] = [0x7371_7368, 0x9660, 0x28cd_3d45, 0x7275, 0xe0f5_e1e2];
/// File systems that assign inode numbers on the fly.
const WITHOUT_INODES: [u64; 3] = [FAT, EXFAT, FUSE];

impl Directory {
    /// Identity of the directory's file system on `device`, at most [`MAX_FILE_SYSTEM`] bytes. It survives a
    /// reboot if possible.
    pub(in crate::import) fn file_system(&self, device: u64) -> Box<[u8]> {
        let fsid = rustix::fs::fstatvfs(&self.0).ok().map(|stats| stats.f_fsid);
        lasting_identity(device, fsid)
            .or_else(|| remote(device))
            .unwrap_or_else(|| within_limit(&format!("boot {} {device:x}", boot_id())))
    }

    /// Whether files of the directory's file system keep their inode numbers.
    pub(in crate::import) fn keeps_inodes(&self, device: u64) -> bool {
        match type_of(&self.0) {
            Some(CIFS | SMB2) => mount(device)
                .is_none_or(|mount| !mount.options.split(',').any(|option| option == "noserverino")),
            Some(magic) => !WITHOUT_INODES.contains(&magic),
            None => true,
        }
    }

    /// Whether every change of a file changes its ctime.
    pub(in crate::import) fn keeps_ctimes(&self) -> bool {
        type_of(&self.0).is_none_or(|magic| !IMAGES.contains(&magic))
    }

    /// Time of the file system's clock. For a local one it is the system's time. Otherwise it is the ctime of
    /// a file created there without a name; `None` if that fails.
    pub(in crate::import) fn clock(&self, system: &dyn Clock) -> Option<Time> {
        // On a frozen file system, creating a file would block for ever.
        if type_of(&self.0).is_some_and(|magic| LOCAL.contains(&magic)) {
            return Some(system.now().into());
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, c".", flags, Mode::RUSR | Mode::WUSR).ok()?;
        Some(convert(&rustix::fs::fstat(file.as_fd()).ok()?).ctime)
    }
}

/// Lasting identity of the file system on `device` with this `f_fsid`: its UUID, or else its fsid. `None` if
/// it has neither.
pub(in crate::import) fn lasting_identity(device: u64, fsid: Option<u64>) -> Option<Box<[u8]>> {
    uuid(device).or_else(|| {
        // The fsid of a network file system is 0. For XFS and FAT it is the device number, which may belong
        // to another file system after a reboot.
        let fsid = fsid.filter(|fsid| *fsid != 0 && *fsid != encoded(device))?;
        Some(within_limit(&format!("fsid {fsid:x}")))
    })
}

fn within_limit(identity: &str) -> Box<[u8]> {
    let bytes = identity.as_bytes();
    if bytes.len() <= MAX_FILE_SYSTEM {
        bytes.into()
    } else {
        blake3::hash(bytes).as_bytes().as_slice().into()
    }
}

/// UUID of the file system on a disk.
fn uuid(device: u64) -> Option<Box<[u8]>> {
    let mut named = fs::read_dir(BY_UUID).ok()?.flatten().take(MAX_DEVICES);
    let found =
        named.find(|entry| fs::metadata(entry.path()).is_ok_and(|disk| disk.rdev() == device))?.file_name();
    Some(within_limit(&format!("uuid {}", found.to_string_lossy())))
}

/// A device number as the kernel encodes it in an fsid.
fn encoded(device: u64) -> u64 {
    let (major, minor) = (u64::from(rustix::fs::major(device)), u64::from(rustix::fs::minor(device)));
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// Identity of a remote file system: its server and export.
fn remote(device: u64) -> Option<Box<[u8]>> {
    const TYPES: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph"];
    let mount = mount(device)?;
    let is_remote = TYPES.contains(&&*mount.kind) || mount.kind.starts_with("fuse");
    is_remote.then(|| within_limit(&format!("mount {} {}", mount.kind, mount.source)))
}

/// A mounted file system in mountinfo (proc_pid_mountinfo(5)).
struct Mount {
    kind: String,
    source: String,
    options: String,
}

fn mount(device: u64) -> Option<Mount> {
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&number))?;
    let mut fields = line.split_once(" - ")?.1.split(' ').map(str::to_owned);
    Some(Mount { kind: fields.next()?, source: fields.next()?, options: fields.next()? })
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_file_system_is_known_again() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let identity = |path| {
            let directory = Directory::open(path).unwrap();
            directory.file_system(directory.stat_self().unwrap().id.0)
        };
        assert_eq!(identity(one.path()), identity(other.path()));
        assert_ne!(identity(one.path()), identity(std::path::Path::new("/proc")));
        assert!(identity(one.path()).len() <= MAX_FILE_SYSTEM);
    }

    #[test]
    fn a_clock_is_read_without_a_trace() {
        let directory = tempfile::tempdir().unwrap();
        let opened = Directory::open(directory.path()).unwrap();
        let before = opened.stat_self().unwrap();
        let Some(clock) = opened.clock(&SystemClock) else { return };
        // Time stamps advance in steps of some milliseconds; those of the newest kernels are finer.
        assert!(clock.secs() >= before.ctime.secs());
        assert_eq!(opened.stat_self().unwrap(), before);
        assert_eq!(opened.names().0.len(), 0);
    }

    #[test]
    fn the_kernels_way_to_write_a_device() {
        assert_eq!(encoded(rustix::fs::makedev(8, 1)), 0x801);
        assert_eq!(encoded(rustix::fs::makedev(253, 0x1234)), 0x0120_fd34);
    }

    #[test]
    fn memory_keeps_inode_numbers() {
        let directory = Directory::open(std::path::Path::new("/proc")).unwrap();
        assert!(directory.keeps_inodes(directory.stat_self().unwrap().id.0));
    }
}
