//! What `rsync --fake-super` keeps in an extended attribute because it may not do it for real: owners, modes and special
//! files (the format is that of rsync's xattrs.c, `set_stat_xattr`: octal mode, `major,minor`, `uid:gid`).

use std::io;

use super::disk::{FileType, ReadXattrs, Stat};

const STAT: &[u8] = b"user.rsync.%stat";

/// What an entry is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FakeStat {
    kind: FileType,
    mode: u16,
    device: (u32, u32),
    uid: u32,
    gid: u32,
}

impl FakeStat {
    /// Takes it out of an entry's attributes; one that rsync could not have written is left there.
    pub(super) fn take(read: &mut io::Result<ReadXattrs>) -> Option<Self> {
        let (set, _) = read.as_mut().ok()?;
        let stat = Self::parse(set.get(STAT)?)?;
        set.remove(STAT);
        Some(stat)
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let mut words = text.split_ascii_whitespace();
        let mode = u32::from_str_radix(words.next()?, 8).ok()?;
        let (major, minor) = words.next()?.split_once(',')?;
        let (uid, gid) = words.next()?.split_once(':')?;
        let kind = FileType::from_mode(mode);
        if words.next().is_some() || kind == FileType::Unknown {
            return None;
        }
        Some(Self {
            kind,
            mode: (mode & 0o7777) as u16,
            device: (major.parse().ok()?, minor.parse().ok()?),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        })
    }

    /// Makes of what the operating system tells what is meant. A directory is one for real, and nothing else is.
    pub(super) fn apply(self, stat: &mut Stat) {
        if (self.kind == FileType::Directory) == (stat.kind == FileType::Directory) {
            (stat.kind, stat.device) = (self.kind, self.device);
        }
        let attributes = &mut stat.attributes;
        (attributes.mode, attributes.uid, attributes.gid) = (self.mode, self.uid, self.gid);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::XattrSet;

    #[test]
    fn only_what_rsync_writes_is_taken() {
        let pair = |name: &[u8], value: &[u8]| (name.into(), value.into());
        let set = XattrSet::new(vec![pair(b"user.a", b"1"), pair(STAT, b"100640 0,0 1000:33")]).unwrap();
        let mut read = Ok((set, None));
        let stat = FakeStat::take(&mut read).unwrap();
        assert_eq!((stat.kind, stat.mode, stat.uid, stat.gid), (FileType::RegularFile, 0o640, 1000, 33));
        assert_eq!(read.unwrap().0.names().collect::<Vec<_>>(), [b"user.a"]);
        for wrong in
            ["", "100644", "100644 0,0", "100644 0:0 1,1", "x 0,0 1:1", "100644 0,0 1:1 2", "777 0,0 1:1"]
        {
            let mut read = Ok((XattrSet::new(vec![pair(STAT, wrong.as_bytes())]).unwrap(), None));
            assert_eq!(FakeStat::take(&mut read), None, "{wrong}");
            assert!(read.unwrap().0.get(STAT).is_some(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_parsed_or_refused(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = FakeStat::parse(&value);
        }
    }
}
