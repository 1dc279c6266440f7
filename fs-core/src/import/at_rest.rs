//! Whether a tree is at rest: what somebody is still writing is no finished run.

use jiff::Timestamp;

use super::disk::{FileType, Stat};
use super::parent::may_have_changed_since;
use crate::format::Time;

/// What of a tree must not have changed, and since when. A walk that finds otherwise ends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtRest {
    /// Nothing: it is a live tree, and changes are to be expected.
    #[default]
    Nothing,
    /// Its directories: a level of a farm of hard links, where the ctime of a file tells of its other names, too.
    Directories(Time),
    /// All of it.
    Everything(Time),
}

impl AtRest {
    pub(super) fn is_demanded(self) -> bool {
        self != AtRest::Nothing
    }

    /// Why an entry is not at rest, if it is not. Its ctime cannot be set, so what is older than the demanded time is as
    /// it was then; one from the future tells that the clock was wrong, and nothing else.
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

/// How long rsync may write nothing to a file, waiting for its other end. What is older was left by one that was killed.
const STALLED_SECS: i64 = 3600;

/// The permissions of group and others.
const OTHERS: u16 = 0o077;

/// Whether rsync is writing this entry, as its name tells: `.name.XXXXXX` holds what a file will be (`get_tmpname` in
/// rsync's receiver.c; nobody else may read it before it is complete), `.~tmp~` what `--delay-updates` holds back.
///
/// One name in two hundred is a word by chance: a tree that must be at rest can wait, a live one must not for people's names.
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

/// Six random letters and digits. People's own endings are words or dates, as in `.profile.backup`.
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
