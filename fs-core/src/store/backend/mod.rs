//! Where a repository's objects are: the contract of a store, and the stores that there are.

pub(super) mod folder;
pub(super) mod local;
pub(super) mod lock;
pub(super) mod memory;
mod patience;
pub(super) mod repository_folder;
pub(super) mod survey;

use std::fmt::Debug;
use std::io::ErrorKind;

use self::survey::Exposed;

use super::{Listed, Object, ObjectKind, StoreError};

use crate::format::FormatError;

/// Store of objects. An object store must be able to implement it, so there is no rename and no append.
/// [`Repository::open_on`](super::Repository::open_on) opens the repository in a backend.
///
/// - An object is immutable: it is put once, as a whole, and later at most deleted.
/// - `put` returns when the object is durable. After a crash, the object is complete or absent. A reader
///   never sees part of it.
/// - An absent object is [`StoreError::Missing`]. Where the medium fails, a read is retried before it ends in
///   [`StoreError::Unreadable`]. Any other failure is [`StoreError::Io`].
pub trait Backend: Send + Sync + Debug {
    /// Stores `bytes` as `object`. It is no error to put the same object again.
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError>;

    /// Stores `bytes` as `object` unless it exists. Of any number of writers that try this at the same time, one
    /// succeeds.
    ///
    /// # Errors
    /// Then the object was not stored, and will not be.
    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError>;

    /// Returns the object's bytes in `offset..offset + len`: all of them, or an error.
    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError>;

    /// The object's length in bytes.
    fn size(&self, object: &Object) -> Result<u64, StoreError>;

    /// Lists all objects of a kind with their sizes, in any order. Skips everything that is no object of this
    /// kind.
    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError>;

    /// Removes the object. An absent object is no error.
    fn delete(&self, object: &Object) -> Result<(), StoreError>;

    /// The operations that only a folder on this machine has; `None` for any other store.
    fn local(&self) -> Option<&dyn LocalStore> {
        None
    }

    /// Returns the last bytes of the object, at most `len`, and its length in bytes.
    fn get_end(&self, object: &Object, len: usize) -> Result<(Vec<u8>, u64), StoreError> {
        let size = self.size(object)?;
        let len = size.min(len as u64);
        Ok((self.get_range(object, size - len, len as usize)?, size))
    }

    /// Returns all bytes of an object of at most `limit` bytes.
    fn get(&self, object: &Object, limit: usize) -> Result<Vec<u8>, StoreError> {
        let (bytes, size) = self.get_end(object, limit)?;
        let checked = FormatError::check_limit("object's size", size, limit as u64);
        checked.map(|_| bytes).map_err(StoreError::damaged(|| object))
    }
}

/// The result of [`Backend::put_new`].
#[derive(Debug)]
pub enum Put {
    /// The object was stored, and is durable.
    Stored,
    /// The object exists. The same writer may have stored it, in an attempt that seemed to fail.
    Exists,
    /// It is unknown whether the object was stored, or will be, because of this error.
    Unknown(StoreError),
}

/// Operations of a store that is a folder on this machine, beyond those of a [`Backend`].
pub trait LocalStore {
    /// Quarantines the object: moves it to a folder where nothing reads it. Returns its new path below the
    /// repository. Objects that were quarantined under the same name before are kept. The object is not read,
    /// as the medium may fail at it. The move is durable on return. An absent object is
    /// [`StoreError::Missing`].
    fn quarantine(&self, object: &Object) -> Result<String, StoreError>;

    /// Syncs all visible objects of a kind. The writer of an object may have been killed before the object
    /// was durable, and later writes may rely on the object.
    fn sync(&self, kind: ObjectKind) -> Result<(), StoreError>;

    /// Returns a stamp that changes whenever the [`list`](Backend::list) of snapshots or tags may have
    /// changed. It is cheap enough to be read often. `None` if only a listing can show a change.
    fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError>;

    /// The misplaced packs, each with the folder that holds it, below the repository.
    fn misplaced_packs(&self) -> Result<Vec<(String, String)>, StoreError>;

    /// Moves a misplaced pack into its own folder. Durable on return.
    fn move_to_own_folder(&self, pack: &str) -> Result<(), StoreError>;

    /// Errors for entries that have the name of a file or folder of the repository but are of another type.
    /// Objects are left out.
    fn foreign(&self) -> Vec<StoreError>;

    /// Entries that other users can read or change. Windows has no modes, and nothing is reported there.
    fn exposed(&self) -> Exposed;
}

impl dyn Backend + '_ {
    /// Returns the ids of all objects of a kind, in any order; `parse` makes them of the names.
    pub(in crate::store) fn ids<T>(
        &self,
        kind: ObjectKind,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.list(kind)?.iter().filter_map(|object| parse(&object.name)).collect())
    }

    /// Syncs all visible objects of a kind, if the store can hold objects that are not durable.
    pub(in crate::store) fn sync(&self, kind: ObjectKind) -> Result<(), StoreError> {
        self.local().map_or(Ok(()), |local| local.sync(kind))
    }

    /// Quarantines an object and returns its new path. `None` if it was missing already.
    pub(in crate::store) fn quarantine(&self, object: &Object) -> Result<Option<String>, StoreError> {
        let unsupported = || StoreError::io("quarantine", object.to_string())(ErrorKind::Unsupported.into());
        match self.local().ok_or_else(unsupported)?.quarantine(object) {
            Err(StoreError::Missing(_)) => Ok(None),
            quarantined => quarantined.map(Some),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    //! Conformance test of backends. The tests of each backend run it.

    use super::*;

    fn names(backend: &dyn Backend, kind: ObjectKind) -> Vec<String> {
        let mut names: Vec<_> = backend.list(kind).unwrap().into_iter().map(|object| object.name).collect();
        names.sort();
        names
    }

    fn pack(digit: &str) -> Object {
        Object { kind: ObjectKind::Pack, name: digit.repeat(64) }
    }

    /// Of many writers of one object, one wins, and its bytes are stored.
    fn races(backend: &dyn Backend) {
        for number in 8..40 {
            let put = |writer: u8| (writer, backend.put_new(&Object::record(number), &[writer; 9]).unwrap());
            let puts: Vec<(u8, Put)> = std::thread::scope(|scope| {
                let writers: Vec<_> = (0..4).map(|writer| scope.spawn(move || put(writer))).collect();
                writers.into_iter().map(|writer| writer.join().unwrap()).collect()
            });
            let winners: Vec<u8> = puts
                .iter()
                .filter(|(_, put)| matches!(put, Put::Stored))
                .map(|(writer, _)| *writer)
                .collect();
            assert_eq!(winners.len(), 1, "{puts:?}");
            assert_eq!(backend.get(&Object::record(number), 10).unwrap(), [winners[0]; 9]);
        }
    }

    /// What every backend must do.
    pub(in crate::store) fn conforms(backend: &dyn Backend) {
        assert!(matches!(backend.size(&pack("a")), Err(StoreError::Missing(_))));
        assert!(matches!(backend.get_range(&pack("a"), 0, 1), Err(StoreError::Missing(_))));
        assert!(backend.delete(&pack("a")).is_ok());
        assert_eq!(backend.list(ObjectKind::Pack).unwrap(), []);

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
        let mut listed = backend.list(ObjectKind::Pack).unwrap();
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        let expected = [("a", 10), ("b", 0)];
        assert_eq!(listed, expected.map(|(name, size)| Listed { name: name.repeat(64), size: Some(size) }));

        backend.put(&Object { kind: ObjectKind::Snapshot, name: "c".repeat(64) }, b"x").unwrap();
        assert_eq!(names(backend, ObjectKind::Snapshot), ["c".repeat(64)]);
        let record = Object::record(7);
        assert_eq!(backend.list(ObjectKind::Record).unwrap(), []);
        assert!(matches!(backend.put_new(&record, b"first").unwrap(), Put::Stored));
        assert!(matches!(backend.put_new(&record, b"second").unwrap(), Put::Exists));
        assert_eq!(backend.get(&record, 10).unwrap(), b"first");
        assert_eq!(names(backend, ObjectKind::Record), ["00000000000000000007"]);
        races(backend);
        backend.put(&Object::checkpoint(7), b"state").unwrap();
        backend.put(&Object::checkpoint(7), b"state").unwrap();
        assert_eq!(names(backend, ObjectKind::Checkpoint), ["00000000000000000007"]);

        // Old repositories have no folder for tags. It is created for the first tag.
        let tag = Object { kind: ObjectKind::Tag, name: "d".repeat(64) };
        assert_eq!(backend.list(ObjectKind::Tag).unwrap(), []);
        assert!(matches!(backend.get(&tag, 10), Err(StoreError::Missing(_))));
        backend.delete(&tag).unwrap();
        backend.put(&tag, b"x").unwrap();
        assert_eq!(names(backend, ObjectKind::Tag), ["d".repeat(64)]);
        assert_eq!(names(backend, ObjectKind::Snapshot), ["c".repeat(64)], "of another kind");
        backend.delete(&tag).unwrap();
        assert_eq!(backend.list(ObjectKind::Tag).unwrap(), []);

        backend.put(&pack("a"), b"changed").unwrap();
        assert_eq!(backend.get_range(&pack("a"), 0, 7).unwrap(), b"changed");
        backend.delete(&pack("a")).unwrap();
        assert!(matches!(backend.get_range(&pack("a"), 0, 1), Err(StoreError::Missing(_))));
        assert_eq!(names(backend, ObjectKind::Pack), ["b".repeat(64)]);
    }

    /// What a backend that is a local store must do, after [`conforms`].
    pub(in crate::store) fn conforms_locally(backend: &dyn Backend) {
        let local = backend.local().unwrap();
        let tag = Object { kind: ObjectKind::Tag, name: "e".repeat(64) };
        assert!(matches!(local.quarantine(&tag), Err(StoreError::Missing(_))));
        let kinds = [
            ObjectKind::Config,
            ObjectKind::Pack,
            ObjectKind::Snapshot,
            ObjectKind::Tag,
            ObjectKind::Record,
            ObjectKind::Checkpoint,
        ];
        for kind in kinds {
            local.sync(kind).unwrap();
        }
        for is_put in [true, false] {
            let stamp = local.snapshots_stamp().unwrap();
            if is_put { backend.put(&tag, b"x") } else { backend.delete(&tag) }.unwrap();
            assert!(stamp.is_none() || local.snapshots_stamp().unwrap() != stamp);
            local.sync(ObjectKind::Tag).unwrap();
        }
        backend.put(&tag, b"x").unwrap();
        local.quarantine(&tag).unwrap();
        assert_eq!(backend.list(ObjectKind::Tag).unwrap(), []);

        let stamp = local.snapshots_stamp().unwrap();
        backend.put(&Object { kind: ObjectKind::Snapshot, name: "f".repeat(64) }, b"x").unwrap();
        assert!(stamp.is_none() || local.snapshots_stamp().unwrap() != stamp);

        let first = local.quarantine(&pack("b")).unwrap();
        assert!(matches!(local.quarantine(&pack("b")), Err(StoreError::Missing(_))));
        assert_eq!(backend.list(ObjectKind::Pack).unwrap(), []);
        backend.put(&pack("b"), b"again").unwrap();
        assert_ne!(local.quarantine(&pack("b")).unwrap(), first, "one would replace the other");
    }
}
