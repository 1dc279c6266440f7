use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::store::StoreError;
use crate::store::backend::folder::Folder;
use crate::store::backend::repository_folder::{Pin, RepositoryFolder};
use crate::store::layout::LOCK;

/// A query holds the lock for less than this time.
const ASKING: Duration = Duration::from_secs(1);
/// Maximum number of bytes read of the holder's note.
const MAX_NOTE: u64 = 200;
/// Beginning of a note.
const PID: &str = "pid ";

/// The right to write to a repository, until dropped. The repository stays with the locked folder meanwhile,
/// even if its path leads to another one.
#[derive(Debug)]
pub(crate) struct WriterLock {
    pin: Pin,
    _file: FileLock,
}

impl WriterLock {
    /// Takes the lock of the repository in this folder. Fails if it is held, and names the holder.
    pub(crate) fn acquire(repository: &Arc<RepositoryFolder>, take: Take) -> Result<Self, StoreError> {
        let pin = repository.pin();
        match take(&repository.current(), LOCK)? {
            Ok(file) => Ok(Self { pin, _file: file }),
            Err(holder) => Err(StoreError::Locked { path: repository.path().to_owned(), holder }),
        }
    }

    /// Releases the lock, but stays with the folder.
    pub(crate) fn release(self) -> Pin {
        self.pin
    }
}

/// A way to lock a file: [`FileLock::acquire`] or [`FileLock::acquire_silently`].
pub(crate) type Take = fn(&Folder, &str) -> Result<Result<FileLock, String>, StoreError>;

/// A locked file. The operating system unlocks it when the process ends, however it ends.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    /// Whether a note was written. It is removed on unlocking, as the next holder may write none.
    noted: bool,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if self.noted {
            let _ = self.file.set_len(0);
        }
    }
}

impl FileLock {
    /// Locks the file, and creates it if it is missing. If the file is locked, returns the holder instead.
    pub fn acquire(folder: &Folder, name: &str) -> Result<Result<Self, String>, StoreError> {
        let mut locked = Self::take(folder, name, || folder.make_file_to_lock(name))?;
        // A file that has another name may be somebody else's. Locking it does no harm, but writing to it
        // would.
        if let Ok(Self { file, noted }) = &mut locked
            && folder.is_only_name(name, file).unwrap_or(false)
        {
            *noted = true;
            let note = format!("{PID}{} since {:.0}\n", std::process::id(), jiff::Timestamp::now());
            // The note only informs waiting users. On a full disk, the lock holds without it.
            let _ = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
        }
        Ok(locked)
    }

    /// Locks an existing file without writing a note. If the file is locked, returns the holder instead.
    pub fn acquire_silently(folder: &Folder, name: &str) -> Result<Result<Self, String>, StoreError> {
        // Over NFS only a file that is open for writing can be locked.
        Self::take(folder, name, || folder.file_to_lock(name).or_else(|_| folder.file(name)))
    }

    /// Returns the holder of the lock, if it is held.
    pub fn holder(folder: &Folder, name: &str) -> Result<Option<String>, StoreError> {
        let Some(file) = StoreError::if_there(folder.file(name))? else { return Ok(None) };
        let refused =
            is_refused(file.try_lock_shared()).map_err(StoreError::io("lock", folder.path_of(name)))?;
        Ok(refused.then(|| note(&file)))
    }

    fn take(
        folder: &Folder,
        name: &str,
        open: impl Fn() -> Result<File, StoreError>,
    ) -> Result<Result<Self, String>, StoreError> {
        loop {
            let file = open()?;
            if !lock(&file).map_err(StoreError::io("lock", folder.path_of(name)))? {
                return Ok(Err(note(&file)));
            }
            // A file that was replaced since it was opened is unusable as a lock: another process can lock the
            // new one.
            if folder.is_at(name, &file)? {
                return Ok(Ok(Self { file, noted: false }));
            }
        }
    }
}

/// Locks the file, or returns false if it is locked. A query takes a shared lock for a moment. Such a lock
/// must not prevent anybody from locking the file, so the function tries again.
fn lock(file: &File) -> io::Result<bool> {
    let begin = Instant::now();
    while is_refused(file.try_lock())? {
        if is_refused(file.try_lock_shared())? || begin.elapsed() > ASKING {
            return Ok(false);
        }
        file.unlock()?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

/// Whether the file is locked already.
fn is_refused(result: Result<(), TryLockError>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The note of the lock's holder; "another process" if there is none, or if its writer is gone. Windows lets
/// no other process read it while the lock is held.
fn note(mut file: &File) -> String {
    let mut note = Vec::new();
    let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(MAX_NOTE).read_to_end(&mut note));
    let note = String::from_utf8_lossy(&note);
    let is_shown = |line: &&str| !line.is_empty() && !line.contains(char::is_control) && !is_of_gone(line);
    note.lines().next().filter(is_shown).unwrap_or("another process").to_owned()
}

/// Whether the process that wrote this note is gone.
#[cfg(unix)]
fn is_of_gone(note: &str) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let number = note.strip_prefix(PID).and_then(|rest| rest.split(' ').next()?.parse::<i32>().ok());
    let pid = number.filter(|number| *number > 0).and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(windows)]
fn is_of_gone(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn who_asks_keeps_nobody_from_it() {
        let directory = tempfile::tempdir().unwrap();
        let (folder, over) = (Folder::open(directory.path()).unwrap(), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        FileLock::holder(&folder, "lock").unwrap();
                    }
                });
            }
            let refused = (0..200).find_map(|_| FileLock::acquire(&folder, "lock").unwrap().err());
            over.store(true, Ordering::Relaxed);
            assert_eq!(refused, None);
        });
    }

    #[test]
    fn the_second_is_told_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let repository = RepositoryFolder::open(directory.path()).unwrap();
        let folder = repository.current();
        let acquire = |take: Take| WriterLock::acquire(&repository, take);
        assert!(acquire(FileLock::acquire_silently).is_err_and(|error| error.is_not_found()));
        let first = acquire(FileLock::acquire).unwrap();
        match acquire(FileLock::acquire) {
            Err(StoreError::Locked { holder, .. }) => {
                assert!(holder.starts_with(&format!("pid {} since ", std::process::id())), "{holder}");
            }
            other => panic!("{other:?}"),
        }
        assert!(FileLock::holder(&folder, "lock").unwrap().is_some());
        drop(first);
        assert_eq!(FileLock::holder(&folder, "lock").unwrap(), None);
        assert_eq!(FileLock::holder(&folder, "none").unwrap(), None);
        acquire(FileLock::acquire_silently).unwrap();
    }

    #[test]
    fn who_has_let_go_is_not_named() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        let told = || FileLock::holder(&folder, "lock").unwrap();
        drop(FileLock::acquire(&folder, "lock").unwrap().unwrap());
        let silent = FileLock::acquire_silently(&folder, "lock").unwrap().unwrap();
        assert_eq!(told().unwrap(), "another process");
        drop(silent);
        // A killed process leaves its note. No process has this number.
        let left = format!("pid {} since then\n", i32::MAX);
        std::fs::write(folder.path_of("lock"), &left).unwrap();
        let silent = FileLock::acquire_silently(&folder, "lock").unwrap().unwrap();
        assert_eq!(told().unwrap(), "another process");
        drop(silent);
        assert_eq!(std::fs::read(folder.path_of("lock")).unwrap(), left.as_bytes());
    }
}
