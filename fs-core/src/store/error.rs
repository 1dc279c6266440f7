use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::Object;
use crate::format::{BlobId, FormatError, SnapshotId};

/// Why the repository could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no repository.
    #[error("{} is not a yester repository; make one with `yester init`", .0.display())]
    NotARepository(PathBuf),
    /// `init` found one.
    #[error("{} is already a yester repository", .0.display())]
    AlreadyExists(PathBuf),
    /// `init` found something else.
    #[error("{} is not empty; give `yester init` a new or empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// Another process writes.
    #[error("{} is locked by {holder}; try again when it has finished", path.display())]
    Locked {
        /// The repository.
        path: PathBuf,
        /// Its process id and since when, as far as known.
        holder: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// An object's bytes are wrong.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// The file, or part of one.
        object: String,
        /// What is wrong.
        reason: FormatError,
    },
    /// A later version of yester wrote it.
    #[error("{object}: {reason}")]
    Newer {
        /// The file.
        object: String,
        /// What is unknown.
        reason: FormatError,
    },
    /// An object that must be there is not.
    #[error("{0} is missing from the repository")]
    Missing(Object),
    /// A blob that must be there is not.
    #[error("blob {0} is in no pack; run `yester check`")]
    MissingBlob(BlobId),
    /// There was a snapshot that cannot be shown.
    #[error("the manifest of snapshot {0} is gone or damaged; run `yester check`")]
    LostSnapshot(SnapshotId),
    /// The index is absent, foreign or damaged. It is made again by whoever notices it and may write.
    #[error("the index {} cannot be used: {reason}", path.display())]
    Index {
        /// Its file.
        path: PathBuf,
        /// What redb said.
        reason: String,
    },
    /// The background writer stopped for a reason that was reported before.
    #[error("writing to the repository has stopped after an earlier error")]
    WriterStopped,
}

impl StoreError {
    /// Whether stored bytes are wrong or gone, as against an operation that failed.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            StoreError::Damaged { .. }
                | StoreError::Missing(_)
                | StoreError::MissingBlob(_)
                | StoreError::LostSnapshot(_)
        )
    }

    /// Whether there was no room to write.
    pub fn is_full(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if is_full(source))
    }

    /// Whether it cannot be read and never will be: damage, or the medium fails there. Anything else, such as a missing
    /// permission, may pass, and must not make anybody give up what is stored.
    pub fn is_loss(&self) -> bool {
        match self {
            #[cfg(unix)]
            StoreError::Io { source, .. } => {
                source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
            }
            // ERROR_CRC and ERROR_IO_DEVICE.
            #[cfg(windows)]
            StoreError::Io { source, .. } => matches!(source.raw_os_error(), Some(23 | 1117)),
            error => error.is_damage(),
        }
    }

    /// Whether an index that fails so must be made again: its bytes are wrong, or the medium fails where they are. A new file
    /// is elsewhere on the medium.
    pub(crate) fn is_index_fault(&self) -> bool {
        match self {
            StoreError::Index { .. } => true,
            StoreError::Io { .. } => self.is_loss(),
            _ => false,
        }
    }

    /// `None` for what is lost: of something that would only have helped.
    pub(super) fn unless_lost<T>(result: Result<Option<T>, Self>) -> Result<Option<T>, Self> {
        match result {
            Err(error) if error.is_loss() => {
                log::warn!("{error}");
                Ok(None)
            }
            result => result,
        }
    }

    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| StoreError::Io { action, path, source }
    }

    /// What the decoder's complaint about `object` means. It is named only when there is one: nearly always there is not.
    pub(crate) fn damaged<D: Display>(object: impl FnOnce() -> D) -> impl FnOnce(FormatError) -> Self {
        move |reason| {
            let object = object().to_string();
            match reason {
                FormatError::Version { .. } | FormatError::Features(_) => {
                    StoreError::Newer { object, reason }
                }
                _ => StoreError::Damaged { object, reason },
            }
        }
    }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
