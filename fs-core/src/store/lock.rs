use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;

/// Nobody asks for so long whether a lock is held.
const ASKING: Duration = Duration::from_secs(1);

/// The right to write to a repository, until dropped.
#[derive(Debug)]
pub struct WriterLock {
    _lock: FileLock,
}

impl WriterLock {
    /// Takes the lock of the repository at `root`, or tells who has it.
    pub fn acquire(root: &Path) -> Result<Self, StoreError> {
        match FileLock::acquire(&root.join("lock"))? {
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
    pub fn acquire(path: &Path) -> Result<Result<Self, String>, StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(StoreError::io("open", path))?;
        if !lock(&file).map_err(StoreError::io("lock", path))? {
            return Ok(Err(note(path)));
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

/// Locks the file unless somebody has. Who only asks whether somebody has holds it, too, shared and for a moment: that must
/// not keep anybody from it.
fn lock(file: &File) -> io::Result<bool> {
    let refused = |result: Result<(), TryLockError>| match result {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    };
    let begin = Instant::now();
    while refused(file.try_lock())? {
        if refused(file.try_lock_shared())? || begin.elapsed() > ASKING {
            return Ok(false);
        }
        file.unlock()?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

/// What the holder of a lock has written into it. Windows lets nobody else read it as long as it is held.
fn note(path: &Path) -> String {
    let note = fs::read_to_string(path).unwrap_or_default();
    let line = note.lines().next().filter(|line| !line.is_empty());
    line.unwrap_or("another process").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn who_asks_keeps_nobody_from_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, over) = (directory.path().join("lock"), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        FileLock::holder(&path).unwrap();
                    }
                });
            }
            let refused = (0..200).find_map(|_| FileLock::acquire(&path).unwrap().err());
            over.store(true, Ordering::Relaxed);
            assert_eq!(refused, None);
        });
    }

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
