//! Checks that a tree is quiescent. A tree that a program is still writing is not a finished run.

use jiff::Timestamp;

use super::disk::{FileType, Stat};
use super::parent::may_have_changed_since;
use crate::format::Time;

/// The part of a tree that must not have changed, and since when. A walk that finds a change stops there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtRest {
    /// Nothing. The tree is live, and changes are expected.
    #[default]
    Nothing,
    /// Directories only, for a level of a farm of hard links. There a file's ctime also changes with its
    /// other names.
    Directories(Time),
    /// All entries.
    Everything(Time),
}

impl AtRest {
    pub(super) fn is_demanded(self) -> bool {
        self != AtRest::Nothing
    }

    /// Returns the reason if the entry is not quiescent. No program can set a ctime, so an entry older than
    /// the demanded time is unchanged since then. A ctime in the future only shows that the clock was wrong.
    pub(super) fn disturbance(self, stat: &Stat) -> Option<&'static str> {
        let since = match self {
            AtRest::Everything(since) => since,
            AtRest::Directories(since) if stat.kind == FileType::Directory => since,
            AtRest::Directories(_) | AtRest::Nothing => return None,
        };
        let is_future = || stat.ctime > now() && !may_have_changed_since(now(), stat.ctime);
        (stat.ctime >= since && !is_future()).then_some("it was changed just now")
    }
}

fn now() -> Time {
    Timestamp::now().into()
}

/// Longest time, in seconds, that rsync may write nothing to a file while it waits for its other end. A
/// killed rsync left any older file.
const STALLED_SECS: i64 = 3600;

/// Permission bits of group and others.
const OTHERS: u16 = 0o077;

/// Whether rsync is writing this entry, judged by its name. `.name.XXXXXX` is a temporary file (`get_tmpname`
/// in rsync's receiver.c); nobody else may read it before it is complete. `.~tmp~` holds the files that
/// `--delay-updates` holds back.
///
/// By chance, one name in two hundred is a word. A tree that must be quiescent can wait for such a file. A
/// live tree must not wait because of names that people chose.
pub(super) fn rsync_writes(name: &[u8], stat: &Stat, at_rest: AtRest) -> bool {
    let named = match stat.kind {
        FileType::RegularFile => {
            is_temporary(name, at_rest.is_demanded()) && stat.attributes.mode & OTHERS == 0
        }
        FileType::Directory => name == b".~tmp~",
        _ => false,
    };
    named && stat.ctime.secs().saturating_add(STALLED_SECS) >= now().secs()
}

/// Whether the name ends in rsync's six random letters and digits. People's own endings are words or dates,
/// as in `.profile.backup`. With `or_a_word`, such an ending counts, too.
fn is_temporary(name: &[u8], or_a_word: bool) -> bool {
    let Some((stem, ending)) = name.split_last_chunk::<6>() else { return false };
    stem.len() > 2
        && stem.starts_with(b".")
        && stem.ends_with(b".")
        && ending.iter().all(u8::is_ascii_alphanumeric)
        && (or_a_word || !ending.iter().all(u8::is_ascii_lowercase) && !ending.iter().all(u8::is_ascii_digit))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::import::disk::stat_file;

    #[test]
    fn temporary_names_are_told_from_people_s() {
        for name in [".file.Xa3b9Q", ".a.b.c.aaaaa1", ".x.AAAAAA"] {
            assert!(is_temporary(name.as_bytes(), false), "{name}");
        }
        let others = [
            "file.Xa3b9Q",
            ".profile.backup",
            ".log.202401",
            "..Xa3b9Q",
            ".Xa3b9Q",
            ".f.Xa3-9Q",
            ".f.Xa3b9",
            "",
        ];
        for name in others {
            assert!(!is_temporary(name.as_bytes(), false), "{name}");
        }
    }

    #[test]
    fn nobody_else_may_read_what_rsync_writes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stat = stat_file(file.as_file()).unwrap();
        assert!(rsync_writes(b".file.Xa3b9Q", &stat, AtRest::Nothing));
        assert!(!rsync_writes(b"file", &stat, AtRest::Nothing));
        assert!(!rsync_writes(b".file.random", &stat, AtRest::Nothing));
        assert!(rsync_writes(b".file.random", &stat, AtRest::Everything(stat.ctime)));
        fs::set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
        assert!(!rsync_writes(b".file.Xa3b9Q", &stat_file(file.as_file()).unwrap(), AtRest::Nothing));
        let left = Time::new(stat.ctime.secs() - 2 * STALLED_SECS, 0).unwrap();
        assert!(!rsync_writes(b".file.Xa3b9Q", &Stat { ctime: left, ..stat }, AtRest::Nothing));
    }

    #[test]
    fn a_time_of_the_future_tells_nothing() {
        let file = tempfile::tempfile().unwrap();
        let stat = stat_file(&file).unwrap();
        let later = |secs| Time::new(stat.ctime.secs() + secs, 0).unwrap();
        assert!(AtRest::Everything(stat.ctime).disturbance(&stat).is_some());
        assert_eq!(AtRest::Everything(later(1)).disturbance(&stat), None);
        assert_eq!(AtRest::Directories(stat.ctime).disturbance(&stat), None);
        assert_eq!(AtRest::Nothing.disturbance(&stat), None);
        let future = Stat { ctime: later(1000), ..stat };
        assert_eq!(AtRest::Everything(stat.ctime).disturbance(&future), None);
    }
}
