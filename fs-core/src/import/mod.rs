//! Trees on disk become snapshots.
