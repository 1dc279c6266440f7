//! Types of file systems, as `statfs` returns them (linux/magic.h, and the file systems' own headers).

use std::os::fd::AsFd;

pub(crate) const BTRFS: u64 = 0x9123_683e;
pub(crate) const CIFS: u64 = 0xff53_4d42;
pub(crate) const EXFAT: u64 = 0x2011_bab0;
pub(crate) const EXT: u64 = 0xef53;
pub(crate) const FAT: u64 = 0x4d44;
pub(crate) const FUSE: u64 = 0x6573_5546;
pub(crate) const SMB2: u64 = 0xfe53_4d42;

/// The type of the file system that holds an open file.
// The field's type differs between architectures.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)]
pub(crate) fn type_of(file: impl AsFd) -> Option<u64> {
    Some(rustix::fs::fstatfs(file).ok()?.f_type as u64 & 0xffff_ffff)
}
