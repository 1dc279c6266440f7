//! POSIX access control lists, encoded as in Linux's extended attributes (`linux/posix_acl_xattr.h`).

/// Name of the attribute with the access ACL.
pub const ACCESS: &[u8] = b"system.posix_acl_access";
/// Name of the attribute with the default ACL of a directory, which new entries inherit.
pub const DEFAULT: &[u8] = b"system.posix_acl_default";

const VERSION: u32 = 2;
/// Id in entries without a user or group.
const NOBODY: u32 = u32::MAX;
/// All permission bits.
const ALL: u16 = 7;

/// The users that an entry applies to, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// The owner.
    UserObj,
    /// A user, by number.
    User(u32),
    /// The owning group.
    GroupObj,
    /// A group, by number.
    Group(u32),
    /// The mask: upper bound for all but the owner and others.
    Mask,
    /// Everybody else.
    Other,
}

/// An ACL. Every entry has three permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl(Vec<(Tag, u16)>);

impl Acl {
    /// Makes an ACL of these entries, sorted.
    pub fn new(mut entries: Vec<(Tag, u16)>) -> Self {
        entries.sort_unstable();
        Self(entries)
    }

    /// Parses an ACL, keeping the order of entries. `None` if `bytes` are invalid.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk()?;
        let (entries, rest) = entries.as_chunks::<8>();
        if u32::from_le_bytes(*version) != VERSION || !rest.is_empty() || entries.is_empty() {
            return None;
        }
        let decode = |[a, b, c, d, id @ ..]: &[u8; 8]| {
            let id = u32::from_le_bytes(*id);
            let tag = match u16::from_le_bytes([*a, *b]) {
                0x01 => Tag::UserObj,
                0x02 => Tag::User(id),
                0x04 => Tag::GroupObj,
                0x08 => Tag::Group(id),
                0x10 => Tag::Mask,
                0x20 => Tag::Other,
                _ => return None,
            };
            Some((tag, u16::from_le_bytes([*c, *d]) & ALL))
        };
        entries.iter().map(decode).collect::<Option<_>>().map(Self)
    }

    /// Inverse of [`decode`](Self::decode).
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, permissions) in &self.0 {
            let (tag, id) = match *tag {
                Tag::UserObj => (0x01_u16, NOBODY),
                Tag::User(id) => (0x02, id),
                Tag::GroupObj => (0x04, NOBODY),
                Tag::Group(id) => (0x08, id),
                Tag::Mask => (0x10, NOBODY),
                Tag::Other => (0x20, NOBODY),
            };
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    /// The entries: the users and their permissions.
    pub fn entries(&self) -> impl Iterator<Item = (Tag, u16)> {
        self.0.iter().copied()
    }

    /// Permission bits of the owning group and of others, for a mode that grants nobody more than this ACL.
    /// The mode is for a file system without ACLs. There, users and groups named by the ACL may count as
    /// either.
    pub fn strictest(&self) -> (u16, u16) {
        let of = |wanted: fn(Tag) -> bool| {
            self.entries().filter(move |(tag, _)| wanted(*tag)).fold(ALL, |all, (_, one)| all & one)
        };
        let mask = of(|tag| tag == Tag::Mask);
        let users = of(|tag| matches!(tag, Tag::User(_)));
        let groups = of(|tag| matches!(tag, Tag::Group(_)));
        (of(|tag| tag == Tag::GroupObj) & mask & users, of(|tag| tag == Tag::Other) & users & groups)
    }

    /// The same ACL for a file with the wrong owning group. Group and others get only the permissions that
    /// both have here.
    #[must_use]
    pub fn for_another_group(&self) -> Self {
        let (group, other) = self.strictest();
        let narrow = |(tag, permissions)| match tag {
            Tag::GroupObj | Tag::Other => (tag, permissions & group & other),
            _ => (tag, permissions),
        };
        Self(self.entries().map(narrow).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(entries: &[(Tag, u16)]) -> Acl {
        Acl::new(entries.to_vec())
    }

    #[test]
    fn without_a_list_nobody_gets_more() {
        let granting = list(&[
            (Tag::UserObj, 6),
            (Tag::User(33), 4),
            (Tag::GroupObj, 0),
            (Tag::Mask, 4),
            (Tag::Other, 0),
        ]);
        assert_eq!(granting.strictest(), (0, 0));
        let denying = list(&[
            (Tag::UserObj, 6),
            (Tag::User(33), 0),
            (Tag::GroupObj, 6),
            (Tag::Group(44), 4),
            (Tag::Mask, 7),
            (Tag::Other, 4),
        ]);
        assert_eq!(denying.strictest(), (0, 0));
        let group = list(&[
            (Tag::UserObj, 7),
            (Tag::GroupObj, 6),
            (Tag::Group(44), 5),
            (Tag::Mask, 4),
            (Tag::Other, 4),
        ]);
        assert_eq!(group.strictest(), (4, 4));
        let narrowed: Vec<_> = group.for_another_group().entries().collect();
        assert_eq!(narrowed[1], (Tag::GroupObj, 4));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(acl) = Acl::decode(&bytes) {
                let again = acl.encode();
                prop_assert_eq!(Acl::decode(&again), Some(acl));
            }
        }
    }
}
