//! Decodes extended attributes of `rsync --fake-super`. rsync stores in them the metadata that it lacks the
//! privilege to set (rsync's `xattrs.c` and `acls.c`):
//!
//! - `user.rsync.%stat`: octal mode, `major,minor`, `uid:gid`;
//! - `user.rsync.%aacl`, `user.rsync.%dacl`: the access and the default ACL;
//! - `user.rsync.NAME`: the attribute NAME of another namespace than `user`, such as `security.capability`.

use std::io;

use crate::format::acl::{self, Acl, Tag};
use crate::format::{Attributes, Xattr, XattrSet};
use crate::import::disk::{FileType, ReadXattrs, Stat};

const PREFIX: &[u8] = b"user.rsync.";
const STAT: &[u8] = b"user.rsync.%stat";
const ACCESS_LIST: &[u8] = b"user.rsync.%aacl";
const DEFAULT_LIST: &[u8] = b"user.rsync.%dacl";
/// Namespaces that only root may write to. rsync stores their attributes below [`PREFIX`].
const HIDDEN: [&[u8]; 3] = [b"trusted.", b"security.", b"system."];

/// Marks an entry that is absent from an ACL because the mode has its permissions.
const NO_ENTRY: u32 = 0x80;
/// Flag in the permissions of a named entry: the entry names a user, not a group.
const IS_USER: u32 = 1 << 31;

/// Turns a stand-in into the entry it stands for: type, owner, mode, ACLs and other attributes. Attributes
/// that rsync cannot have written stay unchanged.
pub(super) fn reveal(stat: &mut Stat, read: &mut io::Result<ReadXattrs>) {
    let Ok((set, _)) = read else { return };
    if set.get(STAT).is_some_and(|value| apply(value, stat).is_some()) {
        set.remove(STAT);
    }
    // The stand-in's own ACLs were inherited from the destination folder, not copied.
    set.remove(acl::ACCESS);
    set.remove(acl::DEFAULT);
    let is_directory = stat.kind == FileType::Directory;
    let mode = stat.attributes.mode;
    if let Some(list) = set.get(ACCESS_LIST).and_then(KeptList::parse) {
        set.remove(ACCESS_LIST);
        replace(set, acl::ACCESS, list.access(mode));
    }
    let default = set.get(DEFAULT_LIST).filter(|_| is_directory).and_then(KeptList::parse);
    if let Some(list) = default.and_then(KeptList::default) {
        set.remove(DEFAULT_LIST);
        replace(set, acl::DEFAULT, Some(list));
    }
    let hidden = |name: &[u8]| {
        let real = name.strip_prefix(PREFIX)?;
        HIDDEN.iter().any(|namespace| real.starts_with(namespace)).then(|| real.to_vec())
    };
    let names: Vec<Vec<u8>> = set.names().filter_map(hidden).collect();
    for name in names {
        let stand_in = [PREFIX, &name].concat();
        let value = set.get(&stand_in).map(<[u8]>::to_vec);
        set.remove(&stand_in);
        // The ACL in rsync's own attribute takes precedence.
        let is_list = name == acl::ACCESS || name == acl::DEFAULT;
        if !is_list || set.get(&name).is_none() {
            replace(set, &name, value);
        }
    }
}

/// Sets `name` to this value. Without a value, removes it.
fn replace(set: &mut XattrSet, name: &[u8], value: Option<Vec<u8>>) {
    set.remove(name);
    let Some(value) = value else { return };
    let mut pairs: Vec<Xattr> =
        set.names().map(|name| (name.into(), set.get(name).unwrap_or_default().into())).collect();
    pairs.push((name.into(), value.into()));
    // The kernel accepts no longer ACL.
    if let Ok(replaced) = XattrSet::new(pairs) {
        *set = replaced;
    }
}

/// An ACL in rsync's encoding.
struct KeptList {
    /// Permissions of owner, group, mask and others, in this order. `None` where the mode has them.
    four: [Option<u16>; 4],
    named: Vec<(Tag, u16)>,
}

impl KeptList {
    /// Returns `None` if rsync cannot have written the value.
    fn parse(value: &[u8]) -> Option<Self> {
        let (words, rest) = value.as_chunks::<4>();
        let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
        if !rest.is_empty() {
            return None;
        }
        let mut entry = || match words.next()? {
            NO_ENTRY => Some(None),
            permissions => Some(Some(u16::try_from(permissions).ok().filter(|them| *them <= 7)?)),
        };
        let four = [entry()?, entry()?, entry()?, entry()?];
        let mut named = Vec::new();
        while let Some(id) = words.next() {
            let access = words.next()?;
            let permissions =
                u16::try_from(access & !IS_USER).ok().filter(|permissions| *permissions <= 7)?;
            named.push((if access & IS_USER != 0 { Tag::User(id) } else { Tag::Group(id) }, permissions));
        }
        Some(Self { four, named })
    }

    /// The bytes of an access ACL, with absent entries taken from the mode. `None` if it only repeats the
    /// mode.
    fn access(self, mode: u16) -> Option<Vec<u8>> {
        let Self { four: [user, group, mask, other], named: mut entries } = self;
        if entries.is_empty() && mask.is_none() {
            return None;
        }
        entries.extend([
            (Tag::UserObj, user.unwrap_or(mode >> 6 & 7)),
            (Tag::GroupObj, group.unwrap_or(mode >> 3 & 7)),
            (Tag::Mask, mask.unwrap_or(mode >> 3 & 7)),
            (Tag::Other, other.unwrap_or(mode & 7)),
        ]);
        Some(Acl::new(entries).encode())
    }

    /// The bytes of a default ACL. It may lack only an unnecessary mask.
    fn default(self) -> Option<Vec<u8>> {
        let Self { four: [user, group, mask, other], named: mut entries } = self;
        let three = [(Tag::UserObj, user?), (Tag::GroupObj, group?), (Tag::Other, other?)];
        match mask {
            Some(mask) => entries.push((Tag::Mask, mask)),
            None if entries.is_empty() => {}
            None => return None,
        }
        entries.extend(three);
        Some(Acl::new(entries).encode())
    }
}

/// Gives `stat` the type, mode and owner in `value`. Changes nothing, and returns `None`, if rsync cannot
/// have written the value.
fn apply(value: &[u8], stat: &mut Stat) -> Option<()> {
    let text = std::str::from_utf8(value).ok()?;
    let mut words = text.split_ascii_whitespace();
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let (major, minor) = words.next()?.split_once(',')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let (uid, gid) = words.next()?.split_once(':')?;
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    let kind = FileType::from_mode(mode);
    if words.next().is_some() || kind == FileType::Unknown {
        return None;
    }
    // rsync stores a directory as a directory.
    if (kind == FileType::Directory) == (stat.kind == FileType::Directory) {
        (stat.kind, stat.device) = (kind, device);
    }
    stat.attributes = Attributes { mode: (mode & 0o7777) as u16, uid, gid, mtime: stat.attributes.mtime };
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Time;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reveals an entry with this type, mode and attributes.
    fn revealed(kind: FileType, mode: u16, pairs: &[(&[u8], &[u8])]) -> (Stat, XattrSet) {
        let mut stat = Stat {
            kind,
            id: (1, 2),
            links: 1,
            attributes: Attributes { mode, uid: 1, gid: 1, mtime: Time::default() },
            ctime: Time::default(),
            size: 0,
            allocated: 0,
            device: (0, 0),
            #[cfg(windows)]
            dos: Default::default(),
        };
        let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut read = Ok((XattrSet::new(pairs).unwrap(), None));
        reveal(&mut stat, &mut read);
        (stat, read.unwrap().0)
    }

    fn entries(set: &XattrSet, name: &[u8]) -> Vec<(Tag, u16)> {
        Acl::decode(set.get(name).unwrap()).unwrap().entries().collect()
    }

    #[test]
    fn only_what_rsync_writes_is_taken() {
        let file = FileType::RegularFile;
        let (stat, set) = revealed(file, 0o600, &[(b"user.a", b"1"), (STAT, b"100640 0,0 1000:33")]);
        let attributes = stat.attributes;
        assert_eq!((stat.kind, attributes.mode, attributes.uid, attributes.gid), (file, 0o640, 1000, 33));
        assert_eq!(set.names().collect::<Vec<_>>(), [b"user.a"]);
        for wrong in
            ["", "100644", "100644 0,0", "100644 0:0 1,1", "x 0,0 1:1", "100644 0,0 1:1 2", "777 0,0 1:1"]
        {
            let (stat, set) = revealed(file, 0o600, &[(STAT, wrong.as_bytes())]);
            assert_eq!((stat.attributes.mode, stat.attributes.uid), (0o600, 1), "{wrong}");
            assert!(set.get(STAT).is_some(), "{wrong}");
        }
        for wrong in [&words(&[6, 6, 6])[..], &words(&[6, 6, 6, 8]), &words(&[6, 6, 6, 4, 33]), b"\x06"] {
            let (_, set) = revealed(file, 0o600, &[(ACCESS_LIST, wrong), (b"user.rsync.foo", b"1")]);
            assert_eq!(set.names().collect::<Vec<_>>(), [ACCESS_LIST, b"user.rsync.foo"]);
        }
    }

    #[test]
    fn lists_take_from_the_mode_what_they_lack() {
        // rsync 3.5 stores this for `setfacl -m u:33:rwx,g:44:r,m:rw` of a file of mode 664, whose group had
        // r.
        let kept = words(&[NO_ENTRY, 4, 6, NO_ENTRY, 33, IS_USER | 7, 44, 4]);
        let (_, set) = revealed(FileType::RegularFile, 0o664, &[(ACCESS_LIST, &kept)]);
        assert_eq!(
            entries(&set, acl::ACCESS),
            [
                (Tag::UserObj, 6),
                (Tag::User(33), 7),
                (Tag::GroupObj, 4),
                (Tag::Group(44), 4),
                (Tag::Mask, 6),
                (Tag::Other, 4)
            ]
        );
        let nothing = words(&[NO_ENTRY; 4]);
        let (_, set) = revealed(FileType::RegularFile, 0o664, &[(ACCESS_LIST, &nothing)]);
        assert!(set.is_empty());
        let default = words(&[7, 7, NO_ENTRY, 5]);
        let (_, set) = revealed(FileType::Directory, 0o755, &[(DEFAULT_LIST, &default)]);
        assert_eq!(entries(&set, acl::DEFAULT), [(Tag::UserObj, 7), (Tag::GroupObj, 7), (Tag::Other, 5)]);
    }

    #[test]
    fn the_lists_of_a_stand_in_are_not_those_of_the_file() {
        let inherited = Acl::new(vec![(Tag::UserObj, 7), (Tag::GroupObj, 7), (Tag::Other, 7)]).encode();
        // rsync stores no mode if it could give the file the right one.
        for pairs in [
            &[(acl::ACCESS, &inherited[..])][..],
            &[(STAT, b"100640 0,0 1000:33"), (acl::ACCESS, &inherited)],
        ] {
            let (_, set) = revealed(FileType::RegularFile, 0o664, pairs);
            assert!(set.is_empty());
        }
    }

    #[test]
    fn other_namespaces_come_back() {
        let (_, set) = revealed(
            FileType::RegularFile,
            0o644,
            &[
                (b"user.rsync.security.capability", b"cap"),
                (b"user.rsync.trusted.foo", b"bar"),
                (b"user.rsync.trustedfoo", b"bar"),
                (b"user.rsync.%x", b"1"),
            ],
        );
        assert_eq!(set.get(b"security.capability"), Some(&b"cap"[..]));
        assert_eq!(set.get(b"trusted.foo"), Some(&b"bar"[..]));
        assert_eq!(set.names().filter(|name| name.starts_with(PREFIX)).count(), 2);
    }

    proptest! {
        #[test]
        fn any_value_is_parsed_or_refused(value in prop::collection::vec(any::<u8>(), 0..60)) {
            for name in [STAT, ACCESS_LIST, DEFAULT_LIST] {
                revealed(FileType::Directory, 0o755, &[(name, &value)]);
            }
        }
    }
}
