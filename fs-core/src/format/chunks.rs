use super::codec::{Cursor, Encode};
use super::limits::{MAX_FILE, MAX_LEVELS, MAX_NODE_ITEMS};
use super::{BlobId, FormatError};

/// Kind of an extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtentKind {
    /// Bytes of a blob.
    Data(BlobId),
    /// Zeros that take no space.
    Hole,
    /// The extents of another chunk list, for a file whose list would be too long.
    List(BlobId),
}

/// A run of a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Offset of the first byte from the start of the list.
    pub start: u64,
    /// Length in bytes, never 0.
    pub len: u64,
    /// Source of the bytes.
    pub kind: ExtentKind,
}

/// The extents of a large or sparse file, in order and without gaps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChunkList {
    level: u8,
    extents: Vec<Extent>,
    len: u64,
}

const DATA: u64 = 0;
const HOLE: u64 = 1;
const LIST: u64 = 2;

/// First byte of an id that ends a list.
const BOUNDARY: u8 = 0;
/// Minimum number of extents before such an id ends a list.
const MIN_ITEMS: usize = 256;
/// Maximum number of extents in a list.
const MAX_ITEMS: usize = 4096;

impl ChunkList {
    /// Makes an empty list of `level`. Level 0 holds data and holes; any other level holds lists one level
    /// below.
    pub fn new(level: u8) -> Self {
        assert!(level <= MAX_LEVELS, "a chunk list of {level} levels");
        Self { level, extents: Vec::new(), len: 0 }
    }

    /// Appends an extent, joining holes. Returns true if the list should end here. Ignores an extent of
    /// length 0. Panics if the list would cover more than [`MAX_FILE`] bytes.
    pub fn push(&mut self, len: u64, kind: ExtentKind) -> bool {
        if len == 0 {
            return false;
        }
        assert!(len <= MAX_FILE - self.len, "an extent of {len} bytes after {}", self.len);
        match (self.extents.last_mut(), kind) {
            (Some(last), ExtentKind::Hole) if last.kind == ExtentKind::Hole => last.len += len,
            _ => self.extents.push(Extent { start: self.len, len, kind }),
        }
        self.len += len;
        let boundary = matches!(kind, ExtentKind::Data(id) | ExtentKind::List(id) if id.0[0] == BOUNDARY);
        self.extents.len() >= MAX_ITEMS || (boundary && self.extents.len() >= MIN_ITEMS)
    }

    /// The extents, in order.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Number of bytes that the list covers.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the list covers no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Level of the list; 0 for a list of data and holes.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Index of the extent that holds the byte at `offset`, which must be below [`len`](Self::len).
    pub fn position(&self, offset: u64) -> usize {
        self.extents.partition_point(|extent| extent.start + extent.len <= offset)
    }

    /// Encodes the list.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.extents.len() * 36 + 8);
        out.push(self.level);
        out.put_varint(self.extents.len() as u64);
        for extent in &self.extents {
            let (kind, id) = match extent.kind {
                ExtentKind::Data(id) => (DATA, Some(id)),
                ExtentKind::Hole => (HOLE, None),
                ExtentKind::List(id) => (LIST, Some(id)),
            };
            out.put_varint(extent.len << 2 | kind);
            id.into_iter().for_each(|id| out.extend(id.0));
        }
        out
    }

    /// Inverse of [`encode`](Self::encode). `bytes` must be the whole list.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let level = cursor.u8("chunk list")?;
        FormatError::invalid_if(level > MAX_LEVELS, "chunk list's level")?;
        let count = cursor.count(MAX_NODE_ITEMS, 1, "extents of a chunk list")?;
        let mut list = Self { level, extents: Vec::with_capacity(count), len: 0 };
        for _ in 0..count {
            let head = cursor.varint("extent")?;
            let len = head >> 2;
            let kind = match head & 3 {
                DATA if level == 0 => ExtentKind::Data(BlobId(cursor.array("chunk id")?)),
                HOLE if level == 0 => ExtentKind::Hole,
                LIST if level > 0 => ExtentKind::List(BlobId(cursor.array("chunk list id")?)),
                _ => return Err(FormatError::Invalid("extent")),
            };
            let end = list.len.checked_add(len).filter(|end| len > 0 && *end <= MAX_FILE);
            let end = end.ok_or(FormatError::Invalid("extent's length"))?;
            list.extents.push(Extent { start: list.len, len, kind });
            list.len = end;
        }
        cursor.end("chunk list")?;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_survive(extents in prop::collection::vec((1u64..1 << 40, any::<Option<[u8; 32]>>()), 0..50)) {
            let mut list = ChunkList::new(0);
            for (len, id) in extents {
                list.push(len, id.map_or(ExtentKind::Hole, |id| ExtentKind::Data(BlobId(id))));
            }
            for (at, extent) in list.extents().iter().enumerate() {
                prop_assert_eq!(list.position(extent.start), at);
                prop_assert_eq!(list.position(extent.start + extent.len - 1), at);
            }
            prop_assert_eq!(ChunkList::decode(&list.encode()), Ok(list));
        }

        #[test]
        fn the_longest_hole_survives(short in 0..1000u64) {
            let mut list = ChunkList::new(0);
            list.push(MAX_FILE - short, ExtentKind::Hole);
            list.push(short, ExtentKind::Hole);
            prop_assert_eq!(ChunkList::decode(&list.encode()), Ok(list));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = ChunkList::decode(&bytes);
        }
    }
}
