use crate::format::{Entry, Kind};

/// What may differ between two versions of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// One is a file, the other a directory, or the like.
    Kind,
    /// Bytes of a file, the target of a symbolic link, the number of a device, anything below a directory.
    Content,
    /// Permission bits.
    Mode,
    /// User or group.
    Owner,
    /// The time of modification.
    Time,
    /// Extended attributes, ACLs among them.
    Xattrs,
    /// Whether the file kept changing while it was read.
    Settled,
}

impl Aspect {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Kind => "type",
            Aspect::Content => "content",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Time => "time",
            Aspect::Xattrs => "xattrs",
            Aspect::Settled => "settled",
        }
    }
}

/// What differs between two entries.
pub fn changed(before: &Entry, after: &Entry) -> Vec<Aspect> {
    let same_kind = std::mem::discriminant(&before.kind) == std::mem::discriminant(&after.kind);
    let (old, new) = (&before.attributes, &after.attributes);
    let differences = [
        (Aspect::Kind, !same_kind),
        (Aspect::Content, same_kind && content_differs(&before.kind, &after.kind)),
        (Aspect::Mode, old.mode != new.mode),
        (Aspect::Owner, (old.uid, old.gid) != (new.uid, new.gid)),
        (Aspect::Time, old.mtime != new.mtime),
        (Aspect::Xattrs, before.xattrs != after.xattrs),
        (Aspect::Settled, before.unsettled != after.unsettled),
    ];
    differences.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}

fn content_differs(before: &Kind, after: &Kind) -> bool {
    match (before, after) {
        // Where its holes are is not content.
        (Kind::File { size, content, .. }, Kind::File { size: new_size, content: new, .. }) => {
            (size, content) != (new_size, new)
        }
        _ => before != after,
    }
}
