//! Lock files that hold the process id of the running program.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::folder::small_file;
use crate::format::Time;
use crate::import::ImportError;

/// State of a lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// No program is running.
    Free,
    /// The process with this id is running.
    Held(u32),
    /// A program started at this time and did not finish.
    Abandoned(Time),
}

/// Examines a lock file. An unreadable or invalid one belongs to a process that is about to write it, or had
/// a full disk. It counts as left by a process that did not finish.
pub(super) fn examine(path: &Path) -> Result<Lock, ImportError> {
    let (bytes, mtime) = match small_file(path, 4096) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::Free),
        result => result.map_err(ImportError::read(path))?,
    };
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let number = str::from_utf8(line).ok().and_then(|line| line.trim().parse::<i32>().ok());
    let Some(pid) = number.filter(|number| *number > 0).and_then(Pid::from_raw) else {
        return Ok(Lock::Abandoned(mtime));
    };
    Ok(match test_kill_process(pid) {
        Err(Errno::SRCH) => Lock::Abandoned(mtime),
        // The process may belong to another user.
        _ => Lock::Held(pid.as_raw_nonzero().get().unsigned_abs()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_a_live_process_holds_a_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert_eq!(examine(&path).unwrap(), Lock::Free);
        let own = std::process::id();
        for text in [format!("{own}"), format!("{own}\n"), format!("{own}\nmore")] {
            fs::write(&path, text).unwrap();
            assert_eq!(examine(&path).unwrap(), Lock::Held(own));
        }
        let mut ended = Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        for text in [format!("{}\n", ended.id()), String::new(), "0".into(), "-1".into(), "x".into()] {
            fs::write(&path, &text).unwrap();
            assert!(matches!(examine(&path).unwrap(), Lock::Abandoned(_)), "{text:?}");
        }
    }
}
