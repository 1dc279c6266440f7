//! Lock files that hold the number of the process that works.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::folder::small_file;
use crate::format::Time;

/// What a lock file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Nobody works.
    Free,
    /// This process does.
    Held(u32),
    /// Who began at this time did not come to the end.
    Abandoned(Time),
}

/// Looks at a lock file. One that cannot be read or understood is somebody's who is about to write it, or whose
/// disk was full: who left it did not come to the end.
pub(super) fn look(path: &Path) -> io::Result<Lock> {
    let (bytes, mtime) = match small_file(path, 4096) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::Free),
        result => result?,
    };
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let number = str::from_utf8(line).ok().and_then(|line| line.trim().parse::<i32>().ok());
    let Some(pid) = number.filter(|number| *number > 0).and_then(Pid::from_raw) else {
        return Ok(Lock::Abandoned(mtime));
    };
    Ok(match test_kill_process(pid) {
        Err(Errno::SRCH) => Lock::Abandoned(mtime),
        // It may be another user's.
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
        assert_eq!(look(&path).unwrap(), Lock::Free);
        let own = std::process::id();
        for text in [format!("{own}"), format!("{own}\n"), format!("{own}\nmore")] {
            fs::write(&path, text).unwrap();
            assert_eq!(look(&path).unwrap(), Lock::Held(own));
        }
        let mut ended = Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        for text in [format!("{}\n", ended.id()), String::new(), "0".into(), "-1".into(), "x".into()] {
            fs::write(&path, &text).unwrap();
            assert!(matches!(look(&path).unwrap(), Lock::Abandoned(_)), "{text:?}");
        }
    }
}
