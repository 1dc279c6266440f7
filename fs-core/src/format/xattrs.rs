use super::FormatError;
use super::codec::{Cursor, Encode};
use super::limits::{MAX_NAME, MAX_XATTR_VALUE, MAX_XATTRS};

/// A name and a value.
pub type Xattr = (Box<[u8]>, Box<[u8]>);

/// Extended attributes, sorted by name, each name once. They include POSIX ACLs, as `system.posix_acl_*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct XattrSet(Vec<Xattr>);

impl XattrSet {
    /// Makes a set of (name, value) pairs in any order. Of pairs with one name, the first is kept.
    ///
    /// # Errors
    /// A name or value exceeds the format's limit, or there are too many pairs.
    pub fn new(mut pairs: Vec<Xattr>) -> Result<Self, FormatError> {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|a, b| a.0 == b.0);
        FormatError::check_limit("extended attributes", pairs.len() as u64, MAX_XATTRS as u64)?;
        for (name, value) in &pairs {
            FormatError::check_limit("extended attribute's name", name.len() as u64, MAX_NAME as u64)?;
            let limit = MAX_XATTR_VALUE as u64;
            FormatError::check_limit("extended attribute's value", value.len() as u64, limit)?;
        }
        Ok(Self(pairs))
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Value of the attribute `name`.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let at = self.0.binary_search_by(|pair| (*pair.0).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Total bytes of all names and values.
    pub fn weight(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Removes the attribute `name`.
    pub fn remove(&mut self, name: &[u8]) {
        self.0.retain(|pair| *pair.0 != *name);
    }

    /// Names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|pair| &*pair.0)
    }

    /// Encodes the set for a blob, or for the part of an entry that holds it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(self.0.len() as u64);
        for (name, value) in &self.0 {
            out.put_bytes(name);
            out.put_bytes(value);
        }
        out
    }

    /// Inverse of [`encode`](Self::encode). `bytes` must be the whole set.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.count(MAX_XATTRS, 2, "extended attributes")?;
        let mut pairs: Vec<Xattr> = Vec::with_capacity(count);
        for _ in 0..count {
            let name = cursor.bytes(MAX_NAME, "extended attribute's name")?;
            let value = cursor.bytes(MAX_XATTR_VALUE, "extended attribute's value")?;
            if pairs.last().is_some_and(|last| *last.0 >= *name) {
                return Err(FormatError::Invalid("order of extended attributes"));
            }
            pairs.push((name.into(), value.into()));
        }
        cursor.end("extended attributes")?;
        Ok(Self(pairs))
    }
}
