use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_core::platform::{self, Mount};
use rustix::io::Errno;

use crate::handle::{self, MountPoint};
use crate::{Created, MountError};

/// Removes the mounts of history at `path` whose servers have died, for example by SIGKILL. Returns whether
/// there were any. Mounts that are served and other file systems stay.
pub fn clear_stale(path: &Path) -> Result<bool, MountError> {
    let absolute = resolve(path).map_err(MountError::failed("mount at", path))?;
    let mut any = false;
    while is_mounted(&absolute)? && is_dead(&absolute) {
        // Lazy, because a process may still have its working directory there.
        unmount(path, true)?;
        any = true;
    }
    Ok(any)
}

/// Whether the mount at `path` has no server. Uses statfs, because the kernel may answer a request for
/// attributes from its cache.
fn is_dead(path: &Path) -> bool {
    matches!(rustix::fs::statvfs(path), Err(Errno::NOTCONN))
}

/// Checks that history can be mounted at `path`, and returns its absolute path. `path` must not be inside of
/// a directory in `forbidden`, which gives each a name for messages. If `created` is given, missing folders
/// are created and recorded there.
pub fn check_mountpoint(
    path: &Path,
    forbidden: &[(&'static str, &Path)],
    created: Option<&mut Created>,
) -> Result<PathBuf, MountError> {
    let absolute = resolve(path).map_err(MountError::failed("mount at", path))?;
    if is_mounted(&absolute)? {
        return Err(MountError::AlreadyMounted(path.to_owned()));
    }
    for (what, of) in forbidden {
        if resolve(of).is_ok_and(|of| absolute.starts_with(of)) {
            return Err(MountError::Inside { path: path.to_owned(), what, of: of.to_path_buf() });
        }
    }
    match fs::read_dir(&absolute).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(MountError::NotEmpty(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let created = created.ok_or_else(|| MountError::Missing(path.to_owned()))?;
            handle::make(&absolute, created).map_err(MountError::failed("create mount point", path))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(MountError::NotADirectory(path.to_owned()));
        }
        Err(error) => return Err(MountError::failed("mount at", path)(error)),
    }
    Ok(absolute)
}

/// Whether a history is visible at `path`, which must be spelled as in the kernel's list of mounts.
fn is_mounted(path: &Path) -> Result<bool, MountError> {
    let mounts = platform::mounts().map_err(MountError::failed("read the mounts for", path))?;
    Ok(mounts.iter().rev().find(|mount| mount.path == path).is_some_and(Mount::is_history))
}

/// The absolute path without symbolic links. The path need not exist, and the server of a mount there may
/// have died.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    if let Ok(path) = fs::canonicalize(&path) {
        return Ok(path);
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(resolve(parent)?.join(name)),
        _ => Ok(path),
    }
}

/// Unmounts the history at `path`. If `lazy`, a busy mount is detached: it is hidden at once, and ends when
/// its last user is done.
pub fn unmount(path: &Path, lazy: bool) -> Result<(), MountError> {
    let absolute = resolve(path).map_err(MountError::failed("unmount", path))?;
    if !is_mounted(&absolute)? {
        return Err(MountError::NotMounted(path.to_owned()));
    }
    match MountPoint::at(&absolute).and_then(|point| point.unmount(lazy)) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::PERM) => {
            unmount_as_user(path, &absolute, lazy)
        }
        unmounted => unmounted.map_err(|error| not_unmounted(path, error)),
    }
}

/// The reason why the kernel did not unmount.
pub(crate) fn not_unmounted(path: &Path, error: io::Error) -> MountError {
    match Errno::from_io_error(&error) {
        // Nothing is mounted there any more.
        Some(Errno::INVAL) => MountError::NotMounted(path.to_owned()),
        Some(Errno::BUSY) => MountError::Busy(path.to_owned()),
        _ => MountError::failed("unmount", path)(error),
    }
}

/// Unmounts through fusermount3, which is set-user-id root. Only root may call umount(2).
fn unmount_as_user(path: &Path, absolute: &Path, lazy: bool) -> Result<(), MountError> {
    let failed = |reason| MountError::Failed { action: "unmount", path: path.to_owned(), reason };
    let mut command = Command::new("fusermount3");
    command.arg("-u").args(lazy.then_some("-z")).arg("--").arg(absolute).env("LC_ALL", "C");
    let output = command
        .output()
        .map_err(|error| failed(format!("cannot run fusermount3 (package fuse3): {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(if reason.contains("busy") { MountError::Busy(path.to_owned()) } else { failed(reason) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unfit_mount_point_has_its_error() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("empty")).unwrap();
        let mut created = Created::default();
        let mut check = |path: &Path, create: bool| {
            let created = create.then_some(&mut created);
            check_mountpoint(path, &[("the source", &at("source"))], created)
        };
        assert!(matches!(check(&at("file"), false), Err(MountError::NotADirectory(_))));
        assert!(matches!(check(&at("none"), false), Err(MountError::Missing(_))));
        assert!(matches!(check(directory.path(), false), Err(MountError::NotEmpty(_))));
        assert!(check(&at("empty"), false).is_ok());
        // These paths are inside, although they do not exist yet, or contain a detour.
        assert!(matches!(check(&at("source/below"), true), Err(MountError::Inside { .. })));
        assert!(matches!(check(&at("empty/../source"), true), Err(MountError::Inside { .. })));
        assert!(check(&at("new/below"), true).is_ok());
        assert!(at("new/below").is_dir());
    }
}
