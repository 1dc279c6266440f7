//! Mounts by handle. Root also mounts in folders of other users. They may replace any folder on the way by a
//! link; no link is followed.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder at an absolute path.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    walk(path, |above, name| Ok(openat(above, name, FOLDER, Mode::empty())?))
}

/// Folders that were created for a mount point. Dropped, they are removed again, except those that somebody
/// has filled.
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

/// Opens the folder at an absolute path, and creates all missing folders.
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

/// Mounts at this folder, whatever its path leads to by now. `data` holds the options for FUSE.
pub(crate) fn mount(point: &OwnedFd, device: &str, flags: MountFlags, data: &str) -> io::Result<()> {
    let target = format!("/proc/self/fd/{}", point.as_raw_fd());
    Ok(rustix::mount::mount(device, target, "fuse", flags, Some(CString::new(data)?.as_c_str()))?)
}

/// Unmounts what is mounted at an absolute path.
pub(crate) fn unmount(path: &Path, flags: UnmountFlags) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // A handle on the mount itself would keep it busy.
    let above = open(above)?;
    let target = Path::new("/proc/self/fd").join(above.as_raw_fd().to_string()).join(name);
    Ok(rustix::mount::unmount(target, flags | UnmountFlags::NOFOLLOW)?)
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
        // What was there, or is filled, stays.
        drop(making("there"));
        assert!(at("there").is_dir());
        let created = making("there/a/b");
        fs::write(at("there/a/file"), "").unwrap();
        drop(created);
        assert!(at("there/a/file").exists() && !at("there/a/b").exists());
        // A link that has taken its place leads nowhere.
        fs::create_dir_all(at("victim/d")).unwrap();
        let created = making("there/c/d");
        fs::rename(at("there/c"), at("there/moved")).unwrap();
        symlink(at("victim"), at("there/c")).unwrap();
        drop(created);
        assert!(at("victim/d").is_dir() && !at("there/moved/d").exists());
    }
}
