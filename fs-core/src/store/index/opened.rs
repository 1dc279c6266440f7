//! The index's file as a reader has it open.

use std::path::Path;

use redb::{ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase};

use super::super::guard::fenced;
use super::{Unreadable, failed, fence, is_ours, wrong};
use crate::format::RepositoryId;

const READER_CACHE: usize = 16 << 20;

/// A database that is open for reading.
pub(super) struct Opened {
    pub(super) database: ReadOnlyDatabase,
    /// Its file; `None` when that is not known for sure, so that it is opened anew.
    file: Option<FileId>,
}

/// A file's device and inode, or volume and index. While a file is open no other gets its number.
type FileId = (u64, u64);

impl Opened {
    /// Opens this repository's index in this version's layout.
    pub(super) fn open(path: &Path, repository: RepositoryId) -> Result<Self, Unreadable> {
        let before = file_id(path);
        let database = open(path, repository)?;
        // When it is replaced just now either may be open.
        let file = before.filter(|before| file_id(path) == Some(*before));
        Ok(Self { database, file })
    }

    /// Whether the file at `path` is the one that is open.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.file.is_some_and(|file| file_id(path) == Some(file))
    }

    /// Has it opened anew the next time, whatever file is there: redb gives up a database for good when a read fails.
    pub(super) fn distrust(&mut self) {
        self.file = None;
    }
}

#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(windows)]
fn file_id(path: &Path) -> Option<FileId> {
    let told = winapi_util::file::information(&std::fs::File::open(path).ok()?).ok()?;
    Some((told.volume_serial_number(), told.file_index()))
}

fn open(path: &Path, repository: RepositoryId) -> Result<ReadOnlyDatabase, Unreadable> {
    let mut builder = Database::builder();
    builder.set_concurrency_mode(ConcurrencyMode::SingleWriter).set_cache_size(READER_CACHE);
    let opened = fenced(|| builder.open_read_only(path));
    let database = match opened.map_err(|reason| Unreadable::Unusable(wrong(path, reason)))? {
        Ok(database) => database,
        Err(error @ DatabaseError::RepairAborted) => return Err(Unreadable::Unclean(failed(path)(error))),
        Err(error) => return Err(Unreadable::Unusable(failed(path)(error))),
    };
    let check = || match is_ours(&database, path, repository)? {
        Some(true) => Ok(()),
        _ => Err(wrong(path, "it belongs to another repository or version")),
    };
    fence(path, check).map_err(Unreadable::Unusable)?;
    Ok(database)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::super::Index;
    use super::*;
    use crate::store::SnapshotRecord;

    const OURS: RepositoryId = RepositoryId([5; 16]);

    /// Makes an index that knows one snapshot.
    fn write(path: &Path, snapshot: u8) {
        let record = SnapshotRecord::sample(snapshot);
        Index::create(path, OURS).unwrap().record_snapshots(&[record]).unwrap();
    }

    fn reader(path: &Path) -> Index {
        Index::open_reader(path, OURS).map_err(crate::store::StoreError::from).unwrap()
    }

    fn known(index: &Index) -> Vec<u8> {
        index.snapshots().unwrap().iter().map(|record| record.id.0[0]).collect()
    }

    #[test]
    fn a_file_is_opened_again_only_when_it_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let [path, next] = ["index", "next"].map(|name| directory.path().join(name));
        write(&path, 1);
        let index = reader(&path);
        // Whoever opened it now would be refused.
        let sound = fs::read(&path).unwrap();
        fs::write(&path, b"this is no index").unwrap();
        assert!(Index::open_reader(&path, OURS).is_err());
        index.reopen().unwrap();
        fs::write(&path, sound).unwrap();
        index.reopen().unwrap();
        assert_eq!(known(&index), [1]);
        for snapshot in 2..5 {
            write(&next, snapshot);
            fs::rename(&next, &path).unwrap();
            index.reopen().unwrap();
            assert_eq!(known(&index), [snapshot]);
        }
    }

    #[test]
    fn a_file_that_could_not_be_read_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        write(&path, 1);
        let index = reader(&path);
        let sound = fs::read(&path).unwrap();
        fs::write(&path, b"").unwrap();
        index.refresh();
        assert!(index.snapshots().is_err());
        assert!(index.reopen().is_err());
        fs::write(&path, sound).unwrap();
        index.reopen().unwrap();
        assert_eq!(known(&index), [1]);
    }
}
