use thiserror::Error;

use crate::store::StoreError;

/// Why the care of a repository came to nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MaintainError {
    /// Somebody asked for it to stop.
    #[error("interrupted: nothing was changed")]
    Cancelled,
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
