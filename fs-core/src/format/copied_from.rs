use super::codec::Cursor;
use super::{FormatError, RepositoryId, SnapshotId};

/// The snapshot that a snapshot is a copy of. A copy of a copy names the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CopiedFrom {
    /// The repository that the original was imported into.
    pub repository: RepositoryId,
    /// Id of the original there.
    pub snapshot: SnapshotId,
}

impl CopiedFrom {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.repository.0[..], &self.snapshot.0].concat()
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let repository = RepositoryId(cursor.array("original's repository")?);
        let snapshot = SnapshotId(cursor.array("original's snapshot")?);
        cursor.end("original of a copy")?;
        Ok(Self { repository, snapshot })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn originals() -> impl Strategy<Value = CopiedFrom> {
        any::<([u8; 16], [u8; 32])>().prop_map(|(repository, snapshot)| CopiedFrom {
            repository: RepositoryId(repository),
            snapshot: SnapshotId(snapshot),
        })
    }

    #[test]
    fn only_the_two_ids_are_accepted() {
        let body: Vec<u8> = (0..48).collect();
        let original = CopiedFrom::decode(&body).unwrap();
        assert_eq!((original.repository.0[15], original.snapshot.0[0]), (15, 16));
        assert_eq!(original.encode(), body);
        assert!(CopiedFrom::decode(&body[1..]).is_err());
        assert!(CopiedFrom::decode(&[body, vec![0]].concat()).is_err());
    }
}
