use thiserror::Error;

use crate::store::StoreError;

/// Why a file system operation failed. Frontends turn it into their platform's code.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// Nothing has this name.
    #[error("no such file or directory")]
    NotFound,
    /// A directory was needed.
    #[error("not a directory")]
    NotADirectory,
    /// Anything but a directory was needed.
    #[error("is a directory")]
    IsADirectory,
    /// The operation does not fit this kind of file.
    #[error("not possible for this kind of file")]
    WrongKind,
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
