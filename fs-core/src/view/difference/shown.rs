//! Which directories `@changes` shows in a view for many users.
//!
//! That a directory is listed where it differs tells everybody who can list its parent that something below it differs. Of
//! what is in a closed directory that must not be told. So a directory that is closed to anybody, or has such a one below
//! it, is always listed, in every part.

use crate::format::{BlobId, Entry, Kind};
use crate::store::{DirectoryCursor, StoreError};
use crate::view::View;
use crate::view::access::Access;

/// Entries looked at for a closed directory. The search never looks into one, so when it gives up depends on nothing that
/// is hidden.
const MAX_ENTRIES: u32 = 1 << 16;
/// What a directory costs beside its entries.
const DIRECTORY: u32 = 32;

impl View {
    /// Whether a directory that both have, and that is the same, is shown all the same. `access` is what both let in.
    pub(super) fn hides_differences(&self, access: Access, id: &BlobId) -> Result<bool, StoreError> {
        if !self.is_shared() {
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
