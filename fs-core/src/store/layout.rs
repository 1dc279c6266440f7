//! Names in a repository's folder. `docs/format.md` shows the layout.

/// The config.
pub(super) const CONFIG: &str = "config";
/// Folder of packs.
pub(super) const PACKS: &str = "packs";
/// Folder of manifests.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// Folder of the records of the log.
pub(super) const LOG: &str = "log";
/// Folder of the checkpoints of the log.
pub(super) const STATE: &str = "state";
/// Folder of tags, which only version 1 has.
pub(super) const TAGS: &str = "tags";
/// Folder of files that are being written.
pub(super) const TEMPORARY: &str = "tmp";
/// Folder of quarantined objects.
pub(super) const DAMAGED: &str = "damaged";
/// Folder of the stat caches.
pub(super) const STAT_CACHE: &str = "stat-cache";
/// The lock's file.
pub(super) const LOCK: &str = "lock";
/// The index. Whenever the way of locking changes, the name must change, too: processes that lock the file
/// differently may not notice each other.
pub(crate) const INDEX: &str = "index-2.redb";
/// An index that is locked in an older way.
pub(super) const OLD_INDEX: &str = "index.redb";

/// The folders of an empty repository.
pub(super) const FOLDERS: [&str; 5] = [LOG, PACKS, SNAPSHOTS, STATE, TEMPORARY];
/// All entries that an interrupted `init` may have left.
pub(super) const OF_INIT: [&str; 8] = [LOCK, INDEX, OLD_INDEX, LOG, PACKS, SNAPSHOTS, STATE, TEMPORARY];
