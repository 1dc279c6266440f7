use thiserror::Error;

use crate::store::StoreError;

/// Errors of a check or repair.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MaintainError {
    /// Cancelled before any change.
    #[error("interrupted: nothing was changed")]
    Cancelled,
    /// Cancelled after a part of the changes.
    #[error("interrupted: what was done is done well; run `yester repair` again to go on")]
    Halfway,
    /// The config cannot be read. It holds the key to everything else.
    #[error("{0}; no repair can make it again: put it back from a copy of the repository")]
    Config(StoreError),
    /// Most packs are missing or unreadable at once.
    #[error(
        "{0}: perhaps a file system is not mounted, or a disk is failing; bring it back, or give `--really` if they \
         are lost for good; nothing was changed"
    )]
    MostMissing(String),
    /// This number of packs vanished after the repair had read them.
    #[error(
        "{0} packs have vanished during the repair: find out what moves or unmounts them, then try again; \
         nothing was changed"
    )]
    Vanished(usize),
    /// Reading or writing the repository failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
