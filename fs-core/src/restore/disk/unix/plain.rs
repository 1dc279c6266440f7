//! File systems of the FAT family. They keep little more than content, and a dry run cannot try anything on
//! them. The bounds are those of Linux 6.12 and exfat-fuse 1.3.

use rustix::io::Errno;

use crate::format::Time;
use crate::view::FileKind;
use crate::windows::fold::upper;

/// A file system without owners, links and case-sensitive names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// FAT, by the kernel.
    Fat,
    /// exFAT, by the kernel.
    Exfat,
    /// exFAT, by exfat-fuse.
    ExfatFuse,
}

/// 1980-01-01 and 2107-12-31T23:59:59, the first and last time of FAT and exFAT.
const TIMES: (i64, i64) = (315_532_800, 4_354_819_199);

/// Maximum file size of FAT, in bytes.
const MAX_FAT: u64 = u32::MAX as u64;

impl Plain {
    /// Fails if an entry of this type and length cannot be created.
    pub(super) fn check(self, kind: FileKind, size: u64) -> Result<(), Errno> {
        match (self, kind) {
            (Plain::Fat, FileKind::File) if size > MAX_FAT => Err(Errno::FBIG),
            (_, FileKind::File | FileKind::Directory) => Ok(()),
            (Plain::ExfatFuse, FileKind::Symlink) => Err(Errno::NOSYS),
            (Plain::ExfatFuse, _) => Err(Errno::IO),
            _ => Err(Errno::PERM),
        }
    }

    /// Fails if an entry cannot have this name.
    pub(super) fn check_name(self, name: &[u8]) -> Result<(), Errno> {
        let is_bad = |byte: &u8| *byte < b' ' || b"\"*/:<>?\\|".contains(byte);
        match str::from_utf8(name) {
            Ok(text) if text.encode_utf16().count() > 255 => Err(Errno::NAMETOOLONG),
            _ if !name.iter().any(is_bad) => Ok(()),
            _ if self == Plain::ExfatFuse => Err(Errno::NOENT),
            _ => Err(Errno::INVAL),
        }
    }

    /// The time as the file system stores it.
    pub(super) fn kept(self, time: Time) -> Option<Time> {
        let (secs, nanos) = (time.secs(), time.nanos());
        let clamped = secs.clamp(TIMES.0, TIMES.1);
        match self {
            Plain::ExfatFuse => Time::new(secs, 0),
            Plain::Fat => Time::new(clamped & !1, 0),
            Plain::Exfat if clamped != secs => Time::new(clamped, 0),
            Plain::Exfat => Time::new(secs, nanos - nanos % 10_000_000),
        }
    }

    /// The form in which names are compared.
    pub(super) fn fold(self, name: &[u8]) -> Vec<u8> {
        let Ok(text) = str::from_utf8(name) else { return name.to_vec() };
        // exfat-fuse keeps dots at the end.
        let text = if self == Plain::ExfatFuse { text } else { text.trim_end_matches('.') };
        text.encode_utf16().flat_map(|unit| upper(unit).to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_can_be_kept() {
        let time = |secs, nanos| Time::new(secs, nanos).unwrap();
        let given = time(1_600_000_001, 123_456_789);
        assert_eq!(Plain::Fat.kept(given), Some(time(1_600_000_000, 0)));
        assert_eq!(Plain::Exfat.kept(given), Some(time(1_600_000_001, 120_000_000)));
        assert_eq!(Plain::ExfatFuse.kept(given), Some(time(1_600_000_001, 0)));
        for kind in [Plain::Fat, Plain::Exfat] {
            assert_eq!(kind.kept(time(-5, 1)), Some(time(TIMES.0, 0)));
            assert_eq!(
                kind.kept(time(i64::MAX, 0)).map(Time::secs),
                Some(TIMES.1 & !i64::from(kind == Plain::Fat))
            );
        }
    }

    #[test]
    fn names_are_compared_without_case() {
        assert_eq!(Plain::ExfatFuse.fold("Äa.".as_bytes()), Plain::ExfatFuse.fold("äA.".as_bytes()));
        assert_ne!(Plain::ExfatFuse.fold(b"a."), Plain::ExfatFuse.fold(b"a"));
        assert_eq!(Plain::Fat.fold(b"a."), Plain::Fat.fold(b"A"));
        assert_eq!(Plain::Fat.check_name(b"a:b"), Err(Errno::INVAL));
        assert_eq!(Plain::ExfatFuse.check_name(b"a\tb"), Err(Errno::NOENT));
        assert_eq!(Plain::Exfat.check_name("ä".repeat(255).as_bytes()), Ok(()));
        assert_eq!(Plain::Exfat.check_name("ä".repeat(256).as_bytes()), Err(Errno::NAMETOOLONG));
    }
}
