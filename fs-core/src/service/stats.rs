use super::ServiceError;
use crate::format::PackKind;
use crate::store::PackTotals;
use crate::view::View;

/// Counts and sizes of a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of sources.
    pub sources: u64,
    /// Number of snapshots of all sources.
    pub snapshots: u64,
    /// Bytes of all files of all snapshots, as if each snapshot were a full copy.
    pub logical_bytes: u64,
    /// Totals of the packs of file contents.
    pub data: PackTotals,
    /// Totals of the packs of directories and similar objects.
    pub metadata: PackTotals,
    /// Size of the index file in bytes.
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
