use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_core::view::{Inodes, View};
use fuser::{BackgroundSession, Config, Filesystem, Session, SessionACL};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::filesystem::History;
use crate::handle::MountPoint;
use crate::mountpoint::{not_unmounted, unmount};
use crate::options::SUBTYPE;
use crate::watch::Watch;
use crate::{MountError, MountOptions, handle, read_ahead};

/// A mount that this process serves. Dropping it unmounts.
#[derive(Debug)]
pub struct Mount {
    /// The watch ends before the session.
    watch: Option<Watch>,
    session: BackgroundSession,
    point: Point,
}

/// A mounted path. Dropping it unmounts.
#[derive(Debug)]
struct Point(Option<Unmounter>);

/// Unmounts a mount of this process, even if folders above it were moved.
#[derive(Debug, Clone)]
pub struct Unmounter {
    path: PathBuf,
    /// Finds the mount even if folders above it are moved. `None` if fusermount3 has mounted it.
    point: Option<Arc<MountPoint>>,
}

impl Unmounter {
    /// Unmounts, as [`unmount`] does.
    pub fn unmount(&self, lazy: bool) -> Result<(), MountError> {
        let Some(point) = &self.point else { return unmount(&self.path, lazy) };
        point.unmount(lazy).map_err(|error| not_unmounted(&self.path, error))
    }
}

/// Mounts `view` at `path`, which [`crate::check_mountpoint`] must have checked. The mount is usable when
/// this returns.
pub fn mount(view: View, path: &Path, options: &MountOptions) -> Result<Mount, MountError> {
    let with_acls = options.config()?.acl != SessionACL::Owner;
    // The sources that the kernel may see before the watch starts.
    let known = view.sources();
    let mut view = view.for_mount();
    view.is_shared |= with_acls;
    let inodes = if options.has_short_numbers() { Inodes::with_short_numbers } else { Inodes::new };
    let inodes = Arc::new(inodes(view.clone()));
    let mut mount = serve(History::new(view.clone(), Arc::clone(&inodes), with_acls), path, options)?;
    let watch = Watch::start(view, inodes, known, mount.session.notifier());
    mount.watch = Some(watch.map_err(MountError::failed("watch for new snapshots of", path))?);
    Ok(mount)
}

/// Mounts any file system in the same way.
pub fn serve<F: Filesystem>(filesystem: F, path: &Path, options: &MountOptions) -> Result<Mount, MountError> {
    let config = options.config()?;
    let by_handle = if geteuid().is_root() { at_handle(path, options, &config) } else { Ok(None) };
    let (session, point) = by_handle
        .and_then(|mounted| match mounted {
            Some((device, point)) => {
                // A mount without a server would block every process that accesses it.
                let unmount = |_: &io::Error| drop(point.unmount(true));
                let session =
                    Session::from_fd(filesystem, device, config.acl, config).and_then(Session::spawn);
                Ok((session.inspect_err(unmount)?, Some(point)))
            }
            None => Ok((Session::new(filesystem, path, &config).and_then(Session::spawn)?, None)),
        })
        .map_err(|error| refused(&error, path))?;
    read_ahead::raise(path);
    let unmounter = Unmounter { path: path.to_owned(), point: point.map(Arc::new) };
    Ok(Mount { watch: None, session, point: Point(Some(unmounter)) })
}

/// Mounts as root; `None` if only fusermount3 can mount. Other users need no such protection: they could
/// replace links only in their own folders, and fusermount3 has only their rights.
fn at_handle(
    path: &Path,
    options: &MountOptions,
    config: &Config,
) -> io::Result<Option<(OwnedFd, MountPoint)>> {
    let folder = handle::open(path)?;
    let device = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let root_mode = rustix::fs::fstat(&folder)?.st_mode;
    let access = if config.acl == SessionACL::Owner { "" } else { ",allow_other,default_permissions" };
    let data = format!(
        "fd={},rootmode={root_mode:o},user_id={},group_id={},subtype={SUBTYPE}{access}",
        device.as_raw_fd(),
        rustix::process::getuid(),
        rustix::process::getgid(),
    );
    let flags = options.flags();
    match handle::mount(&folder, &options.device(), flags, &data) {
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => return Ok(None),
        mounted => mounted?,
    }
    let point = MountPoint::of(&folder).inspect_err(|_| {
        let _ = MountPoint::at(path).and_then(|point| point.unmount(true));
    })?;
    if !point.is_at(path).unwrap_or(false) {
        point.unmount(true)?;
        return Err(io::Error::other("somebody has moved it meanwhile"));
    }
    Ok(Some((device, point)))
}

fn refused(error: &io::Error, path: &Path) -> MountError {
    let reason = error.to_string();
    if reason.contains("user_allow_other") {
        return MountError::AllowOther;
    }
    let reason = reason.trim().trim_start_matches("fusermount3: ").replace('\n', "; ");
    let is_missing = reason.is_empty() || error.kind() == io::ErrorKind::NotFound;
    let hint = if is_missing { " (is the package fuse3 installed, and /dev/fuse there?)" } else { "" };
    MountError::Failed { action: "mount at", path: path.to_owned(), reason: format!("{reason}{hint}") }
}

impl Mount {
    /// A handle that unmounts from another thread.
    pub fn unmounter(&self) -> Option<Unmounter> {
        self.point.0.clone()
    }

    /// Serves until the mount is unmounted.
    pub fn wait(self) -> Result<(), MountError> {
        let Self { watch: _watch, session, mut point } = self;
        let ended = session.join();
        // Nothing is mounted there any more.
        let path = point.0.take().map(|left| left.path).unwrap_or_default();
        ended.map_err(MountError::failed("serve", path))
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        if let Some(point) = &self.0 {
            let _ = point.unmount(true);
        }
    }
}
