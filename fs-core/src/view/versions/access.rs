use crate::format::{Entry, Xattrs};

/// Who may look into a folder that stands for a directory of all times: no more than may in each of its times. What was in a
/// directory while it was private is not to be seen because it was opened later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::view) struct Access {
    pub(in crate::view) mode: u16,
    /// User and group; `None`: those of the folders that are in no snapshot.
    pub(in crate::view) owner: Option<(u32, u32)>,
}

impl Access {
    /// Of a folder of versions of a file: they have modes of their own.
    pub(super) const OPEN: Self = Self { mode: 0o755, owner: None };

    /// Of a folder for what were these directories.
    pub(super) fn of<'a>(directories: impl Iterator<Item = &'a Entry>) -> Self {
        directories.map(Self::of_directory).reduce(Self::and).unwrap_or(Self::OPEN)
    }

    pub(super) fn of_directory(entry: &Entry) -> Self {
        let attributes = &entry.attributes;
        let has_acl = match &entry.xattrs {
            Xattrs::None => false,
            Xattrs::Inline(set) => set.get(b"system.posix_acl_access").is_some(),
            Xattrs::Blob(_) => true,
        };
        // With an ACL the bits of the group are not the group's.
        let mode = attributes.mode & if has_acl { 0o700 } else { 0o777 };
        Self { mode, owner: Some((attributes.uid, attributes.gid)) }
    }

    pub(super) fn and(self, other: Self) -> Self {
        let mode = self.mode & other.mode;
        if self.owner == other.owner {
            Self { mode, owner: self.owner }
        } else {
            // One's bits are not the other's.
            Self { mode: mode & 0o700, owner: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_private_once_stays_so() {
        let access = |mode, uid| Access { mode, owner: Some((uid, 5)) };
        assert_eq!(access(0o755, 1).and(access(0o710, 1)), access(0o710, 1));
        assert_eq!(access(0o755, 1).and(access(0o755, 2)), Access { mode: 0o700, owner: None });
    }
}
