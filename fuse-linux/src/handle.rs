//! Mounts by handle. Root also mounts in folders of other users, who may replace any folder of the path by a
//! link. No link is followed.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder at an absolute path.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    walk(path, |above, name| Ok(openat(above, name, FOLDER, Mode::empty())?))
}

/// Folders that were created for a mount point. Dropping this removes them, except those that are not empty.
#[derive(Debug, Default)]
pub struct Created(Vec<(OwnedFd, OsString)>);

impl Drop for Created {
    fn drop(&mut self) {
        for (above, name) in self.0.iter().rev() {
            if unlinkat(above, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }
}

/// Opens the folder at an absolute path. Creates all missing folders.
pub(crate) fn make(path: &Path, created: &mut Created) -> io::Result<OwnedFd> {
    walk(path, |above, name| match openat(above, name, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => {
            let held = above.try_clone()?;
            match rustix::fs::mkdirat(above, name, Mode::from_raw_mode(0o777)) {
                Ok(()) => created.0.push((held, name.to_owned())),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(openat(above, name, FOLDER, Mode::empty())?)
        }
        opened => Ok(opened?),
    })
}

fn walk(path: &Path, mut next: impl FnMut(&OwnedFd, &OsStr) -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    let root = openat(CWD, "/", FOLDER, Mode::empty())?;
    path.components().try_fold(root, |above, component| match component {
        Component::RootDir => Ok(above),
        Component::Normal(name) => next(&above, name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    })
}

/// Mounts at this folder, wherever its path leads now. `data` holds the options for FUSE.
pub(crate) fn mount(point: &OwnedFd, device: &str, flags: MountFlags, data: &str) -> io::Result<()> {
    let options = CString::new(data)?;
    Ok(rustix::mount::mount(device, path_of(point), "fuse", flags, Some(options.as_c_str()))?)
}

/// A mount point, kept as a handle on the folder above it and the name in that folder. A handle on the mount
/// itself would keep it busy.
#[derive(Debug)]
pub(crate) struct MountPoint {
    above: OwnedFd,
    name: OsString,
}

impl MountPoint {
    /// The mount point at an absolute path.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok(Self { above: open(above)?, name: name.to_owned() })
    }

    /// The mount point at an open folder. While something is mounted there, the folder cannot be renamed.
    /// Only folders above it can.
    pub(crate) fn of(point: &OwnedFd) -> io::Result<Self> {
        let path = std::fs::read_link(path_of(point))?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        Ok(Self { above: openat(point, "..", FOLDER, Mode::empty())?, name })
    }

    /// Whether the mount point is the folder at this absolute path.
    pub(crate) fn is_at(&self, path: &Path) -> io::Result<bool> {
        let there = Self::at(path)?;
        let (here, there_above) = (rustix::fs::fstat(&self.above)?, rustix::fs::fstat(&there.above)?);
        let is_same = (here.st_dev, here.st_ino) == (there_above.st_dev, there_above.st_ino);
        // Some file systems ignore case. The kernel reports the name as it is stored.
        let folded = |name: &OsStr| name.to_string_lossy().to_lowercase();
        Ok(is_same && folded(&self.name) == folded(&there.name))
    }

    /// Unmounts the mount there. If `lazy`, a busy mount is detached.
    pub(crate) fn unmount(&self, lazy: bool) -> io::Result<()> {
        let flags = if lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
        let target = path_of(&self.above).join(&self.name);
        Ok(rustix::mount::unmount(target, flags | UnmountFlags::NOFOLLOW)?)
    }
}

fn path_of(handle: &OwnedFd) -> PathBuf {
    Path::new("/proc/self/fd").join(handle.as_raw_fd().to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        fs::create_dir_all(path.join("real/below")).unwrap();
        symlink("real", path.join("link")).unwrap();
        assert!(open(&path.join("real/below")).is_ok());
        for linked in ["link", "link/below", "link/new", "real/../link"] {
            assert!(open(&path.join(linked)).is_err(), "{linked}");
            assert!(make(&path.join(linked), &mut Created::default()).is_err(), "{linked}");
        }
        let mut created = Created::default();
        make(&path.join("real/a/b"), &mut created).unwrap();
        assert!(path.join("real/a/b").is_dir());
        assert!(!path.join("real/new").exists());
        assert!(open(Path::new("relative")).is_err());
    }

    #[test]
    fn a_folder_that_was_moved_is_found_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        fs::create_dir_all(path.join("home/mnt")).unwrap();
        let point = open(&path.join("home/mnt")).unwrap();
        assert!(MountPoint::of(&point).unwrap().is_at(&path.join("home/mnt")).unwrap());
        fs::rename(path.join("home/mnt"), path.join("home/moved")).unwrap();
        fs::create_dir(path.join("home/mnt")).unwrap();
        let point = MountPoint::of(&point).unwrap();
        assert!(!point.is_at(&path.join("home/mnt")).unwrap());
        assert!(point.is_at(&path.join("home/moved")).unwrap());
        fs::rename(path.join("home"), path.join("away")).unwrap();
        assert!(point.is_at(&path.join("home/moved")).is_err());
        assert!(point.is_at(&path.join("away/moved")).unwrap());
    }

    #[test]
    fn what_was_created_is_removed_where_it_is_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let at = |name: &str| path.join(name);
        let making = |name: &str| {
            let mut created = Created::default();
            make(&at(name), &mut created).unwrap();
            created
        };
        fs::create_dir_all(at("there")).unwrap();
        drop(making("there/a/b"));
        assert!(at("there").is_dir() && !at("there/a").exists());
        // Folders that existed before, or that are not empty, stay.
        drop(making("there"));
        assert!(at("there").is_dir());
        let created = making("there/a/b");
        fs::write(at("there/a/file"), "").unwrap();
        drop(created);
        assert!(at("there/a/file").exists() && !at("there/a/b").exists());
        // A link that replaced a created folder is not followed.
        fs::create_dir_all(at("victim/d")).unwrap();
        let created = making("there/c/d");
        fs::rename(at("there/c"), at("there/moved")).unwrap();
        symlink(at("victim"), at("there/c")).unwrap();
        drop(created);
        assert!(at("victim/d").is_dir() && !at("there/moved/d").exists());
    }
}
