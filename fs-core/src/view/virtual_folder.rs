use std::fmt;

use super::ViewError;
use super::access::Access;
use super::filesystem::View;
use super::node::{Identity, Node};
use crate::format::{Entry, Keys, Time};
use crate::history::Sources;

/// A folder made of snapshots, which no tree contains.
///
/// For a new kind, implement this in a file of its own, and find it in `lookup` of the folder above it.
pub(super) trait VirtualFolder: fmt::Debug + Send + Sync {
    /// The identity of the folder's node. It must follow from what the folder shows, so that the folder has
    /// the same inode number in every mount.
    fn identity(&self, keys: &Keys) -> Identity;

    /// The entry `name`.
    ///
    /// # Errors
    /// [`ViewError::NotFound`] if there is none.
    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError>;

    /// Lists the folder, as [`View::read_directory`] does. An entry that can be looked up need not be listed.
    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError>;

    /// The folder's time: that of the newest snapshot below it.
    fn time(&self, sources: &Sources) -> Option<Time>;

    /// The source to which everything in the folder belongs.
    fn source(&self) -> Option<&[u8]> {
        None
    }

    /// The entry whose attributes the folder shows, if it stands for a directory.
    fn entry(&self) -> Option<&Entry> {
        None
    }

    /// Access, if it differs from that of a folder that is open to all.
    fn access(&self, _view: &View) -> Option<Access> {
        None
    }

    /// Whether the folder never changes.
    fn is_immutable(&self) -> bool {
        false
    }

    /// The same folder, as the present snapshots make it; `None` if they do not change the folder itself.
    fn renewed(&self, _view: &View) -> Option<Result<Node, ViewError>> {
        None
    }
}

/// One entry of a listing.
#[derive(Debug)]
pub struct DirEntry<'a> {
    /// Name of the entry.
    pub name: &'a [u8],
    /// Node of the entry.
    pub node: Node,
    /// Offset at which a listing that ends here continues.
    pub next_offset: u64,
}

/// Receives the entries of a listing, until it returns false.
pub(super) type Emit<'a> = &'a mut dyn FnMut(DirEntry<'_>) -> bool;

/// Emits the entries from number `offset` up to `count`. `entry` returns an entry's name and node.
pub(super) fn emit_from<'a>(
    offset: u64,
    count: usize,
    emit: Emit<'_>,
    entry: impl Fn(usize) -> Result<Option<(&'a [u8], Node)>, ViewError>,
) -> Result<(), ViewError> {
    for at in usize::try_from(offset).unwrap_or(usize::MAX)..count {
        let Some((name, node)) = entry(at)? else { continue };
        if !emit(DirEntry { name, node, next_offset: at as u64 + 1 }) {
            break;
        }
    }
    Ok(())
}
