use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;

/// Why an import came to nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The tree cannot be read at all.
    #[error("cannot read {}: {source}", path.display())]
    Root {
        /// The tree.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It is something else than a directory.
    #[error("{} is not a directory; give the directory whose history is to be kept", .0.display())]
    NotADirectory(PathBuf),
    /// It is the repository, or a part of it.
    #[error("{} is inside the repository; give the directory whose history is to be kept", .0.display())]
    InsideRepository(PathBuf),
    /// It has nothing in it, and had before.
    #[error(
        "{} is empty: is everything mounted? If all was deleted on purpose, allow it (--allow-empty, in a \
         config allow_empty = true)",
        .0.display()
    )]
    Emptied(PathBuf),
    /// Somebody is writing to it, and it was to be at rest.
    #[error("{} is not at rest: {sign}", path.display())]
    NotAtRest {
        /// The entry that tells it.
        path: PathBuf,
        /// How.
        sign: String,
    },
    /// Somebody asked for it to stop.
    #[error("interrupted: nothing was added")]
    Cancelled,
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
