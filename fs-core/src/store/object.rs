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
    /// Names given to snapshots, named by [`crate::format::TagId`].
    Tag,
}

/// An object's kind and name. The name is empty for the config, and hexadecimal for every other object.
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

    /// A snapshot's tag.
    pub fn tag(id: crate::format::TagId) -> Self {
        Self { kind: ObjectKind::Tag, name: id.to_string() }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ObjectKind::Config => write!(f, "the repository's config"),
            ObjectKind::Pack => write!(f, "pack {}", self.name),
            ObjectKind::Snapshot => write!(f, "snapshot {}", self.name),
            ObjectKind::Tag => write!(f, "the tag in tags/{}", self.name),
        }
    }
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name within the kind.
    pub name: String,
    /// Length in bytes; `None` if it cannot be read, or if something else has the object's name.
    pub size: Option<u64>,
}
