use thiserror::Error;

use crate::format::SnapshotId;

/// The reason why a change is not allowed in the present state of the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The change is of a snapshot that does not count.
    #[error("there is no snapshot {0}")]
    NoSnapshot(SnapshotId),
    /// Another snapshot has the label, or had it.
    #[error("another snapshot has, or had, this source, time and number")]
    LabelTaken,
    /// The snapshot's label is not the one that was expected.
    #[error("snapshot {0} was amended by another command; look at it and try again")]
    Amended(SnapshotId),
    /// The snapshot has the tag already.
    #[error("the snapshot has the tag already")]
    Tagged,
    /// The snapshot does not have the tag.
    #[error("the snapshot has no such tag")]
    NotTagged,
    /// No snapshot is of this source.
    #[error("there is no source of this name")]
    NoSource,
    /// The record is void: a repair that was interrupted has put it in the place of a lost one.
    #[error("the record is void: it takes the place of a lost one")]
    Void,
    /// There is a source of the new name.
    #[error("there is a source of the new name already")]
    SourceExists,
}
