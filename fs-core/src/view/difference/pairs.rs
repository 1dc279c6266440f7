//! Compares two directories side by side, as `@changes` shows them.

use crate::format::{BlobId, Entry};
use crate::store::{Comparison, Differing, DirectoryCursor, Found, Reader, StoreError};

/// The names that differ, in order. On request, directories that do not differ are included.
pub(super) struct Pairs {
    differing: Comparison,
    /// The next entry that differs.
    different: Option<Differing>,
    /// The next directory, which may be equal on both sides.
    directory: Option<Found>,
    /// All entries of the second directory, if equal directories are included.
    all: Option<(Reader, DirectoryCursor)>,
}

impl Pairs {
    /// With `directories`, the equal directories that both sides have are included.
    pub(super) fn new(
        reader: &Reader,
        before: BlobId,
        after: BlobId,
        directories: bool,
    ) -> Result<Self, StoreError> {
        let all = directories.then(|| (reader.clone(), DirectoryCursor::new(reader.clone(), after, 0)));
        let differing = Comparison::new(reader.clone(), Some(before), Some(after));
        let mut pairs = Self { differing, different: None, directory: None, all };
        pairs.different = pairs.differing.advance()?;
        pairs.directory = pairs.next_directory()?;
        Ok(pairs)
    }

    /// Returns the next name; `None` after the last.
    pub(super) fn advance(&mut self) -> Result<Option<Differing>, StoreError> {
        let different = self.different.as_ref().map(Differing::name);
        let directory = self.directory.as_ref().map(Found::name);
        let is_different = different.is_some_and(|name| directory.is_none_or(|other| name <= other));
        let is_directory = directory.is_some_and(|name| different.is_none_or(|other| name <= other));
        let mut next = None;
        if is_directory {
            let both = self.directory.take();
            next = Some(Differing { before: both.clone(), after: both, not_read: None });
            self.directory = self.next_directory()?;
        }
        if is_different {
            next = self.different.take();
            self.different = self.differing.advance()?;
        }
        Ok(next)
    }

    fn next_directory(&mut self) -> Result<Option<Found>, StoreError> {
        let Some((reader, cursor)) = &mut self.all else { return Ok(None) };
        while let Some((leaf, id, at)) = cursor.advance()? {
            if Entry::encodes_directory(leaf.body(at)) {
                return Found::read(reader, id, at).map(Some);
            }
        }
        Ok(None)
    }
}
