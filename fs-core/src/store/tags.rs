//! Tags of snapshots. Each is an object, and nothing refers to it.

use super::random::new_salt;
use super::{Object, ObjectKind, Repository, StoreError};
use crate::format::limits::MAX_TAG;
use crate::format::{Tag, TagId};

impl Repository {
    /// Returns the ids of all tags, in any order.
    pub fn tags(&self) -> Result<Vec<TagId>, StoreError> {
        self.backend.ids(ObjectKind::Tag, TagId::parse)
    }

    /// Reads a tag.
    pub fn tag(&self, id: &TagId) -> Result<Tag, StoreError> {
        let object = Object::tag(*id);
        let bytes = self.backend.get(&object, MAX_TAG)?;
        Tag::open(self.keys(), id, bytes).map_err(StoreError::damaged(|| &object))
    }

    /// Stores a tag, and replaces a damaged one. Returns false if the tag exists already. The lock must be
    /// held.
    pub fn put_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let (id, bytes) = tag.seal(self.keys(), new_salt()?);
        match self.tag(&id) {
            Ok(_) => {
                // The writer of the tag may have been killed before the tag was durable.
                self.backend.sync(ObjectKind::Tag)?;
                Ok(false)
            }
            Err(error) if error.is_damage() => {
                self.backend.put(&Object::tag(id), &bytes)?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a tag. The lock must be held.
    pub fn remove_tag(&self, id: &TagId) -> Result<(), StoreError> {
        self.backend.delete(&Object::tag(*id))
    }

    /// Quarantines a damaged tag and returns its new path. `None` if the tag was missing already.
    pub fn quarantine_tag(&self, id: &TagId) -> Result<Option<String>, StoreError> {
        self.backend.quarantine(&Object::tag(*id))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::format::{SnapshotId, Time};
    use crate::store::Access;

    fn sample(given: i64) -> Tag {
        let (source, given) = ((*b"web1").into(), Time::new(given, 0).unwrap());
        Tag { snapshot: SnapshotId([3; 32]), source, name: "kept".into(), given }
    }

    #[test]
    fn a_tag_is_kept_once_and_written_again_when_it_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        Repository::init(directory.path()).unwrap();
        let repository = Repository::open(directory.path(), Access::Write).unwrap();
        assert_eq!(repository.tags().unwrap(), []);
        let id = sample(1).id(repository.keys());
        assert!(repository.put_tag(&sample(1)).unwrap());
        assert!(!repository.put_tag(&sample(2)).unwrap());
        assert_eq!(repository.tags().unwrap(), [id]);
        assert_eq!(repository.tag(&id).unwrap(), sample(1), "as it was given first");

        let file = directory.path().join("tags").join(id.to_string());
        fs::write(&file, b"YTAG").unwrap();
        assert!(repository.tag(&id).unwrap_err().is_damage());
        assert!(repository.put_tag(&sample(2)).unwrap());
        assert_eq!(repository.tag(&id).unwrap(), sample(2));

        // The file of one tag under the name of another.
        let swapped = TagId([7; 32]);
        fs::copy(&file, directory.path().join("tags").join(swapped.to_string())).unwrap();
        assert!(repository.tag(&swapped).unwrap_err().is_damage());
        assert_eq!(repository.quarantine_tag(&swapped).unwrap(), Some(format!("damaged/tags/{swapped}")));
        assert_eq!(repository.quarantine_tag(&swapped).unwrap(), None);

        repository.remove_tag(&id).unwrap();
        repository.remove_tag(&id).unwrap();
        assert_eq!(repository.tags().unwrap(), []);
    }
}
