//! Which paths of a snapshot are names of one file. Kept beside the tree, not in it: how many names a file has
//! is known only when the whole tree has been seen, and would change directories whose own entries did not.

use std::collections::HashMap;

use super::codec::{Cursor, Encode};
use super::{FormatError, PathKey};

/// The hard links of a snapshot, looked up by path.
#[derive(Debug, Default)]
pub struct LinkTable {
    by_path: HashMap<PathKey, Group>,
}

/// The names of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The least of its paths' keys: what names the group.
    pub first: PathKey,
    /// Its number of names, at least 2.
    pub names: u32,
}

/// Collects the groups of a snapshot.
#[derive(Debug, Default)]
pub struct LinkTableBuilder {
    groups: Vec<Vec<PathKey>>,
}

impl LinkTableBuilder {
    /// Adds the paths of one file; a single path is no group and is ignored.
    pub fn push(&mut self, mut paths: Vec<PathKey>) {
        if paths.len() > 1 {
            paths.sort_unstable();
            self.groups.push(paths);
        }
    }

    /// The canonical bytes: groups in the order of their first path. Empty when there is no group.
    pub fn finish(mut self) -> Vec<u8> {
        self.groups.sort_unstable();
        let mut out = Vec::new();
        for group in &self.groups {
            out.put_varint(group.len() as u64);
            group.iter().for_each(|path| out.extend(path.0));
        }
        out
    }
}

impl LinkTable {
    /// The table that `bytes` are, all of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let mut by_path = HashMap::with_capacity(bytes.len() / 17);
        while cursor.remaining() > 0 {
            let names = cursor.count(u32::MAX as usize, 16, "names of a hard link")?;
            if names < 2 {
                return Err(FormatError::Invalid("names of a hard link"));
            }
            let mut first = None;
            for _ in 0..names {
                let path = PathKey(cursor.array("path key")?);
                let group = Group { first: *first.get_or_insert(path), names: names as u32 };
                if by_path.insert(path, group).is_some() {
                    return Err(FormatError::Invalid("path key"));
                }
            }
        }
        Ok(Self { by_path })
    }

    /// The group that the file at `path` belongs to; `None` when it has one name.
    pub fn group(&self, path: PathKey) -> Option<Group> {
        self.by_path.get(&path).copied()
    }

    /// Whether there are no hard links.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tables_survive(sizes in prop::collection::vec(1usize..5, 0..20)) {
            let mut next = 0u128;
            let mut builder = LinkTableBuilder::default();
            let mut groups = Vec::new();
            for size in sizes {
                let group: Vec<_> = (0..size).map(|_| {
                    next += 1;
                    PathKey(next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes())
                }).collect();
                builder.push(group.clone());
                groups.push(group);
            }
            let table = LinkTable::decode(&builder.finish()).unwrap();
            for group in groups {
                let first = *group.iter().min().unwrap();
                let expected = (group.len() > 1).then_some(Group { first, names: group.len() as u32 });
                for path in group {
                    prop_assert_eq!(table.group(path), expected);
                }
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = LinkTable::decode(&bytes);
        }
    }
}
