//! Mounts by handle. Root also mounts in folders of other users. They may replace any folder on the way by a
//! link; no link is followed.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder at an absolute path.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    walk(path, |above, name| Ok(openat(above, name, FOLDER, Mode::empty())?))
}

/// Opens the folder at an absolute path, and creates all missing folders.
pub(crate) fn make(path: &Path) -> io::Result<OwnedFd> {
    walk(path, |above, name| match openat(above, name, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => {
            match rustix::fs::mkdirat(above, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(openat(above, name, FOLDER, Mode::empty())?)
        }
        opened => Ok(opened?),
    })
}

fn walk(path: &Path, next: impl Fn(&OwnedFd, &OsStr) -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
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
            assert!(make(&path.join(linked)).is_err(), "{linked}");
        }
        make(&path.join("real/a/b")).unwrap();
        assert!(path.join("real/a/b").is_dir());
        assert!(!path.join("real/new").exists());
        assert!(open(Path::new("relative")).is_err());
    }
}
