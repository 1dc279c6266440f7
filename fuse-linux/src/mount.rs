use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fs_core::view::{Inodes, View};
use fuser::{BackgroundSession, Filesystem, Session, SessionACL};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use crate::filesystem::History;
use crate::mountpoint::{is_mounted, resolve};
use crate::options::InodeBits;
use crate::watch::Watch;
use crate::{MountError, MountOptions, read_ahead};

/// A mount that this process serves. Dropping it unmounts.
#[derive(Debug)]
pub struct Mount {
    /// Ends before the session does.
    watch: Option<Watch>,
    session: BackgroundSession,
    path: PathBuf,
}

/// Mounts `view` at `path`, which [`crate::check_mountpoint`] has found fit. It can be used when this returns.
pub fn mount(view: View, path: &Path, options: &MountOptions) -> Result<Mount, MountError> {
    let with_acls = options.config()?.acl != SessionACL::Owner;
    // What the kernel may have seen before it is watched.
    let known = view.sources();
    let view = if with_acls { view.for_many_users() } else { view };
    let inodes = Arc::new(match options.inode_bits() {
        InodeBits::Short => Inodes::with_short_numbers(view.clone()),
        InodeBits::Long => Inodes::new(view.clone()),
    });
    let mut mount = serve(History::new(view.clone(), Arc::clone(&inodes), with_acls), path, options)?;
    let watch = Watch::start(view, inodes, known, mount.session.notifier());
    mount.watch = Some(watch.map_err(MountError::failed("watch for new snapshots of", path))?);
    Ok(mount)
}

/// Mounts any file system in the same way.
pub fn serve<F: Filesystem>(filesystem: F, path: &Path, options: &MountOptions) -> Result<Mount, MountError> {
    let session = Session::new(filesystem, path, &options.config()?)
        .and_then(Session::spawn)
        .map_err(|error| refused(&error, path))?;
    read_ahead::raise(path);
    Ok(Mount { watch: None, session, path: path.to_owned() })
}

fn refused(error: &io::Error, path: &Path) -> MountError {
    let reason = error.to_string();
    if reason.contains("user_allow_other") {
        return MountError::AllowOther;
    }
    let reason = reason.trim().trim_start_matches("fusermount3: ").replace('\n', "; ");
    let hint = if reason.is_empty() || error.kind() == io::ErrorKind::NotFound {
        " (is the package fuse3 installed, and /dev/fuse there?)"
    } else {
        ""
    };
    MountError::Failed { action: "mount at", path: path.to_owned(), reason: format!("{reason}{hint}") }
}

impl Mount {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves it until somebody unmounts it.
    pub fn wait(self) -> Result<(), MountError> {
        let path = self.path;
        self.session.join().map_err(MountError::failed("serve", path))
    }
}

/// Unmounts the history at `path`; if `lazy`, also while it is used: it goes from sight at once, and for those who
/// use it when they are done.
pub fn unmount(path: &Path, lazy: bool) -> Result<(), MountError> {
    let absolute = resolve(path).map_err(MountError::failed("unmount", path))?;
    if !is_mounted(&absolute)? {
        return Err(MountError::NotMounted(path.to_owned()));
    }
    let flags = if lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match rustix::mount::unmount(&absolute, flags) {
        Ok(()) => Ok(()),
        Err(Errno::BUSY) => Err(MountError::Busy(path.to_owned())),
        Err(Errno::PERM) => unmount_as_user(path, &absolute, lazy),
        Err(error) => Err(MountError::failed("unmount", path)(error.into())),
    }
}

/// Only root may call umount(2); fusermount3 is set-user-id root for everybody else.
fn unmount_as_user(path: &Path, absolute: &Path, lazy: bool) -> Result<(), MountError> {
    let mut command = Command::new("fusermount3");
    command.arg("-u").args(lazy.then_some("-z")).arg("--").arg(absolute).env("LC_ALL", "C");
    let output = command.output().map_err(|error| MountError::Failed {
        action: "unmount",
        path: path.to_owned(),
        reason: format!("cannot run fusermount3 (package fuse3): {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    if reason.contains("busy") {
        return Err(MountError::Busy(path.to_owned()));
    }
    Err(MountError::Failed { action: "unmount", path: path.to_owned(), reason })
}
