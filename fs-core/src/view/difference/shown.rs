//! Decides which directories `@changes` shows in a view for several users.
//!
//! Suppose that only directories that differ were listed. Then every user who can list the parent would learn
//! that something below differs. For a closed directory this must stay secret. So a directory is always
//! listed, in every part, if it is closed to some user. The same holds if such a directory is below it.

use crate::format::{BlobId, Entry, Kind};
use crate::store::{DirectoryCursor, StoreError};
use crate::view::View;
use crate::view::access::Access;

/// Upper bound of the entries searched for a closed directory. The search enters no closed directory, so
/// reaching the bound reveals nothing hidden.
const MAX_ENTRIES: u32 = 1 << 16;
/// Cost of a directory in addition to its entries.
const DIRECTORY: u32 = 32;

impl View {
    /// Whether a directory is shown even if both sides are equal. `access` is the access that both sides
    /// allow.
    pub(super) fn hides_differences(&self, access: Access, id: &BlobId) -> Result<bool, StoreError> {
        if !self.is_shared {
            return Ok(false);
        }
        if !access.is_open() {
            return Ok(true);
        }
        let (mut todo, mut left) = (vec![*id], MAX_ENTRIES);
        while let Some(id) = todo.pop() {
            left = left.saturating_sub(DIRECTORY);
            let mut cursor = DirectoryCursor::new(self.reader().clone(), id, 0);
            while let Some((leaf, leaf_id, at)) = cursor.advance()? {
                left = left.saturating_sub(1);
                if left == 0 {
                    return Ok(true);
                }
                if !Entry::encodes_directory(leaf.body(at)) {
                    continue;
                }
                let entry =
                    leaf.entry(at).map_err(StoreError::damaged(|| format!("directory node {leaf_id}")))?;
                if !Access::of_directory(&entry).is_open() {
                    return Ok(true);
                }
                if let Kind::Directory(id) = entry.kind {
                    todo.push(id);
                }
            }
        }
        Ok(false)
    }
}
