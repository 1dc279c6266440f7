use super::FormatError;
use super::codec::{Cursor, Encode};
use super::limits::{MAX_NODE_ITEMS, MAX_UNREAD_PATH};

/// Entries that an import could not read, though they may have existed. Only version 1 recorded them so;
/// later ones record them in the tree ([`Gaps`](super::Gaps)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnreadPaths {
    /// Paths below the root, names separated by `/`, in ascending order. Entries below such a path were not
    /// read either.
    pub paths: Vec<Box<[u8]>>,
    /// Number of further paths.
    pub more: u64,
}

impl UnreadPaths {
    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.more == 0
    }

    /// Whether `path` was not read: it is one of these, or below one.
    pub fn covers(&self, path: &[u8]) -> bool {
        let ends = (0..path.len()).filter(|at| path[*at] == b'/').chain([0, path.len()]);
        ends.into_iter().any(|end| self.paths.binary_search_by(|known| (**known).cmp(&path[..end])).is_ok())
    }

    /// The recorded paths below the directory `path`.
    pub fn below(&self, path: &[u8]) -> &[Box<[u8]>] {
        if path.is_empty() {
            return &self.paths;
        }
        let inside = [path, b"/"].concat();
        let from = &self.paths[self.paths.partition_point(|known| **known < *inside)..];
        &from[..from.partition_point(|known| known.starts_with(&inside))]
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(self.more);
        out.put_varint(self.paths.len() as u64);
        self.paths.iter().for_each(|path| out.put_bytes(path));
        out
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let more = cursor.varint("paths not read")?;
        let count = cursor.count(MAX_NODE_ITEMS, 1, "paths not read")?;
        let path = |_| Ok(Box::from(cursor.bytes(MAX_UNREAD_PATH, "path not read")?));
        let paths = (0..count).map(path).collect::<Result<Vec<Box<[u8]>>, FormatError>>()?;
        cursor.end("paths not read")?;
        FormatError::invalid_if(!paths.is_sorted_by(|a, b| a < b), "paths not read: they are not in order")?;
        Ok(Self { paths, more })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    pub(crate) fn unread() -> impl Strategy<Value = UnreadPaths> {
        let path = prop::collection::vec(any::<u8>(), 0..20);
        (prop::collection::btree_set(path, 0..5), any::<u64>()).prop_map(
            |(paths, more): (BTreeSet<Vec<u8>>, u64)| UnreadPaths {
                paths: paths.into_iter().map(Vec::into_boxed_slice).collect(),
                more,
            },
        )
    }

    #[test]
    fn paths_out_of_order_are_refused() {
        let path = |text: &str| text.as_bytes().into();
        let wrong = UnreadPaths { paths: vec![path("b"), path("a")], more: 0 };
        assert!(UnreadPaths::decode(&wrong.encode()).is_err());
    }
}
