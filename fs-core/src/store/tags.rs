//! Tags of snapshots. The log keeps them; in version 1, each is an object.

use super::log::Refused;
use super::{Object, ObjectKind, Repository, StoreError};
use crate::format::limits::MAX_TAG;
use crate::format::log::Operation;
use crate::format::{SnapshotId, Tag, TagId, Time};

/// The tags that can be read, and the errors of the others.
pub type Tags = (Vec<Tag>, Vec<(TagId, StoreError)>);

impl Repository {
    /// Reads all tags.
    pub fn tags(&self) -> Result<Tags, StoreError> {
        let Some(logged) = self.logged()? else { return self.stored_tags() };
        let tags = logged.tags.iter().filter_map(|((snapshot, name), given)| {
            let source = logged.snapshots.get(snapshot)?.label.source.clone();
            Some(Tag { snapshot: *snapshot, source, name: name.clone(), given: *given })
        });
        Ok((tags.collect(), Vec::new()))
    }

    /// Reads the tags of a repository of version 1.
    fn stored_tags(&self) -> Result<Tags, StoreError> {
        let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
        let mut ids = self.backend.ids(ObjectKind::Tag, TagId::parse)?;
        ids.sort_unstable();
        for id in ids {
            let object = Object::tag(id);
            let read = self.backend.get(&object, MAX_TAG);
            match read
                .and_then(|bytes| Tag::open(self.keys(), &id, bytes).map_err(StoreError::damaged(|| &object)))
            {
                Ok(tag) => readable.push(tag),
                // An earlier build removed it between listing and reading.
                Err(StoreError::Missing(_)) => {}
                Err(error) => unreadable.push((id, error)),
            }
        }
        Ok((readable, unreadable))
    }

    /// Gives a snapshot a tag. Returns false if it has the tag already.
    pub fn tag(&self, snapshot: SnapshotId, name: &str, given: Time) -> Result<bool, StoreError> {
        let tag = Operation::Tag { snapshot, name: name.into() };
        self.publish(&tag, given, &Refused::Tagged)
    }

    /// Takes a tag from a snapshot. Returns false if it does not have the tag.
    pub fn untag(&self, snapshot: SnapshotId, name: &str, made: Time) -> Result<bool, StoreError> {
        let untag = Operation::Untag { snapshot, name: name.into() };
        self.publish(&untag, made, &Refused::NotTagged)
    }

    /// Publishes a change. Returns false if it is refused for the reason `done`: it was made before.
    fn publish(&self, operation: &Operation, made: Time, done: &Refused) -> Result<bool, StoreError> {
        match self.log()?.publish(made, |_| Ok(operation.clone())) {
            Err(StoreError::Refused(refused)) if refused == *done => Ok(false),
            published => {
                self.index.note_log(published?.number);
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::BlobId;
    use crate::store::Access;
    use crate::testing::samples;

    #[test]
    fn a_snapshot_has_a_tag_once() {
        let directory = tempfile::tempdir().unwrap();
        Repository::init(directory.path()).unwrap();
        let repository = Repository::open(directory.path(), Access::Write).unwrap();
        let manifest = samples::manifest(BlobId([1; 32]));
        let (snapshot, _) = repository.writer().unwrap().commit(&manifest).unwrap();
        let at = |secs| Time::new(secs, 0).unwrap();
        let tags = || repository.tags().unwrap().0;
        assert_eq!(tags(), []);
        assert!(repository.tag(snapshot, "kept", at(1)).unwrap());
        assert!(!repository.tag(snapshot, "kept", at(2)).unwrap());
        let tag = Tag { snapshot, source: tags()[0].source.clone(), name: "kept".into(), given: at(1) };
        assert_eq!(tags(), [tag], "as it was given first");
        let other = SnapshotId([7; 32]);
        assert!(matches!(
            repository.tag(other, "kept", at(3)),
            Err(StoreError::Refused(Refused::NoSnapshot(id))) if id == other
        ));
        assert!(repository.untag(snapshot, "kept", at(4)).unwrap());
        assert!(!repository.untag(snapshot, "kept", at(5)).unwrap());
        assert_eq!(tags(), []);
    }
}
