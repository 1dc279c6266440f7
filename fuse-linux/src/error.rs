use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The reason why a mount or unmount failed, as a message to the user.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MountError {
    /// The mount point does not exist.
    #[error("mount point {} does not exist; create it first (mkdir)", .0.display())]
    Missing(PathBuf),
    /// The mount point is a file.
    #[error("mount point {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The mount point has content, which the mount would hide.
    #[error("mount point {} is not empty; choose an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// A history is already mounted there.
    #[error("{} is already mounted; `yester unmount` it first", .0.display())]
    AlreadyMounted(PathBuf),
    /// The mount would show itself, or hide what it shows.
    #[error("mount point {} is inside {what} {}; choose one outside", path.display(), of.display())]
    Inside {
        /// The mount point.
        path: PathBuf,
        /// The folder around it, such as "the repository".
        what: &'static str,
        /// Path of that folder.
        of: PathBuf,
    },
    /// No history is mounted there.
    #[error("{} is not a mount of yester", .0.display())]
    NotMounted(PathBuf),
    /// Processes use the mount.
    #[error("{} is busy: close the files and leave the directories in it (or unmount with --lazy)", .0.display())]
    Busy(PathBuf),
    /// The mount option is unknown.
    #[error(
        "unknown mount option {0:?}; beside those in `yester mount --help` known are ro, exec, noexec, suid, nosuid, dev, nodev, atime, noatime"
    )]
    Option(String),
    /// `/etc/fuse.conf` does not permit `allow_other`.
    #[error("allow_other is only for root unless /etc/fuse.conf has a line user_allow_other")]
    AllowOther,
    /// The kernel or fusermount3 refused.
    #[error("cannot {action} {}: {reason}", path.display())]
    Failed {
        /// `mount` or `unmount`.
        action: &'static str,
        /// The mount point.
        path: PathBuf,
        /// The message of the kernel or of fusermount3.
        reason: String,
    },
}

impl MountError {
    pub(crate) fn failed(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| MountError::Failed { action, path, reason: error.to_string() }
    }
}
