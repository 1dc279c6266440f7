//! What a view shows of entries that an import could not read, and of those that it excluded.

use super::node::{Node, NodeKind, Tree};
use super::{Attr, View, ViewError};
use crate::format::{Absence, Entry, Gaps, Item, NotRead, XattrSet};
use crate::history::{Reading, Snapshot};
use crate::store::{self, DirectoryCursor, NamedAbsence, StoreError};

impl View {
    /// What an import could not read of a node: the content of a file or link, or entries of a directory.
    /// `None` if it could.
    pub fn not_read<'a>(&self, node: &'a Node) -> Option<&'a NotRead> {
        node.entry().and_then(Entry::not_read)
    }

    /// Whether extended attributes of a node could not be read.
    pub fn lacks_xattrs(&self, node: &Node) -> bool {
        node.entry().is_some_and(|entry| entry.gaps.xattrs)
    }

    /// Whether a node is a directory whose content was excluded, as with `--one-file-system`.
    pub fn excludes_content(&self, node: &Node) -> bool {
        node.entry().is_some_and(|entry| entry.gaps.left_out)
    }

    /// What the import could not read of a node, or excluded. `None` for a node that is in no snapshot.
    pub fn gaps<'a>(&self, node: &'a Node) -> Option<&'a Gaps> {
        node.entry().map(|entry| &entry.gaps)
    }

    /// The attributes of a node with the mode that the snapshot records. That of [`attr`](Self::attr) is
    /// narrower if extended attributes could not be read.
    pub fn recorded_attr(&self, node: &Node) -> Attr {
        let attr = self.attr(node);
        let entry = node.entry().filter(|entry| entry.gaps.xattrs);
        Attr { mode: entry.map_or(attr.mode, |entry| entry.attributes.mode), ..attr }
    }

    /// The stored extended attributes of a node, for a reader that takes them for all.
    ///
    /// # Errors
    ///
    /// [`ViewError::NotRead`] if the import could not read all of them.
    pub fn all_xattrs(&self, node: &Node) -> Result<XattrSet, ViewError> {
        if self.lacks_xattrs(node) { Err(lacking_xattrs()) } else { self.xattrs(node) }
    }

    /// Whether the import of a snapshot could read `path`.
    pub fn reading(&self, snapshot: &Snapshot, path: &[u8]) -> Result<Reading, ViewError> {
        Ok(snapshot.reading(self.reader(), path)?)
    }

    /// The names in a directory that have no entry, in order, and the reasons.
    pub fn absences(&self, node: &Node) -> Result<Vec<NamedAbsence>, ViewError> {
        let NodeKind::Directory { tree, entry } = &node.kind else { return Ok(Vec::new()) };
        let mut absences = Vec::new();
        if entry.gaps.below || entry.gaps.excluded {
            let mut cursor = DirectoryCursor::new(self.reader().clone(), tree.id, 0);
            while let Some(absence) = cursor.next_absence()? {
                absences.push(absence);
            }
        }
        Ok(absences)
    }

    /// Looks up a name for which a directory has no entry.
    pub(super) fn lookup_absent(&self, tree: &Tree, entry: &Entry, name: &[u8]) -> Result<Node, ViewError> {
        if entry.gaps.below
            && let Some(Item::Absent(Absence::NotRead(not_read))) =
                store::lookup_item(self.reader(), &tree.id, name)?
        {
            return Err(ViewError::NotRead(not_read.reason));
        }
        match self.lookup_numbered(tree, name) {
            Err(ViewError::NotFound) if entry.not_read().is_some() => Err(not_read(entry)),
            found => found,
        }
    }

    /// The first reason why the list of a directory's entries is incomplete; `None` if it is complete.
    pub(super) fn first_unread(&self, tree: &Tree, entry: &Entry) -> Result<Option<NotRead>, StoreError> {
        if entry.not_read().is_some() || !entry.gaps.below {
            return Ok(entry.not_read().cloned());
        }
        let mut cursor = DirectoryCursor::new(self.reader().clone(), tree.id, 0);
        while let Some((_, absence)) = cursor.next_absence()? {
            if let Absence::NotRead(not_read) = absence {
                return Ok(Some(not_read));
            }
        }
        Ok(None)
    }
}

/// The error for an attribute that may be among those that were not read.
pub(super) fn lacking_xattrs() -> ViewError {
    ViewError::NotRead("some of its extended attributes".into())
}

/// The error for an entry whose content was not read.
pub(super) fn not_read(entry: &Entry) -> ViewError {
    let reason = entry.not_read().map(|not_read| not_read.reason.clone());
    ViewError::NotRead(reason.unwrap_or_default())
}
