//! Known properties of a folder's file system, for predictions that a dry run cannot try.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, ioctl_getflags, statx};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::Folder;
use super::fat::Fat;
use super::prediction::Trials;
use crate::platform;
use crate::platform::credentials::{CAP_FOWNER, Credentials};
use crate::platform::file_system::{BTRFS, EXFAT, EXT, FAT, FUSE, type_of};

/// `FS_CASEFOLD_FL`: names in the folder, and in new folders below it, are compared without case.
const CASEFOLD: u32 = 0x4000_0000;

/// Properties of a folder's file system.
#[derive(Debug, Default)]
pub(crate) struct FileSystem {
    pub(super) fat: Option<Fat>,
    is_folded: bool,
    /// Maximum number of hard links of a file; 0 if unknown.
    pub(super) most_links: u64,
    /// Device and mount. Hard links cannot cross either.
    pub(super) mount: (u64, u64),
    trials: Mutex<Trials>,
}

impl FileSystem {
    /// Results of trials on unnamed files.
    pub(super) fn trials(&self) -> MutexGuard<'_, Trials> {
        self.trials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may treat different names as one.
    pub(crate) fn folds(&self) -> bool {
        self.is_folded || self.fat.is_some()
    }

    /// The form in which the file system compares names: equal forms are one name.
    pub(crate) fn fold(&self, name: &CStr) -> Vec<u8> {
        let name = name.to_bytes();
        match (self.fat, str::from_utf8(name)) {
            (Some(fat), _) => fat.fold(name),
            (None, Ok(text)) if self.is_folded => {
                let folded = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
                folded.collect::<String>().into_bytes()
            }
            _ => name.to_vec(),
        }
    }

    /// Fails if no entry can have this name.
    pub(crate) fn check_name(&self, name: &CStr) -> io::Result<()> {
        Ok(self.fat.map_or(Ok(()), |fat| fat.check_name(name.to_bytes()))?)
    }
}

impl Folder {
    /// Known properties of its file system.
    // Field types differ between architectures.
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
    pub(crate) fn file_system(&self) -> FileSystem {
        let kind = type_of(self).unwrap_or_default();
        let found = statx(self, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
        let mount = found.map_or((0, 0), |found| {
            let device = rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor) as u64;
            (device, found.stx_mnt_id)
        });
        let fat = match kind {
            FAT => Some(Fat::Vfat),
            EXFAT => Some(Fat::Exfat),
            FUSE => is_exfat(mount.0).then_some(Fat::ExfatFuse),
            _ => None,
        };
        // A FUSE server is never asked for flags.
        let flags = if kind == FUSE { None } else { ioctl_getflags(self).ok() };
        FileSystem {
            fat,
            is_folded: flags.is_some_and(|flags| flags.bits() & CASEFOLD != 0),
            most_links: match kind {
                EXT => 65_000,
                BTRFS => 65_535,
                _ => 0,
            },
            mount,
            trials: Mutex::default(),
        }
    }

    /// Whether anything has this name, as the file system compares names.
    pub(crate) fn has(&self, name: &CStr) -> io::Result<bool> {
        match rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails if this entry, which is not a folder, cannot be replaced in a writable folder.
    pub(crate) fn check_replaceable(&self, name: &CStr) -> io::Result<()> {
        const STICKY: u16 = 0o1000;
        let folder = statx(self, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        let entry = statx(self, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
        let user = geteuid().as_raw();
        let is_own = entry.stx_uid == user || folder.stx_uid == user || Credentials::own().may(CAP_FOWNER);
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
    let mounts = platform::mounts().unwrap_or_default();
    let source = mounts.iter().find(|mount| mount.device == device && mount.kind == "fuseblk");
    let mut begin = [0; 11];
    let read =
        source.map(|mount| File::open(&mount.source).and_then(|mut device| device.read_exact(&mut begin)));
    matches!(read, Some(Ok(()))) && begin[3..] == *b"EXFAT   "
}
