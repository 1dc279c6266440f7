//! Follows all references from the manifests on, and checks that they resolve. Data shared by snapshots is
//! visited once.

use std::collections::HashSet;

use super::bounds::AllBounds;
use super::check::{Check, UnreadManifest};
use super::{Finding, MaintainError};
use crate::format::limits::MAX_LEVELS;
use crate::format::{BlobId, Content, Entry, ExtentKind, Kind, Node, PackId, Xattrs};
use crate::monitor::Phase;
use crate::store::{LinkTable, Reader, StoreError};

/// A reference to be followed.
#[derive(Debug, Clone, Copy)]
enum Reference {
    Node(BlobId, u8),
    /// An inner node whose children have been visited.
    Bounds(BlobId),
    /// A chunk list, its expected size in bytes, and its level if known.
    List(BlobId, u64, Option<u8>),
    Xattrs(BlobId),
    Data(BlobId),
}

pub(super) fn check(check: &mut Check<'_>) -> Result<(), MaintainError> {
    for UnreadManifest { snapshot, record, error } in check.load_manifests()? {
        check.findings.push(Finding::Manifest { snapshot, record, reason: error.to_string() });
    }
    let mut walk =
        Walk { reader: check.reader(), todo: Vec::new(), bounds: AllBounds::default(), visited: 0 };
    // Snapshots share one table if their hard links did not change.
    let mut tables = HashSet::new();
    for at in 0..check.snapshots.len() {
        let manifest = &check.snapshots[at].1;
        walk.content(&manifest.links, manifest.links_len);
        walk.entry(&manifest.root);
        let (links, len) = (manifest.links.clone(), manifest.links_len);
        walk.run(check)?;
        if let Some(id) = content_id(&links)
            && !check.blobs.is_bad(&id)
            && tables.insert(id)
            && let Err(error) = LinkTable::new(&walk.reader, &links, len).check()
        {
            blame(check, &walk.reader, id, "hard-link table", &error);
        }
    }
    Ok(())
}

struct Walk {
    reader: Reader,
    todo: Vec<Reference>,
    bounds: AllBounds,
    visited: u64,
}

impl Walk {
    fn entry(&mut self, entry: &Entry) {
        match &entry.kind {
            Kind::File { size, content, .. } => self.content(content, *size),
            Kind::Directory(id) => self.todo.push(Reference::Node(*id, 0)),
            _ => {}
        }
        if let Xattrs::Blob(id) = entry.xattrs {
            self.todo.push(Reference::Xattrs(id));
        }
    }

    fn content(&mut self, content: &Content, size: u64) {
        match content {
            Content::Inline(_) => {}
            Content::Blob(id) => self.todo.push(Reference::Data(*id)),
            Content::Chunks(id) => self.todo.push(Reference::List(*id, size, None)),
        }
    }

    fn run(&mut self, check: &mut Check<'_>) -> Result<(), MaintainError> {
        while let Some(reference) = self.todo.pop() {
            let (id, what) = match reference {
                Reference::Node(id, _) | Reference::Bounds(id) => (id, "directory"),
                Reference::List(id, ..) => (id, "chunk list"),
                Reference::Xattrs(id) => (id, "extended attributes"),
                Reference::Data(id) => (id, "content"),
            };
            if !check.blobs.has(&id) {
                check.harm = true;
                let reason = "it is in no pack that can be read".to_owned();
                check.findings.push(Finding::Blob { blob: id, what, reason });
                continue;
            }
            let is_new = match reference {
                Reference::Data(_) => false,
                Reference::Bounds(_) => true,
                _ => check.blobs.visit(&id),
            };
            if !is_new {
                continue;
            }
            self.visited += 1;
            check.step(Phase::References, self.visited, 0)?;
            if let Err(error) = self.follow(reference) {
                blame(check, &self.reader, id, what, &error);
            }
        }
        Ok(())
    }

    fn follow(&mut self, reference: Reference) -> Result<(), StoreError> {
        match reference {
            Reference::Node(id, depth) => match &*self.reader.node(&id)? {
                node @ Node::Leaf(leaf) => {
                    if depth > 0 {
                        self.bounds.note(&id, node);
                    }
                    for at in 0..leaf.len() {
                        let entry = leaf.entry(at).map_err(damaged("directory", &id))?;
                        self.entry(&entry);
                    }
                }
                Node::Inner(_) if depth >= MAX_LEVELS => return Err(invalid("directory", &id, "depth")),
                Node::Inner(children) => {
                    // It is pushed below its children, so it is visited after them.
                    self.todo.push(Reference::Bounds(id));
                    self.todo.extend(children.iter().map(|child| Reference::Node(child.id, depth + 1)));
                }
            },
            Reference::Bounds(id) => {
                let Node::Inner(children) = &*self.reader.node(&id)? else { return Ok(()) };
                let read = |id: &BlobId| Ok(self.reader.node(id).ok());
                for at in 0..children.len() {
                    if !self.bounds.fits(children, at, &read)? {
                        return Err(invalid("directory", &id, "bounds of a node below it"));
                    }
                }
            }
            Reference::List(id, size, level) => {
                let list = self.reader.chunk_list(&id)?;
                if list.len() != size || level.is_some_and(|level| level != list.level()) {
                    return Err(invalid("chunk list", &id, "length"));
                }
                for extent in list.extents() {
                    match extent.kind {
                        ExtentKind::Data(id) => self.todo.push(Reference::Data(id)),
                        ExtentKind::Hole => {}
                        ExtentKind::List(id) => {
                            let below = list.level().checked_sub(1);
                            self.todo.push(Reference::List(id, extent.len, below));
                        }
                    }
                }
            }
            Reference::Xattrs(id) => drop(self.reader.xattrs(&id)?),
            Reference::Data(_) => {}
        }
        Ok(())
    }
}

/// Reports why a blob cannot be read. Usually the block that holds it is damaged.
pub(super) fn blame(
    check: &mut Check<'_>,
    reader: &Reader,
    id: BlobId,
    what: &'static str,
    error: &StoreError,
) {
    check.harm = true;
    check.blobs.set_bad(&id);
    if !is_in_bad_block(check, reader, &id).unwrap_or(false) {
        check.findings.push(Finding::Blob { blob: id, what, reason: error.to_string() });
    }
}

/// Whether the block that holds the blob is damaged. Damage is reported once, and a block is verified once,
/// however many of its blobs are asked for.
fn is_in_bad_block(check: &mut Check<'_>, reader: &Reader, id: &BlobId) -> Option<bool> {
    let at = check.blobs.pack(super::blobs::key(id))?;
    let pack: PackId = check.packs[at as usize].id;
    let catalogue = reader.cached_catalogue(pack).ok()?;
    let number = catalogue.find(id)?.block;
    if let Some(sound) = check.judged.get(&(pack, number)) {
        return Some(!sound);
    }
    let block = catalogue.block(number)?;
    let error = reader.verify_block(pack, block).err();
    check.judged.insert((pack, number), error.is_none());
    let error = error?;
    check.findings.push(Finding::Block {
        pack,
        block: number,
        offset: block.offset,
        blobs: block.blobs().len() as u64,
        reason: error.to_string(),
    });
    Some(true)
}

fn content_id(content: &Content) -> Option<BlobId> {
    match content {
        Content::Inline(_) => None,
        Content::Blob(id) | Content::Chunks(id) => Some(*id),
    }
}

fn damaged(what: &str, id: &BlobId) -> impl FnOnce(crate::format::FormatError) -> StoreError {
    StoreError::damaged(move || format!("{what} {id}"))
}

fn invalid(what: &str, id: &BlobId, part: &'static str) -> StoreError {
    damaged(what, id)(crate::format::FormatError::Invalid(part))
}
