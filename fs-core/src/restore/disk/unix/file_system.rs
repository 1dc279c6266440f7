//! Known properties of a folder's file system, for predictions that a dry run cannot try.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, fstatfs, ioctl_getflags, statx};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::Folder;
use super::foresight::Shown;
use super::plain::Plain;
use super::rights::{CAP_FOWNER, Rights};

/// Types of file systems, as `statfs` returns them (linux/magic.h).
const FAT: u64 = 0x4d44;
const EXFAT: u64 = 0x2011_bab0;
const FUSE: u64 = 0x6573_5546;
const EXT: u64 = 0xef53;
const BTRFS: u64 = 0x9123_683e;

/// `FS_CASEFOLD_FL`: names in the folder, and in new folders below it, are compared without case.
const CASEFOLD: u32 = 0x4000_0000;

/// Properties of a folder's file system.
#[derive(Debug, Default)]
pub(in crate::restore) struct FileSystem {
    pub(super) plain: Option<Plain>,
    is_folded: bool,
    /// Maximum number of hard links of a file; 0 if unknown.
    pub(super) most_links: u64,
    /// Device and mount. Hard links cannot cross either.
    pub(super) mount: (u64, u64),
    shown: Mutex<Shown>,
}

impl FileSystem {
    /// Cached results of trials on unnamed files.
    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may treat different names as one.
    pub(in crate::restore) fn folds(&self) -> bool {
        self.is_folded || self.plain.is_some()
    }

    /// The form in which the file system compares names: equal forms are one name.
    pub(in crate::restore) fn fold(&self, name: &CStr) -> Vec<u8> {
        let name = name.to_bytes();
        match (self.plain, str::from_utf8(name)) {
            (Some(plain), _) => plain.fold(name),
            (None, Ok(text)) if self.is_folded => {
                let folded = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
                folded.collect::<String>().into_bytes()
            }
            _ => name.to_vec(),
        }
    }

    /// Fails if no entry can have this name.
    pub(in crate::restore) fn check_name(&self, name: &CStr) -> io::Result<()> {
        Ok(self.plain.map_or(Ok(()), |plain| plain.check_name(name.to_bytes()))?)
    }
}

impl Folder {
    /// Known properties of its file system.
    // Field types differ between architectures.
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
    pub(in crate::restore::disk) fn file_system(&self) -> FileSystem {
        let kind = fstatfs(self).map_or(0, |found| u64::from(found.f_type as u32));
        let found = statx(self, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
        let mount = found.map_or((0, 0), |found| {
            let device = rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor) as u64;
            (device, found.stx_mnt_id)
        });
        let plain = match kind {
            FAT => Some(Plain::Fat),
            EXFAT => Some(Plain::Exfat),
            FUSE => is_exfat(mount.0).then_some(Plain::ExfatFuse),
            _ => None,
        };
        // A FUSE server is never asked for flags.
        let flags = if kind == FUSE { None } else { ioctl_getflags(self).ok() };
        FileSystem {
            plain,
            is_folded: flags.is_some_and(|flags| flags.bits() & CASEFOLD != 0),
            most_links: match kind {
                EXT => 65_000,
                BTRFS => 65_535,
                _ => 0,
            },
            mount,
            shown: Mutex::default(),
        }
    }

    /// Whether anything has this name, as the file system compares names.
    pub(in crate::restore::disk) fn has(&self, name: &CStr) -> io::Result<bool> {
        match rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails if this entry, which is not a folder, cannot be replaced in a writable folder.
    pub(in crate::restore::disk) fn check_replaceable(&self, name: &CStr) -> io::Result<()> {
        const STICKY: u16 = 0o1000;
        let folder = statx(self, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        let entry = statx(self, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
        let user = geteuid().as_raw();
        let is_own = entry.stx_uid == user || folder.stx_uid == user || Rights::own().may(CAP_FOWNER);
        let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
        if (folder.stx_mode & STICKY != 0 && !is_own) || entry.stx_attributes.intersects(fixed) {
            return Err(Errno::PERM.into());
        }
        if entry.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            return Err(Errno::BUSY.into());
        }
        Ok(())
    }
}

/// Whether the device behind a FUSE file system holds exFAT. The list of mounts shows exfat-fuse only as
/// `fuseblk`.
fn is_exfat(device: u64) -> bool {
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let source = mounts.lines().find_map(|line| {
        let (point, described) = line.split_once(" - ")?;
        let source = described.strip_prefix("fuseblk ")?.split(' ').next()?;
        (point.split(' ').nth(2) == Some(&number)).then_some(source)
    });
    let mut begin = [0; 11];
    let read = source.map(|source| File::open(source).and_then(|mut device| device.read_exact(&mut begin)));
    matches!(read, Some(Ok(()))) && begin[3..] == *b"EXFAT   "
}
