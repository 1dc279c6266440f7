use super::ServiceError;
use crate::format::PackKind;
use crate::store::PackTotals;
use crate::view::View;

/// Counts and sizes of a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sources.
    pub sources: u64,
    /// Snapshots of all sources.
    pub snapshots: u64,
    /// Bytes of all files of all snapshots, as if each were a full copy.
    pub logical_bytes: u64,
    /// Packs of files' content.
    pub data: PackTotals,
    /// Packs of directories and the like.
    pub metadata: PackTotals,
    /// Bytes of the index's file.
    pub index_bytes: u64,
}

pub(super) fn gather(view: &View) -> Result<Stats, ServiceError> {
    let repository = view.repository();
    let mut stats = Stats {
        data: repository.pack_totals(PackKind::Data)?,
        metadata: repository.pack_totals(PackKind::Metadata)?,
        index_bytes: repository.index_bytes(),
        ..Stats::default()
    };
    for source in view.sources().iter() {
        stats.sources += 1;
        for (_, snapshot) in source.snapshots() {
            stats.snapshots += 1;
            stats.logical_bytes = stats.logical_bytes.saturating_add(snapshot.manifest.totals.bytes);
        }
    }
    Ok(stats)
}
