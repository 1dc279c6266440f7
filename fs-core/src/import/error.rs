use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;

/// Reason why an import failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The tree cannot be read at all.
    #[error("cannot read {}: {source}", path.display())]
    Root {
        /// Path of the tree.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The path is not a directory.
    #[error("{} is not a directory; give the directory whose history is to be kept", .0.display())]
    NotADirectory(PathBuf),
    /// The tree is the repository, or a part of it.
    #[error("{} is inside the repository; give the directory whose history is to be kept", .0.display())]
    InsideRepository(PathBuf),
    /// The tree is empty, and was not empty before.
    #[error(
        "{} is empty: is everything mounted? If all was deleted on purpose, allow it (--allow-empty, in a \
         config allow_empty = true)",
        .0.display()
    )]
    Emptied(PathBuf),
    /// A program is writing to a tree that must be quiescent.
    #[error("{} is not at rest: {sign}", path.display())]
    NotAtRest {
        /// Entry that shows it.
        path: PathBuf,
        /// The sign of a writer, in words.
        sign: String,
    },
    /// The import was cancelled.
    #[error("interrupted: nothing was added")]
    Cancelled,
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
