//! Checks that a tree is quiescent. A tree that a program is still writing is not a finished run.

use super::parent::may_have_changed_since;
use crate::clock::Clock;
use crate::format::Time;
use crate::import::disk::{FileType, Stat};

/// The part of a tree that must not have changed, and since when. A walk that finds a change stops there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Quiescence {
    /// Nothing. The tree is live, and changes are expected.
    #[default]
    NotRequired,
    /// Directories only, for a level of a farm of hard links. There a file's ctime also changes with its
    /// other names.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no farms"))]
    Directories(Time),
    /// All entries.
    Everything(Time),
}

impl Quiescence {
    pub(super) fn is_required(self) -> bool {
        self != Quiescence::NotRequired
    }

    /// Returns the reason if the entry is not quiescent. No program can set a ctime, so an entry older than
    /// the required time is unchanged since then. A ctime in the future only shows that the clock was wrong.
    pub(super) fn disturbance(self, stat: &Stat, clock: &dyn Clock) -> Option<&'static str> {
        let since = match self {
            Quiescence::Everything(since) => since,
            Quiescence::Directories(since) if stat.kind == FileType::Directory => since,
            Quiescence::Directories(_) | Quiescence::NotRequired => return None,
        };
        let is_future = || {
            let now = clock.now().into();
            stat.ctime > now && !may_have_changed_since(now, stat.ctime)
        };
        (stat.ctime >= since && !is_future()).then_some("it was changed just now")
    }

    /// Whether rsync is writing this entry, judged by its name. `.name.XXXXXX` is a temporary file
    /// (`get_tmpname` in rsync's receiver.c); nobody else may read it before it is complete. `.~tmp~` has the
    /// files that `--delay-updates` delays.
    ///
    /// By chance, one name in two hundred is a word. A tree that must be quiescent can wait for such a file. A
    /// live tree must not wait because of names that people chose.
    pub(super) fn is_written_by_rsync(self, name: &[u8], stat: &Stat, clock: &dyn Clock) -> bool {
        let named = match stat.kind {
            FileType::RegularFile => {
                is_temporary(name, self.is_required()) && stat.attributes.mode & OTHERS == 0
            }
            FileType::Directory => name == b".~tmp~",
            _ => false,
        };
        named && stat.ctime.secs().saturating_add(STALLED_SECS) >= clock.now().as_second()
    }
}

/// Longest time, in seconds, that rsync may write nothing to a file while it waits for its other end. A
/// killed rsync left any older file.
const STALLED_SECS: i64 = 3600;

/// Permission bits of group and others.
const OTHERS: u16 = 0o077;

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
    use crate::testing::clock::ManualClock;

    #[test]
    fn temporary_names_differ_from_names_that_people_choose() {
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

    /// A file, and a clock at its ctime.
    fn file() -> (tempfile::NamedTempFile, Stat, ManualClock) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stat = stat_file(file.as_file()).unwrap();
        (file, stat, ManualClock::new(stat.ctime.timestamp()))
    }

    #[test]
    fn nobody_else_may_read_what_rsync_writes() {
        let (file, stat, clock) = file();
        let is_written = |name: &str, stat: &Stat, required: Quiescence| {
            required.is_written_by_rsync(name.as_bytes(), stat, &clock)
        };
        assert!(is_written(".file.Xa3b9Q", &stat, Quiescence::NotRequired));
        assert!(!is_written("file", &stat, Quiescence::NotRequired));
        assert!(!is_written(".file.random", &stat, Quiescence::NotRequired));
        assert!(is_written(".file.random", &stat, Quiescence::Everything(stat.ctime)));
        fs::set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
        let readable = stat_file(file.as_file()).unwrap();
        assert!(!is_written(".file.Xa3b9Q", &readable, Quiescence::NotRequired));
        clock.advance(std::time::Duration::from_secs(2 * STALLED_SECS.unsigned_abs()));
        assert!(!is_written(".file.Xa3b9Q", &stat, Quiescence::NotRequired));
    }

    #[test]
    fn a_ctime_in_the_future_is_no_sign() {
        let (_file, stat, clock) = file();
        let later = |secs| Time::new(stat.ctime.secs() + secs, 0).unwrap();
        assert!(Quiescence::Everything(stat.ctime).disturbance(&stat, &clock).is_some());
        assert_eq!(Quiescence::Everything(later(1)).disturbance(&stat, &clock), None);
        assert_eq!(Quiescence::Directories(stat.ctime).disturbance(&stat, &clock), None);
        assert_eq!(Quiescence::NotRequired.disturbance(&stat, &clock), None);
        let future = Stat { ctime: later(1000), ..stat };
        assert_eq!(Quiescence::Everything(stat.ctime).disturbance(&future, &clock), None);
    }
}
