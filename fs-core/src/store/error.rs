use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Object;
use super::log::Refused;
use crate::format::{BlobPrefix, FormatError, SnapshotId};

/// Errors of reading and writing a repository.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The path leads to no repository.
    #[error("{} is not a yester repository; make one with `yester init {}`", .0.display(), .0.display())]
    NotARepository(PathBuf),
    /// `init` found a repository.
    #[error("{} is already a yester repository", .0.display())]
    AlreadyExists(PathBuf),
    /// `init` found a folder with other content.
    #[error("{} is not empty; give `yester init` a new or empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// `init` found a folder of another user.
    #[error(
        "{} belongs to user {owner}, who could open it to everybody; give `yester init` a new folder, or one \
         of your own", path.display()
    )]
    NotYours {
        /// The folder.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
    },
    /// Another process writes to the repository.
    #[error("{} is locked by {holder}; try again when it has finished", path.display())]
    Locked {
        /// The repository.
        path: PathBuf,
        /// Process id of the holder and time of locking, as far as known.
        holder: String,
    },
    /// The operating system refused an operation.
    #[error("cannot {action} {object}: {source}")]
    Io {
        /// The attempted operation.
        action: &'static str,
        /// Name of the object, or path of the file or folder.
        object: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// An entry that has the name of a file or folder of the repository but is of another type. It is not
    /// opened.
    #[error(
        "{} is {found}, where {wanted} belongs: yester has not made it, and does not open it; put back {wanted}, or remove it", path.display()
    )]
    Foreign {
        /// Path of the entry.
        path: PathBuf,
        /// Type of the entry.
        found: &'static str,
        /// Type that belongs there.
        wanted: &'static str,
    },
    /// The medium failed at every attempt to read.
    #[error("{object} could not be read (an error of the medium in {tries} tries: {source})")]
    Unreadable {
        /// Name of the object, or path of the file or folder.
        object: String,
        /// Number of attempts.
        tries: usize,
        /// Error of the last attempt.
        source: io::Error,
    },
    /// The bytes of an object fail verification.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// The file, or a part of it.
        object: String,
        /// The failed check.
        reason: FormatError,
    },
    /// A later version of yester wrote the object.
    #[error("{object}: {reason}")]
    Newer {
        /// The file.
        object: String,
        /// The unknown part.
        reason: FormatError,
    },
    /// A needed object is absent.
    #[error("{0} is missing from the repository")]
    Missing(Object),
    /// A record of the log that must exist is absent.
    #[error("record {0} of the log is missing")]
    MissingRecord(u64),
    /// The log is damaged, so nothing can be published.
    #[error("{0}: nothing can be written until `yester repair` has run")]
    DamagedLog(Box<StoreError>),
    /// The present state of the log does not allow a change.
    #[error(transparent)]
    Refused(Refused),
    /// It is unknown whether a change was published.
    #[error(
        "the repository did not confirm the change ({0}); `yester snapshots` and `yester tag` show whether it was made"
    )]
    Unanswered(Box<StoreError>),
    /// A needed blob is absent.
    #[error("blob {0} is in no pack; run `yester check`")]
    MissingBlob(BlobPrefix),
    /// The content of an entry that its import could not read.
    #[error("it could not be read into the snapshot")]
    NotRead,
    /// A snapshot whose manifest is missing or damaged.
    #[error("the manifest of snapshot {0} is gone or damaged; run `yester check`")]
    LostSnapshot(SnapshotId),
    /// The index is absent, damaged, or not this repository's. Any process that notices this and may write
    /// makes it again.
    #[error("the index {} cannot be used: {reason}", path.display())]
    Index {
        /// Path of the index.
        path: PathBuf,
        /// Error of redb.
        reason: String,
        /// Whether a killed writer has left it so. Opening the index for writing recovers it.
        unclean: bool,
    },
    /// Most packs are missing at once.
    #[error(
        "{missing} of {total} packs are missing: perhaps a file system is not mounted; bring it back. If the packs \
         are lost, `yester import --heal` stores again what your files still hold"
    )]
    Away {
        /// Number of packs that are in the index but not in the repository.
        missing: u64,
        /// Number of all packs, present or missing.
        total: u64,
    },
    /// The repository has an earlier version of the format, which is only read.
    #[error(
        "the repository {0} has format version 1, which is only read: `yester upgrade {0} NEW` copies it into a \
         new repository"
    )]
    OldVersion(String),
    /// There are snapshots, but no packs.
    #[error(
        "all packs are missing: perhaps a file system is not mounted; bring it back. If the packs are lost, \
         `yester import --heal` stores again what your files still hold"
    )]
    NoPacks,
    /// The background writer stopped for a reason that was reported before.
    #[error("writing to the repository has stopped after an earlier error")]
    WriterStopped,
}

impl StoreError {
    /// Whether stored bytes are damaged or missing. False if only an operation failed.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            StoreError::Damaged { .. }
                | StoreError::Foreign { .. }
                | StoreError::Missing(_)
                | StoreError::MissingRecord(_)
                | StoreError::DamagedLog(_)
                | StoreError::MissingBlob(_)
                | StoreError::LostSnapshot(_)
        )
    }

    /// Whether the entry does not exist.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether there was no room to write.
    pub fn is_full(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if is_full(source))
    }

    /// Whether the object is lost for good: it is damaged, or the medium failed at every attempt. Any other
    /// error, such as a missing permission, may pass. Stored data must not be given up for it.
    pub fn is_loss(&self) -> bool {
        match self {
            StoreError::Unreadable { .. } => true,
            // The object may still exist, for example where a link leads.
            StoreError::Foreign { .. } => false,
            error => error.is_damage(),
        }
    }

    /// Whether an index that fails with this error must be made again: its bytes are damaged, or the medium
    /// cannot read them. A new file gets other sectors.
    pub(crate) fn is_index_fault(&self) -> bool {
        match self {
            StoreError::Index { .. } => true,
            StoreError::Io { source, .. } => is_of_medium(source),
            _ => false,
        }
    }

    /// Turns a missing entry into `None`.
    pub(super) fn if_there<T>(result: Result<T, Self>) -> Result<Option<T>, Self> {
        match result {
            Err(error) if error.is_not_found() => Ok(None),
            result => result.map(Some),
        }
    }

    /// Turns a loss into `None`, for data that is helpful but not needed.
    pub(super) fn unless_lost<T>(result: Result<Option<T>, Self>) -> Result<Option<T>, Self> {
        match result {
            Err(error) if error.is_loss() => {
                log::warn!("{error}");
                Ok(None)
            }
            result => result,
        }
    }

    /// Converts an error of the operating system. `object` is the object's name, or a path.
    pub(super) fn io(action: &'static str, object: impl AsRef<Path>) -> impl Fn(io::Error) -> Self {
        move |source| StoreError::Io { action, object: object.as_ref().display().to_string(), source }
    }

    /// Converts a decoder's error about `object`. The object is named only on an error, as nearly all objects
    /// decode without one.
    pub(crate) fn damaged<D: Display>(object: impl FnOnce() -> D) -> impl FnOnce(FormatError) -> Self {
        move |reason| {
            let object = object().to_string();
            match reason {
                reason if reason.is_newer() => StoreError::Newer { object, reason },
                reason => StoreError::Damaged { object, reason },
            }
        }
    }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether the medium, its driver or its file system failed, and did not merely refuse the request.
pub(super) fn is_of_medium(error: &io::Error) -> bool {
    #[cfg(unix)]
    let codes = {
        use rustix::io::Errno;
        [Errno::IO, Errno::UCLEAN, Errno::BADMSG, Errno::NXIO, Errno::NODATA, Errno::REMOTEIO]
            .map(Errno::raw_os_error)
    };
    // ERROR_CRC, ERROR_SECTOR_NOT_FOUND, ERROR_READ_FAULT, ERROR_GEN_FAILURE, ERROR_IO_DEVICE,
    // ERROR_FILE_CORRUPT, ERROR_DISK_CORRUPT.
    #[cfg(windows)]
    let codes = [23, 27, 30, 31, 1117, 1392, 1393];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}
