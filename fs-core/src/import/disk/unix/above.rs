//! The directories above a tree. A user who cannot pass them cannot see the tree on disk, whatever modes the
//! tree itself has.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, StatxFlags};
use rustix::io::Errno;

use super::Directory;
use crate::format::{Ancestor, MAX_ANCESTORS, acl};

/// Flags that open a directory only to pass through it, so it need not be readable.
const ABOVE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Stands for a directory that cannot be examined. It lets nobody pass.
const CLOSED: Ancestor = Ancestor { mode: 0, uid: 0, gid: 0, has_acl: true };

impl Directory {
    /// The directories above this one, root first, with the attributes that decide who may pass. A directory
    /// that cannot be examined counts as closed.
    pub(in crate::import) fn ancestors(&self) -> Vec<Ancestor> {
        let mut all = Vec::new();
        if let Err(error) = climb(self.0.as_fd(), &mut all) {
            log::info!("cannot examine the directories above the tree, so they count as closed: {error}");
            all.push(CLOSED);
        }
        all.reverse();
        all
    }
}

/// Follows `..`, because the path may lead elsewhere by now.
fn climb<'a>(tree: impl AsFd + 'a, all: &mut Vec<Ancestor>) -> io::Result<()> {
    let mut below = position(&tree)?;
    let mut directory = rustix::fs::openat(&tree, "..", ABOVE, Mode::empty())?;
    loop {
        let stat = rustix::fs::fstat(&directory)?;
        let here = position(&directory)?;
        // The root is its own parent.
        if here == below {
            return Ok(());
        }
        if all.len() + 1 == MAX_ANCESTORS {
            return Err(io::Error::other("there are too many"));
        }
        all.push(ancestor(&directory, &stat));
        below = here;
        directory = rustix::fs::openat(&directory, "..", ABOVE, Mode::empty())?;
    }
}

// The type of a mode differs between platforms.
#[allow(clippy::unnecessary_cast)]
fn ancestor(directory: &OwnedFd, stat: &Stat) -> Ancestor {
    let mode = (stat.st_mode & 0o7777) as u16;
    Ancestor { mode, uid: stat.st_uid, gid: stat.st_gid, has_acl: has_acl(directory) }
}

/// Whether the directory has an access control list, or may have one.
fn has_acl(directory: &OwnedFd) -> bool {
    // An `O_PATH` descriptor cannot read attributes itself.
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let read = rustix::fs::getxattr(path, acl::ACCESS, &mut [0_u8; 0][..]);
    !matches!(read, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Identifies a directory, and also its mount, in case it is mounted twice.
fn position(directory: impl AsFd) -> io::Result<(u64, u64, u64)> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let stat = rustix::fs::statx(directory, "", AtFlags::EMPTY_PATH, wanted)?;
    let device = u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor);
    Ok((device, stat.stx_ino, stat.stx_mnt_id))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn every_directory_above_is_recorded_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::set_permissions(path.join("a"), fs::Permissions::from_mode(0o2710)).unwrap();
        let all = Directory::open(&path.join("a/b")).unwrap().ancestors();
        let tree = path.join("a/b");
        let expected: Vec<u32> =
            tree.ancestors().skip(1).map(|above| fs::metadata(above).unwrap().mode() & 0o7777).collect();
        let modes: Vec<u32> = all.iter().rev().map(|above| above.mode.into()).collect();
        assert_eq!(modes, expected);
        assert!(all.iter().all(|above| !above.has_acl));
        assert!(Directory::open(std::path::Path::new("/")).unwrap().ancestors().is_empty());
    }
}
