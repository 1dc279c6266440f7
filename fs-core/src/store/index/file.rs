//! The file of an index, and how processes share it.

use std::fs::File;
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase};

#[cfg(all(test, unix))]
use crate::testing::{RecordedFile, is_recorded};

pub(super) const WRITER_CACHE: usize = 64 << 20;
const READER_CACHE: usize = 16 << 20;

/// Any number of writers, one transaction at a time, with readers beside them:
/// `docs/decisions/0004-index-mode.md`. Processes of another mode are refused.
const MODE: ConcurrencyMode = ConcurrencyMode::MultiWriter;

/// A file's device and inode number, or on Windows its volume and index. Not reused while the file is open.
pub(super) type FileId = (u64, u64);

/// Settings for opening an index as a writer.
pub(super) fn to_write() -> Builder {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(MODE).set_cache_size(WRITER_CACHE);
    builder
}

/// Settings for opening an index to change it: redb verifies every page and reports damage. Changing an index
/// with a damaged page may abort the process, as redb panics again while it cleans up after a panic.
pub(super) fn to_change() -> Builder {
    let mut builder = to_write();
    builder.set_check_integrity_on_open(true);
    builder
}

/// Opens the database in a file for reading.
pub(super) fn read_only(file: File) -> Result<ReadOnlyDatabase, DatabaseError> {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(MODE).set_cache_size(READER_CACHE);
    builder.open_read_only_with_backend(FileBackend::new(file)?)
}

/// Identity of the open file.
#[cfg(unix)]
pub(super) fn id(file: &File) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Identity of the open file.
#[cfg(windows)]
pub(super) fn id(file: &File) -> io::Result<FileId> {
    let metadata = winapi_util::file::information(file)?;
    Ok((metadata.volume_serial_number(), metadata.file_index()))
}

/// Opens the database in an open file for writing.
pub(super) fn database(builder: &Builder, path: &Path, file: File) -> Result<Database, DatabaseError> {
    let backend = FileBackend::new(file)?;
    #[cfg(all(test, unix))]
    if is_recorded(path) {
        return builder.create_with_backend(RecordedFile::new(backend, path));
    }
    #[cfg(not(all(test, unix)))]
    let _ = path;
    builder.create_with_backend(backend)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that locks the file in another way is not aware of the others' transactions.
    #[test]
    fn other_modes_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        let open = |mode| -> Result<Database, DatabaseError> {
            let mut builder = Builder::new();
            builder.set_concurrency_mode(mode);
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            builder.create_with_backend(FileBackend::new(file)?)
        };
        let first = open(MODE).unwrap();
        for mode in [ConcurrencyMode::SingleWriter, ConcurrencyMode::ExclusiveWriter] {
            let refused = open(mode).unwrap_err();
            assert!(matches!(refused, DatabaseError::DatabaseAlreadyOpen), "{mode:?}: {refused}");
        }
        let second = open(MODE).unwrap();
        drop((first, second));
        for mode in [ConcurrencyMode::SingleWriter, ConcurrencyMode::ExclusiveWriter] {
            let other = open(mode).unwrap();
            let refused = open(MODE).unwrap_err();
            assert!(matches!(refused, DatabaseError::DatabaseAlreadyOpen), "{mode:?}: {refused}");
            // redb admits readers beside a writer of either mode that shares the file.
            if mode == ConcurrencyMode::ExclusiveWriter {
                let refused = read_only(File::open(&path).unwrap()).err().expect("refused");
                assert!(matches!(refused, DatabaseError::DatabaseAlreadyOpen), "{mode:?}: {refused}");
            }
            drop(other);
        }
    }
}
