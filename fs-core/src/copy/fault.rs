use super::CopyFailed;
use crate::store::{CopyError, Repository, StoreError};

/// Why a snapshot was not copied.
#[derive(Debug)]
pub(super) enum Fault {
    /// The repository that is copied from cannot be read there.
    Source {
        /// Path in the snapshot; empty for the whole snapshot.
        path: Vec<u8>,
        error: StoreError,
    },
    /// The repository that is copied to failed.
    Target(StoreError),
    Cancelled,
}

impl Fault {
    /// A failure to read, at a path that is not known yet.
    pub(super) fn of_source(error: StoreError) -> Self {
        Fault::Source { path: Vec::new(), error }
    }

    /// A failure to write. All bytes that are written were read before.
    pub(super) fn of_content(error: CopyError) -> Self {
        match error {
            CopyError::Store(error) => Fault::Target(error),
            CopyError::Read(_) => Fault::Cancelled,
        }
    }

    /// Adds the path, if the fault has none.
    pub(super) fn at(self, path: impl FnOnce() -> Vec<u8>) -> Self {
        match self {
            Fault::Source { path: unknown, error } if unknown.is_empty() => {
                Fault::Source { path: path(), error }
            }
            fault => fault,
        }
    }

    pub(super) fn into_failure(self, from: &Repository, to: &Repository) -> CopyFailed {
        match self {
            Fault::Source { error, .. } => CopyFailed::From { root: from.root().to_owned(), error },
            Fault::Target(error) => CopyFailed::To { root: to.root().to_owned(), error },
            Fault::Cancelled => CopyFailed::Cancelled,
        }
    }
}
