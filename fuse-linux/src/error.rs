use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a mount or unmount failed. The text is for its user.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MountError {
    /// There is no mount point.
    #[error("mount point {} does not exist; create it first (mkdir)", .0.display())]
    Missing(PathBuf),
    /// It is a file.
    #[error("mount point {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// It has content, which the mount would hide.
    #[error("mount point {} is not empty; choose an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// History is mounted there.
    #[error("{} is already mounted; `yester unmount` it first", .0.display())]
    AlreadyMounted(PathBuf),
    /// It would show itself, or be in the way of what it shows.
    #[error("mount point {} is inside {what} {}; choose one outside", path.display(), of.display())]
    Inside {
        /// The mount point.
        path: PathBuf,
        /// What it is inside, such as "the repository".
        what: &'static str,
        /// Where that is.
        of: PathBuf,
    },
    /// Nothing to unmount.
    #[error("{} is not a mount of yester", .0.display())]
    NotMounted(PathBuf),
    /// Somebody uses it.
    #[error("{} is busy: close the files and leave the directories in it (or unmount with --lazy)", .0.display())]
    Busy(PathBuf),
    /// A mount option that nobody knows.
    #[error(
        "unknown mount option {0:?}; beside those in `yester mount --help` known are ro, exec, noexec, suid, nosuid, dev, nodev, atime, noatime"
    )]
    Option(String),
    /// `/etc/fuse.conf` must permit it.
    #[error("allow_other is only for root unless /etc/fuse.conf has a line user_allow_other")]
    AllowOther,
    /// The kernel or fusermount3 refused.
    #[error("cannot {action} {}: {reason}", path.display())]
    Failed {
        /// `mount` or `unmount`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
}

impl MountError {
    pub(crate) fn failed(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| MountError::Failed { action, path, reason: error.to_string() }
    }
}
