use std::fmt;

use super::StoreError;

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

/// Store of objects. An object store must be able to implement it, so there is no rename and no append.
///
/// - An object is immutable: it is put once, as a whole, and later at most deleted.
/// - `put` returns when the object is durable. After a crash, the object is complete or absent. A reader
///   never sees part of it.
/// - An absent object is [`StoreError::Missing`]. Where the medium fails, a read is retried before it ends in
///   [`StoreError::Unreadable`]. Any other failure is [`StoreError::Io`].
pub trait Backend: Send + Sync + fmt::Debug {
    /// Stores `bytes` as `object`. It is no error to put the same object again.
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError>;

    /// Returns the object's bytes in `offset..offset + len`: all of them, or an error.
    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError>;

    /// The object's length in bytes.
    fn size(&self, object: &Object) -> Result<u64, StoreError>;

    /// Returns the names of all objects of a kind, in any order. Skips everything that is no object of this
    /// kind.
    fn list(&self, kind: ObjectKind) -> Result<Vec<String>, StoreError>;

    /// Removes the object. An absent object is no error.
    fn delete(&self, object: &Object) -> Result<(), StoreError>;

    /// Quarantines the object: moves it to a folder where nothing reads it. Returns its new path below the
    /// repository. Objects that were quarantined under the same name before are kept. The object is not read,
    /// as the medium may fail at it. The move is durable on return. An absent object is
    /// [`StoreError::Missing`].
    fn quarantine(&self, object: &Object) -> Result<String, StoreError>;

    /// Syncs all visible objects of a kind. The writer of an object may have been killed before the object
    /// was durable, and later writes may rely on the object.
    fn sync(&self, kind: ObjectKind) -> Result<(), StoreError>;

    /// Returns a stamp that changes whenever the [`list`](Self::list) of snapshots or tags may have changed.
    /// It is cheap enough to be read often. `None` if only a listing can show a change.
    fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError>;

    /// Returns the last bytes of the object, at most `len`, and its length in bytes.
    fn get_end(&self, object: &Object, len: usize) -> Result<(Vec<u8>, u64), StoreError> {
        let size = self.size(object)?;
        let len = size.min(len as u64);
        Ok((self.get_range(object, size - len, len as usize)?, size))
    }

    /// Returns all bytes of an object of at most `limit` bytes.
    fn get(&self, object: &Object, limit: usize) -> Result<Vec<u8>, StoreError> {
        let size = self.size(object)?;
        if size > limit as u64 {
            let reason =
                crate::format::FormatError::Limit { what: "object's size", value: size, limit: limit as u64 };
            return Err(StoreError::Damaged { object: object.to_string(), reason });
        }
        self.get_range(object, 0, size as usize)
    }
}

#[cfg(test)]
pub(super) mod tests {
    //! Conformance test of backends. The tests of each backend run it.

    use super::*;

    pub(in crate::store) fn conforms(backend: &dyn Backend) {
        let pack = |digit: &str| Object { kind: ObjectKind::Pack, name: digit.repeat(64) };
        assert!(matches!(backend.size(&pack("a")), Err(StoreError::Missing(_))));
        assert!(matches!(backend.get_range(&pack("a"), 0, 1), Err(StoreError::Missing(_))));
        assert!(backend.delete(&pack("a")).is_ok());
        assert_eq!(backend.list(ObjectKind::Pack).unwrap(), Vec::<String>::new());

        backend.put(&pack("a"), b"0123456789").unwrap();
        backend.put(&pack("a"), b"0123456789").unwrap();
        backend.put(&pack("b"), b"").unwrap();
        assert_eq!(backend.size(&pack("a")).unwrap(), 10);
        assert_eq!(backend.get_range(&pack("a"), 3, 4).unwrap(), b"3456");
        assert_eq!(backend.get(&pack("b"), 10).unwrap(), b"");
        assert!(matches!(backend.get_range(&pack("a"), 8, 4), Err(StoreError::Damaged { .. })));
        assert!(matches!(backend.get_range(&pack("a"), u64::MAX, 4), Err(StoreError::Damaged { .. })));
        assert!(matches!(backend.get(&pack("a"), 9), Err(StoreError::Damaged { .. })));
        assert_eq!(backend.get_end(&pack("a"), 4).unwrap(), (b"6789".to_vec(), 10));
        assert_eq!(backend.get_end(&pack("a"), 99).unwrap(), (b"0123456789".to_vec(), 10));
        assert!(matches!(backend.get_end(&pack("c"), 4), Err(StoreError::Missing(_))));
        let mut names = backend.list(ObjectKind::Pack).unwrap();
        names.sort();
        assert_eq!(names, ["a".repeat(64), "b".repeat(64)]);

        for kind in [ObjectKind::Config, ObjectKind::Pack, ObjectKind::Snapshot, ObjectKind::Tag] {
            backend.sync(kind).unwrap();
        }
        let stamp = backend.snapshots_stamp().unwrap();
        backend.put(&Object { kind: ObjectKind::Snapshot, name: "c".repeat(64) }, b"x").unwrap();
        assert!(stamp.is_none() || backend.snapshots_stamp().unwrap() != stamp);
        assert_eq!(backend.list(ObjectKind::Snapshot).unwrap(), ["c".repeat(64)]);
        tags_conform(backend);

        backend.delete(&pack("a")).unwrap();
        assert_eq!(backend.list(ObjectKind::Pack).unwrap(), ["b".repeat(64)]);

        let first = backend.quarantine(&pack("b")).unwrap();
        assert!(matches!(backend.quarantine(&pack("b")), Err(StoreError::Missing(_))));
        assert_eq!(backend.list(ObjectKind::Pack).unwrap(), Vec::<String>::new());
        backend.put(&pack("b"), b"again").unwrap();
        assert_ne!(backend.quarantine(&pack("b")).unwrap(), first, "one would replace the other");
    }

    /// Old repositories have no folder for tags. It is created for the first tag.
    fn tags_conform(backend: &dyn Backend) {
        let tag = Object { kind: ObjectKind::Tag, name: "d".repeat(64) };
        assert_eq!(backend.list(ObjectKind::Tag).unwrap(), Vec::<String>::new());
        assert!(matches!(backend.get(&tag, 10), Err(StoreError::Missing(_))));
        assert!(matches!(backend.quarantine(&tag), Err(StoreError::Missing(_))));
        backend.delete(&tag).unwrap();
        for is_put in [true, false] {
            let stamp = backend.snapshots_stamp().unwrap();
            if is_put { backend.put(&tag, b"x") } else { backend.delete(&tag) }.unwrap();
            assert!(stamp.is_none() || backend.snapshots_stamp().unwrap() != stamp);
            backend.sync(ObjectKind::Tag).unwrap();
        }
        backend.put(&tag, b"x").unwrap();
        assert_eq!(backend.list(ObjectKind::Tag).unwrap(), ["d".repeat(64)]);
        assert_eq!(backend.list(ObjectKind::Snapshot).unwrap(), ["c".repeat(64)], "of another kind");
        backend.quarantine(&tag).unwrap();
        assert_eq!(backend.list(ObjectKind::Tag).unwrap(), Vec::<String>::new());
    }
}
