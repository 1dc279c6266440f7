//! What the operating system says of itself: mounts, processes, and the credentials of this process. It
//! probes and decides nothing.

#[cfg(unix)]
pub(crate) mod credentials;
#[cfg(unix)]
pub(crate) mod file_system;
mod identity;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(unix)]
mod rsync;
#[cfg(unix)]
pub(crate) mod xattrs;

pub(crate) use identity::{host, user};
#[cfg(target_os = "linux")]
pub use mounts::{MOUNT_TYPE, Mount, mounts};
#[cfg(unix)]
pub(crate) use rsync::rsync_writer;

/// Always `None`: rsync's processes are not looked for here. A tree that Windows programs write to is never
/// quiescent as a whole.
#[cfg(not(unix))]
pub(crate) fn rsync_writer(_: &std::path::Path) -> Option<u32> {
    None
}
