//! The options of a drive, and the errors of mounting it.

use thiserror::Error;

use crate::status::Status;

/// Options of a drive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Name of the drive in Explorer.
    pub label: String,
    /// Lets other users in, as far as file modes permit.
    pub allow_other: bool,
}

/// The reason why a mount failed, as a message to the user.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MountError {
    /// WinFsp is not installed.
    #[error("WinFsp is not installed, which makes drives; install it from https://winfsp.dev and try again")]
    NotInstalled,
    /// WinFsp is installed but cannot be loaded.
    #[error("WinFsp cannot be loaded from {path}: {reason}; install it anew from https://winfsp.dev")]
    NotLoaded {
        /// Path of its library.
        path: String,
        /// Message of Windows.
        reason: String,
    },
    /// Windows has not loaded the driver of WinFsp.
    #[error(
        "WinFsp's driver is not running; restart Windows, or install WinFsp anew from https://winfsp.dev"
    )]
    NoDriver,
    /// The drive or folder exists already.
    #[error("{0} is in use already; choose a free drive letter, or a folder that does not exist yet")]
    InUse(String),
    /// The mount point is neither a drive nor a folder that can be created.
    #[error(
        "{0} cannot be a mount point: name a drive such as Z:, or a folder to be made in one that exists"
    )]
    NotAMountPoint(String),
    /// WinFsp refused.
    #[error("cannot mount at {point}: WinFsp says {:#010x}", status.0)]
    Refused {
        /// The mount point.
        point: String,
        /// Status of WinFsp.
        status: Status,
    },
}

impl MountError {
    /// The error for a status with which WinFsp refused to create the file system.
    pub fn creating(point: &str, status: Status) -> Self {
        match status {
            Status::NO_SUCH_DEVICE | Status::OBJECT_NAME_NOT_FOUND | Status::OBJECT_PATH_NOT_FOUND => {
                Self::NoDriver
            }
            status => Self::Refused { point: point.to_owned(), status },
        }
    }

    /// The error for a status with which WinFsp refused to mount it.
    pub fn mounting(point: &str, status: Status) -> Self {
        match status {
            Status::OBJECT_NAME_COLLISION => Self::InUse(point.to_owned()),
            Status::OBJECT_NAME_NOT_FOUND | Status::OBJECT_PATH_NOT_FOUND => {
                Self::NotAMountPoint(point.to_owned())
            }
            status => Self::Refused { point: point.to_owned(), status },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_has_a_message_of_its_own() {
        let message = MountError::creating("Z:", Status(0xc000_000e)).to_string();
        assert!(message.starts_with("WinFsp's driver is not running"), "{message}");
        let message = MountError::mounting("Z:", Status(0xc000_0022)).to_string();
        assert_eq!(message, "cannot mount at Z:: WinFsp says 0xc0000022");
        assert!(matches!(MountError::mounting("Z:", Status(0xc000_0035)), MountError::InUse(_)));
    }
}
