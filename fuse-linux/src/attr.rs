use std::time::UNIX_EPOCH;

use fs_core::view::{Attr, FileKind};
use fuser::{FileAttr, FileType, INodeNo};

/// A node's attributes under the inode number `ino`.
pub(crate) fn file_attr(attr: &Attr, ino: u64) -> FileAttr {
    let mtime = attr.mtime.system_time().unwrap_or(UNIX_EPOCH);
    FileAttr {
        ino: INodeNo(ino),
        size: attr.mounted_size(),
        blocks: attr.blocks,
        atime: mtime,
        mtime,
        ctime: mtime,
        crtime: mtime,
        kind: file_type(attr.kind),
        perm: attr.mode,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        rdev: device_number(attr.rdev),
        blksize: 4096,
        flags: 0,
    }
}

pub(crate) fn file_type(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::RegularFile,
        FileKind::Directory => FileType::Directory,
        FileKind::Symlink => FileType::Symlink,
        FileKind::CharDevice => FileType::CharDevice,
        FileKind::BlockDevice => FileType::BlockDevice,
        FileKind::Fifo => FileType::NamedPipe,
        FileKind::Socket => FileType::Socket,
    }
}

/// The device number in the kernel's 32-bit form, which FUSE uses (`new_encode_dev` of linux/kdev_t.h). The
/// 12 bits of major lie between the low 8 and the high 12 bits of minor.
fn device_number((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fs_core::format::Time;

    use super::*;

    #[test]
    fn times_before_1970_keep_their_fraction() {
        let time = Time::new(-2, 250_000_000).unwrap().system_time().unwrap();
        assert_eq!(UNIX_EPOCH.duration_since(time).unwrap(), Duration::from_millis(1750));
    }

    #[test]
    fn device_numbers_are_the_kernels() {
        assert_eq!(device_number((8, 1)), 0x801);
        assert_eq!(device_number((259, 0x12345)), 0x1231_0345);
    }
}
