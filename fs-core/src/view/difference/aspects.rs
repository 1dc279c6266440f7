use crate::format::{Entry, Kind};

/// Something in which two entries can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// The type: a file became a symbolic link.
    Kind,
    /// A file's bytes or holes, a symbolic link's target, a device's number.
    Content,
    /// The permissions.
    Mode,
    /// Owner or group.
    Owner,
    /// The time of the last modification.
    Time,
    /// The extended attributes, ACLs among them.
    Xattrs,
}

/// In what two entries differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Aspects(u8);

impl Aspect {
    const ALL: [Aspect; 6] =
        [Aspect::Kind, Aspect::Content, Aspect::Mode, Aspect::Owner, Aspect::Time, Aspect::Xattrs];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Kind => "type",
            Aspect::Content => "content",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Time => "time",
            Aspect::Xattrs => "xattrs",
        }
    }
}

impl Aspects {
    /// Compares two entries, of directories without what is in them.
    pub(super) fn of(before: &Entry, after: &Entry) -> Self {
        let (old, new) = (&before.attributes, &after.attributes);
        let kind = std::mem::discriminant(&before.kind) != std::mem::discriminant(&after.kind);
        let content = match (&before.kind, &after.kind) {
            (Kind::Directory(_), Kind::Directory(_)) => false,
            (one, other) => !kind && one != other,
        };
        let differs = |aspect| match aspect {
            Aspect::Kind => kind,
            Aspect::Content => content,
            Aspect::Mode => old.mode != new.mode,
            Aspect::Owner => (old.uid, old.gid) != (new.uid, new.gid),
            Aspect::Time => old.mtime != new.mtime,
            Aspect::Xattrs => before.xattrs != after.xattrs,
        };
        let bits = Aspect::ALL.into_iter().filter(|aspect| differs(*aspect)).map(|aspect| 1 << aspect as u8);
        Self(bits.sum())
    }

    /// Whether they differ in this.
    pub fn contains(self, aspect: Aspect) -> bool {
        self.0 & 1 << aspect as u8 != 0
    }

    /// Whether they differ in nothing.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All in which they differ.
    pub fn iter(self) -> impl Iterator<Item = Aspect> {
        Aspect::ALL.into_iter().filter(move |aspect| self.contains(*aspect))
    }
}
