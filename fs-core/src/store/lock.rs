use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The right to write to a repository, until dropped.
#[derive(Debug)]
pub struct WriterLock {
    _lock: FileLock,
}

impl WriterLock {
    /// Takes the lock of the repository at `root`, or tells who has it.
    pub fn acquire(root: &Path) -> Result<Self, StoreError> {
        match FileLock::acquire(root.join("lock"))? {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(holder) => Err(StoreError::Locked { path: root.to_owned(), holder }),
        }
    }
}

/// A locked file. The operating system unlocks it when the process ends, however it ends.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks the file, made when it is missing; or tells who has locked it.
    pub fn acquire(path: PathBuf) -> Result<Result<Self, String>, StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(note(&path))),
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
        let note = format!("pid {} since {:.0}\n", std::process::id(), jiff::Timestamp::now());
        // Only a courtesy to whoever waits: on a full disk the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
        Ok(Ok(Self { _file: file }))
    }

    /// Who has locked the file, if somebody has.
    pub fn holder(path: &Path) -> Result<Option<String>, StoreError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(StoreError::io("open", path))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(note(path))),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
        }
    }
}

/// What the holder of a lock has written into it.
fn note(path: &Path) -> String {
    let note = fs::read_to_string(path).unwrap_or_default();
    let line = note.lines().next().filter(|line| !line.is_empty());
    line.unwrap_or("another process").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let first = WriterLock::acquire(directory.path()).unwrap();
        match WriterLock::acquire(directory.path()) {
            Err(StoreError::Locked { holder, .. }) => {
                assert!(holder.starts_with(&format!("pid {} since ", std::process::id())), "{holder}");
            }
            other => panic!("{other:?}"),
        }
        let path = directory.path().join("lock");
        assert!(FileLock::holder(&path).unwrap().is_some());
        drop(first);
        assert_eq!(FileLock::holder(&path).unwrap(), None);
        assert_eq!(FileLock::holder(&directory.path().join("none")).unwrap(), None);
        WriterLock::acquire(directory.path()).unwrap();
    }
}
