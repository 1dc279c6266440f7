use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// An operation on a path.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    CreateDirectory,
    CreateFile,
    Write { offset: u64, bytes: Vec<u8> },
    SetLength(u64),
    SyncFile,
    Rename { to: PathBuf },
    Link { to: PathBuf },
    Remove,
    SyncDirectory,
}

/// An operation, its paths relative to the repository.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) operation: Operation,
}

type Steps = Arc<Mutex<Vec<Step>>>;

/// Tests run in parallel; each records only its own repository.
static RECORDINGS: Mutex<Vec<(PathBuf, Steps)>> = Mutex::new(Vec::new());

/// Records the operations below a directory until it is dropped.
pub(super) struct Recording {
    root: PathBuf,
    steps: Steps,
}

impl Recording {
    pub(super) fn of(root: &Path) -> Self {
        let steps = Steps::default();
        let mut recordings = RECORDINGS.lock().unwrap_or_else(PoisonError::into_inner);
        recordings.push((root.to_owned(), Arc::clone(&steps)));
        Self { root: root.to_owned(), steps }
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDINGS.lock().unwrap_or_else(PoisonError::into_inner).retain(|(root, _)| *root != self.root);
    }
}

/// Adds an operation to the recording of this path, if there is one.
pub(crate) fn note(path: &Path, mut operation: Operation) {
    let Some((root, steps)) = recording(path) else { return };
    let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_owned();
    if let Operation::Rename { to } | Operation::Link { to } = &mut operation {
        *to = relative(to);
    }
    steps.lock().unwrap().push(Step { path: relative(path), operation });
}

fn recording(path: &Path) -> Option<(PathBuf, Steps)> {
    let recordings = RECORDINGS.lock().unwrap_or_else(PoisonError::into_inner);
    recordings.iter().find(|(root, _)| path.starts_with(root)).cloned()
}

/// Whether operations on a path are recorded.
pub(crate) fn is_recorded(path: &Path) -> bool {
    recording(path).is_some()
}

/// A database file that records the operations on it.
#[derive(Debug)]
pub(crate) struct RecordedFile {
    file: FileBackend,
    path: PathBuf,
}

impl RecordedFile {
    pub(crate) fn new(file: FileBackend, path: &Path) -> Self {
        Self { file, path: path.to_owned() }
    }
}

impl StorageBackend for RecordedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        note(&self.path, Operation::SetLength(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        note(&self.path, Operation::SyncFile);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)?;
        note(&self.path, Operation::Write { offset, bytes: data.to_vec() });
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
