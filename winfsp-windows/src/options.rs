//! How a drive is mounted, and why it could not be.

use thiserror::Error;

use crate::status::Status;

/// How a drive is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// What Explorer calls the drive.
    pub label: String,
    /// Let other users in, as the modes of the files permit.
    pub allow_other: bool,
}

/// Why a mount failed. The text is for its user.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MountError {
    /// There is no WinFsp.
    #[error("WinFsp is not installed, which makes drives; install it from https://winfsp.dev and try again")]
    NotInstalled,
    /// It is there, and cannot be used.
    #[error("WinFsp cannot be loaded from {path}: {reason}; install it anew from https://winfsp.dev")]
    NotLoaded {
        /// Where it should be.
        path: String,
        /// What Windows said.
        reason: String,
    },
    /// Windows has not loaded the driver.
    #[error(
        "WinFsp's driver is not running; restart Windows, or install WinFsp anew from https://winfsp.dev"
    )]
    NoDriver,
    /// Something is there.
    #[error("{0} is in use already; choose a free drive letter, or a folder that does not exist yet")]
    InUse(String),
    /// Neither a drive nor a folder that can be made.
    #[error(
        "{0} cannot be a mount point: name a drive such as Z:, or a folder to be made in one that exists"
    )]
    NotAPlace(String),
    /// WinFsp refused.
    #[error("cannot mount at {point}: WinFsp says {:#010x}", status.0)]
    Refused {
        /// Where.
        point: String,
        /// What it said.
        status: Status,
    },
}

impl MountError {
    /// What it means that WinFsp refused to make a file system.
    pub fn creating(point: &str, status: Status) -> Self {
        match status {
            Status::NO_SUCH_DEVICE | Status::OBJECT_NAME_NOT_FOUND | Status::OBJECT_PATH_NOT_FOUND => {
                Self::NoDriver
            }
            status => Self::Refused { point: point.to_owned(), status },
        }
    }

    /// What it means that WinFsp refused to show it there.
    pub fn mounting(point: &str, status: Status) -> Self {
        match status {
            Status::OBJECT_NAME_COLLISION => Self::InUse(point.to_owned()),
            Status::OBJECT_NAME_NOT_FOUND | Status::OBJECT_PATH_NOT_FOUND => {
                Self::NotAPlace(point.to_owned())
            }
            status => Self::Refused { point: point.to_owned(), status },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_is_told_in_words() {
        let message = MountError::creating("Z:", Status(0xc000_000e)).to_string();
        assert!(message.starts_with("WinFsp's driver is not running"), "{message}");
        let message = MountError::mounting("Z:", Status(0xc000_0022)).to_string();
        assert_eq!(message, "cannot mount at Z:: WinFsp says 0xc0000022");
        assert!(matches!(MountError::mounting("Z:", Status(0xc000_0035)), MountError::InUse(_)));
    }
}
