//! Objects of a repository: their kinds, names and listings.

use std::fmt;

/// The kinds of object that a repository consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// The config, of which there is one.
    Config,
    /// Packs, named by [`crate::format::PackId`].
    Pack,
    /// Manifests, named by [`crate::format::SnapshotId`].
    Snapshot,
    /// Names given to snapshots, named by [`crate::format::TagId`]. Only version 1 has them.
    Tag,
    /// Records of the log, named by their numbers.
    Record,
    /// States of the log, named by the number of their last record.
    Checkpoint,
}

/// An object's kind and name. The name is empty for the config, 20 digits for a record or checkpoint, and 64
/// hexadecimal digits for every other object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Kind of the object.
    pub kind: ObjectKind,
    /// Name within the kind.
    pub name: String,
}

impl Object {
    /// The config.
    pub fn config() -> Self {
        Self { kind: ObjectKind::Config, name: String::new() }
    }

    /// A pack.
    pub fn pack(id: crate::format::PackId) -> Self {
        Self { kind: ObjectKind::Pack, name: id.to_string() }
    }

    /// A snapshot's manifest.
    pub fn snapshot(id: crate::format::SnapshotId) -> Self {
        Self { kind: ObjectKind::Snapshot, name: id.to_string() }
    }

    /// A record of the log.
    pub fn record(number: u64) -> Self {
        Self { kind: ObjectKind::Record, name: format!("{number:020}") }
    }

    /// The state of the log after a record.
    pub fn checkpoint(number: u64) -> Self {
        Self { kind: ObjectKind::Checkpoint, name: format!("{number:020}") }
    }

    /// A snapshot's tag.
    pub fn tag(id: crate::format::TagId) -> Self {
        Self { kind: ObjectKind::Tag, name: id.to_string() }
    }
}

impl ObjectKind {
    /// Whether an object of this kind can have this name.
    pub(super) fn is_name(self, name: &str) -> bool {
        let all =
            |len, is_digit: fn(&u8) -> bool| name.len() == len && name.bytes().all(|byte| is_digit(&byte));
        match self {
            ObjectKind::Config => name.is_empty(),
            ObjectKind::Record | ObjectKind::Checkpoint => all(20, u8::is_ascii_digit),
            ObjectKind::Pack | ObjectKind::Snapshot | ObjectKind::Tag => all(64, u8::is_ascii_hexdigit),
        }
    }
}

/// A number without leading zeros.
fn shortest(number: &str) -> &str {
    let digits = number.trim_start_matches('0');
    if digits.is_empty() { "0" } else { digits }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ObjectKind::Config => write!(f, "the repository's config"),
            ObjectKind::Pack => write!(f, "pack {}", self.name),
            ObjectKind::Snapshot => write!(f, "snapshot {}", self.name),
            ObjectKind::Tag => write!(f, "the tag in tags/{}", self.name),
            ObjectKind::Record => write!(f, "record {} of the log", shortest(&self.name)),
            ObjectKind::Checkpoint => write!(f, "the checkpoint in state/{}", self.name),
        }
    }
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name within the kind.
    pub name: String,
    /// Length in bytes; `None` if it cannot be read, or if something else has the object's name. Of records and
    /// checkpoints it may be unknown.
    pub size: Option<u64>,
}
