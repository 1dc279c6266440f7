use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

use super::StoreError;

/// The right to write to a repository, until dropped. The operating system releases it when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of the repository at `root`, or tells who has it.
    pub fn acquire(root: &Path) -> Result<Self, StoreError> {
        let path = root.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let holder = holder.lines().next().filter(|line| !line.is_empty());
                let holder = holder.unwrap_or("another process").to_owned();
                return Err(StoreError::Locked { path: root.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
        let note = format!("pid {} since {:.0}\n", std::process::id(), jiff::Timestamp::now());
        // Only a courtesy to whoever waits: on a full disk the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
        Ok(Self { _file: file })
    }
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
        drop(first);
        WriterLock::acquire(directory.path()).unwrap();
    }
}
