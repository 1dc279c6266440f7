//! Access to directories, in a view for several users.
//!
//! The kernel caches a view's answers for all users, so they must not depend on the user. Instead each
//! directory has a mode, and the kernel checks each user against it.

use super::filesystem::View;
use super::node::{Node, NodeKind};
use crate::format::{Ancestor, Entry, Xattrs, acl};
use crate::history::Snapshot;

/// Mode and owner of a folder. A folder may stand for a directory at several times. It then excludes every
/// user who was excluded at one of them. Its content while it was private must stay private after it was
/// opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::view) struct Access {
    pub(in crate::view) mode: u16,
    /// User and group id; `None` for those of the view itself.
    pub(in crate::view) owner: Option<(u32, u32)>,
}

/// Permission to list a directory, and to pass it.
const LIST_AND_PASS: u16 = 0o555;
const PASS: u16 = 0o111;
const OWNER: u16 = 0o700;

impl Access {
    /// Access to the folder of a file's versions, which have modes of their own.
    pub(in crate::view) const OPEN: Self = Self { mode: 0o755, owner: None };

    pub(in crate::view) fn of_directory(entry: &Entry) -> Self {
        let attributes = &entry.attributes;
        let has_acl = match &entry.xattrs {
            Xattrs::None => false,
            Xattrs::Inline(set) => set.get(acl::ACCESS).is_some(),
            Xattrs::Blob(_) => true,
        };
        // With an ACL, the group's bits are the ACL's mask. If attributes could not be read, an ACL may be
        // among them.
        let mode = attributes.mode & if has_acl || entry.gaps.xattrs { OWNER } else { 0o777 };
        Self { mode, owner: Some((attributes.uid, attributes.gid)) }
    }

    /// Access to a folder that stands for all `directories`.
    pub(in crate::view) fn of_all(directories: impl Iterator<Item = Self>) -> Self {
        directories.reduce(Self::and).unwrap_or(Self::OPEN)
    }

    pub(in crate::view) fn and(self, other: Self) -> Self {
        let mode = self.mode & other.mode;
        if self.owner == other.owner {
            Self { mode, owner: self.owner }
        } else {
            // The bits apply to different users.
            Self { mode: mode & OWNER, owner: None }
        }
    }

    /// Narrows the access to a directory below `above`. Only users who can pass `above` keep access. If
    /// different owners or an ACL make it unclear who they are, only the owner of both keeps access.
    fn below(self, above: &Ancestor) -> Self {
        if above.mode & PASS == PASS && !above.has_acl {
            return self;
        }
        let mode = above.mode & if above.has_acl { OWNER } else { 0o777 };
        let Some((_, gid)) = self.owner.filter(|(uid, _)| *uid == above.uid) else {
            return Self { mode: self.mode & OWNER, owner: None };
        };
        let (group, others) = if gid == above.gid { (0o010, 0o001) } else { (0o011, 0o011) };
        // The bits of each class of users, and those of `above` that let the class pass.
        let classes = [(0o700, 0o100), (0o070, group), (0o007, others)];
        let kept = classes.into_iter().filter(|(_, needed)| mode & needed == *needed);
        Self { mode: self.mode & kept.map(|(bits, _)| bits).sum::<u16>(), ..self }
    }

    /// Whether all users may list the directory and pass it.
    pub(in crate::view) fn is_open(self) -> bool {
        self.mode & LIST_AND_PASS == LIST_AND_PASS
    }

    /// Removes the right to list from users who may not pass. A listing of differences reveals more of a file
    /// than its name.
    pub(in crate::view) fn without_blind_listing(self) -> Self {
        let passing = (self.mode & PASS) * 0o7;
        Self { mode: self.mode & passing, ..self }
    }
}

impl View {
    /// Access to the directory `path` of a snapshot. Its root excludes users who could not pass the
    /// directories above it when it was imported.
    pub(in crate::view) fn access(&self, snapshot: &Snapshot, path: &[u8], entry: &Entry) -> Access {
        let own = Access::of_directory(entry);
        if !path.is_empty() || !self.is_shared || self.opens_parents {
            return own;
        }
        snapshot.manifest.extensions.ancestors.iter().fold(own, Access::below)
    }

    /// Access to a node, if it differs from its entry's.
    pub(in crate::view) fn narrowed(&self, node: &Node) -> Option<Access> {
        match &node.kind {
            NodeKind::Directory { tree, .. } if tree.path.is_empty() => {
                let root = &tree.snapshot.manifest.root;
                let access = self.access(&tree.snapshot, b"", root);
                (access != Access::of_directory(root)).then_some(access)
            }
            NodeKind::Virtual(folder) => folder.access(self),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn access(mode: u16, uid: u32) -> Access {
        Access { mode, owner: Some((uid, 5)) }
    }

    #[test]
    fn what_was_private_once_stays_so() {
        assert_eq!(access(0o755, 1).and(access(0o710, 1)), access(0o710, 1));
        assert_eq!(access(0o755, 1).and(access(0o755, 2)), Access { mode: 0o700, owner: None });
    }

    #[test]
    fn only_who_passes_what_is_above_gets_in() {
        let above = |mode, uid, gid| Ancestor { mode, uid, gid, has_acl: false };
        let below = |above| access(0o755, 1).below(&above);
        assert_eq!(below(above(0o711, 9, 9)), access(0o755, 1));
        assert_eq!(below(above(0o700, 1, 5)), access(0o700, 1));
        assert_eq!(below(above(0o750, 1, 5)), access(0o750, 1));
        assert_eq!(below(above(0o701, 1, 5)), access(0o705, 1));
        // Members of one group need not be members of the other.
        assert_eq!(below(above(0o750, 1, 6)), access(0o700, 1));
        assert_eq!(below(above(0o701, 1, 6)), access(0o700, 1));
        assert_eq!(below(above(0o750, 0, 5)), Access { mode: 0o700, owner: None });
        assert_eq!(below(Ancestor { has_acl: true, ..above(0o777, 1, 5) }), access(0o700, 1));
        assert_eq!(below(above(0, 1, 5)), access(0, 1));
    }

    #[test]
    fn who_may_only_list_sees_nothing_that_differs() {
        assert_eq!(access(0o745, 1).without_blind_listing(), access(0o705, 1));
        assert_eq!(access(0o711, 1).without_blind_listing(), access(0o711, 1));
        assert!(access(0o755, 1).is_open() && !access(0o751, 1).is_open() && !access(0o705, 1).is_open());
    }
}
