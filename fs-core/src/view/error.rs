use thiserror::Error;

use crate::store::StoreError;

/// The reason why a file system operation failed. Frontends convert it into their platform's code.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// No entry has this name.
    #[error("no such file or directory")]
    NotFound,
    /// The operation needs a directory, and the node is none.
    #[error("not a directory")]
    NotADirectory,
    /// The operation needs anything but a directory, and the node is one.
    #[error("is a directory")]
    IsADirectory,
    /// The operation does not fit this kind of file.
    #[error("not possible for this kind of file")]
    WrongKind,
    /// The import could not read the entry, for this reason.
    #[error("it could not be read into the snapshot: {0}")]
    NotRead(Box<str>),
    /// A repository operation failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
