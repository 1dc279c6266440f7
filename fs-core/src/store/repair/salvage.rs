//! Makes packs of the readable blocks of damaged ones: first as a view, then stored.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use crate::format::{
    Block, BlockBuilder, BlockEncoder, Catalogue, FormatError, Keys, PACK_HEADER_LEN, PackBuilder, PackId,
    PackKind, PackTrailer, TRAILER_LEN,
};
use crate::store::blobs::packs::read_catalogue;
use crate::store::repair::scan::{FoundBlock, Scanner};
use crate::store::{Backend, Listed, Object, ObjectKind, StoreError};

/// Size at which a pack is closed, in bytes.
const PACK_BYTES: u64 = 64 << 20;
/// Number of blobs at which a pack is closed, as the size of a catalogue is limited.
const PACK_BLOBS: usize = 500_000;

/// A pack of the intact blocks of a damaged one. The blocks are unchanged.
#[derive(Debug, Clone)]
pub struct Salvage {
    /// The damaged pack. It equals `id` if all of its blocks are intact and its catalogue can be derived from
    /// them.
    pub from: PackId,
    /// The new pack.
    pub id: PackId,
    /// Number of blobs in the new pack.
    pub blobs: u64,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    /// A range of the damaged pack.
    Old {
        offset: u64,
        len: u64,
    },
    New(Vec<u8>),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Part::Old { len, .. } => *len,
            Part::New(bytes) => bytes.len() as u64,
        }
    }
}

/// Result of salvaging a damaged pack.
#[derive(Debug, Default)]
pub struct Salvages {
    /// Packs to be stored.
    pub new: Vec<Salvage>,
    /// Number of blobs that an interrupted repair has stored already, in sound packs.
    pub stored: u64,
}

/// Ids of the stored packs.
#[derive(Debug, Default)]
pub struct PackNames {
    /// Ids of sound packs.
    pub sound: HashSet<PackId>,
    /// Ids of damaged packs.
    pub damaged: HashSet<PackId>,
}

impl Scanner<'_> {
    /// Makes packs of the intact blocks of a damaged pack. `None` when cancelled.
    pub(in crate::store) fn salvage(
        &self,
        from: PackId,
        deltas: bool,
        names: &PackNames,
    ) -> Result<Option<Salvages>, StoreError> {
        let Some(found) = self.scan(from, deltas)? else { return Ok(None) };
        let kind = self.kind(from, &found)?;
        let mut salvages = Salvages::default();
        let mut rest = found.as_slice();
        while !rest.is_empty() {
            if self.cancellation.is_cancelled() {
                return Ok(None);
            }
            let (mut bytes, mut blobs) = (0, 0);
            let full = rest.iter().position(|block| {
                bytes += block.len;
                blobs += block.blobs.len();
                bytes >= PACK_BYTES || blobs >= PACK_BLOBS
            });
            let (blocks, after) = rest.split_at(full.map_or(rest.len(), |last| last + 1));
            rest = after;
            let salvage = self.assemble(from, kind, blocks, names)?;
            if names.sound.contains(&salvage.id) {
                salvages.stored += salvage.blobs;
            } else {
                salvages.new.push(salvage);
            }
        }
        Ok(Some(salvages))
    }

    /// Returns the kind of a damaged pack. Without a catalogue it is a guess, which affects only the speed.
    fn kind(&self, pack: PackId, found: &[FoundBlock]) -> Result<PackKind, StoreError> {
        match read_catalogue(self.packs, self.reader.keys(), pack) {
            Err(error) if error.is_loss() => {
                let metadata = found.iter().all(|block| block.metadata);
                Ok(if metadata { PackKind::Metadata } else { PackKind::Data })
            }
            result => result.map(|(catalogue, _)| catalogue.kind()),
        }
    }

    fn assemble(
        &self,
        from: PackId,
        kind: PackKind,
        blocks: &[FoundBlock],
        names: &PackNames,
    ) -> Result<Salvage, StoreError> {
        let object = Object::pack(from);
        let mut filling: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut pack = PackBuilder::new(kind);
            filling.iter().for_each(|block| pack.push(block, false, std::iter::empty()));
            for block in blocks {
                let bytes = self.packs.get_range(&object, block.offset, block.len as usize)?;
                pack.push(&bytes, block.delta, block.blobs.iter().copied());
            }
            let pack = pack.finish(self.reader.keys()).map_err(StoreError::damaged(|| "a pack just made"))?;
            if pack.id == from || !names.damaged.contains(&pack.id) {
                let head = PACK_HEADER_LEN as usize + filling.iter().map(Vec::len).sum::<usize>();
                let mut parts = vec![Part::New(pack.bytes[..head].to_vec())];
                parts.extend(blocks.iter().map(|block| Part::Old { offset: block.offset, len: block.len }));
                let tail = pack.catalogue.blocks_end() as usize;
                parts.push(Part::New(pack.bytes[tail..].to_vec()));
                let blobs = pack.catalogue.blobs().len() as u64;
                return Ok(Salvage { from, id: pack.id, blobs, parts });
            }
            // The new pack has the id of another damaged pack: the two files were swapped. That pack may have
            // blocks to salvage, too. An empty block gives the new pack an id of its own.
            let empty = BlockEncoder::new(0)
                .and_then(|mut encoder| encoder.full(self.reader.keys(), &BlockBuilder::default()));
            filling.push(empty.map_err(StoreError::io("compress", "a block"))?);
        }
    }
}

impl Salvage {
    fn len(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }

    /// Returns all bytes of the new pack; `below` holds the damaged one. The bytes are verified again, as a
    /// failing medium may return other bytes than before.
    pub(in crate::store) fn verified_bytes(
        &self,
        keys: &Keys,
        below: &dyn Backend,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.read(below, 0, self.len() as usize)?;
        let verified = || {
            let trailer_at = bytes.len().saturating_sub(TRAILER_LEN as usize);
            let trailer = PackTrailer::decode(&bytes[trailer_at..], bytes.len() as u64)?;
            let frame = &bytes[trailer.offset as usize..][..trailer.len as usize];
            let catalogue = Catalogue::open(keys, &self.id, frame)?;
            for block in catalogue.blocks() {
                let stored = bytes.get(block.offset as usize..).unwrap_or_default();
                let stored = stored.get(..block.len as usize).unwrap_or_default();
                Block::open(keys, block.check(stored)?)?;
            }
            Ok(())
        };
        verified().map_err(StoreError::damaged(|| Object::pack(self.from)))?;
        Ok(bytes)
    }

    fn read(&self, below: &dyn Backend, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.len());
        let end = end
            .ok_or_else(|| StoreError::damaged(|| Object::pack(self.id))(FormatError::Truncated("object")))?;
        let mut bytes = Vec::with_capacity(len);
        let mut start = 0;
        for part in &self.parts {
            let (first, last) = (offset.max(start), end.min(start + part.len()));
            if first < last {
                let (within, len) = (first - start, (last - first) as usize);
                match part {
                    Part::New(new) => bytes.extend_from_slice(&new[within as usize..][..len]),
                    Part::Old { offset, .. } => {
                        bytes.extend(below.get_range(&Object::pack(self.from), offset + within, len)?);
                    }
                }
            }
            start += part.len();
        }
        Ok(bytes)
    }
}

/// View of the objects as they will be once damaged packs are replaced by salvaged ones. Read-only.
#[derive(Debug)]
pub(in crate::store) struct Salvaged {
    below: Arc<dyn Backend>,
    hidden: HashSet<String>,
    salvages: HashMap<String, Salvage>,
}

impl Salvaged {
    pub(crate) fn new(below: Arc<dyn Backend>, names: &PackNames, salvages: &[Salvage]) -> Self {
        let salvages = salvages.iter().map(|salvage| (salvage.id.to_string(), salvage.clone()));
        let hidden = names.damaged.iter().map(PackId::to_string).collect();
        Self { below, hidden, salvages: salvages.collect() }
    }

    fn salvage(&self, object: &Object) -> Option<&Salvage> {
        if object.kind == ObjectKind::Pack { self.salvages.get(&object.name) } else { None }
    }

    fn is_hidden(&self, object: &Object) -> bool {
        object.kind == ObjectKind::Pack && self.hidden.contains(&object.name)
    }

    fn read_only<T>(object: &Object) -> Result<T, StoreError> {
        Err(StoreError::io("write", object.to_string())(io::ErrorKind::ReadOnlyFilesystem.into()))
    }
}

impl Backend for Salvaged {
    fn put(&self, object: &Object, _: &[u8]) -> Result<(), StoreError> {
        Self::read_only(object)
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        match self.salvage(object) {
            Some(salvage) => salvage.read(&*self.below, offset, len),
            None if self.is_hidden(object) => Err(StoreError::Missing(object.clone())),
            None => self.below.get_range(object, offset, len),
        }
    }

    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        match self.salvage(object) {
            Some(salvage) => Ok(salvage.len()),
            None if self.is_hidden(object) => Err(StoreError::Missing(object.clone())),
            None => self.below.size(object),
        }
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.below.list(kind)?;
        if kind == ObjectKind::Pack {
            listed
                .retain(|pack| !self.hidden.contains(&pack.name) && !self.salvages.contains_key(&pack.name));
            let new = self.salvages.iter();
            listed.extend(new.map(|(name, new)| Listed { name: name.clone(), size: Some(new.len()) }));
        }
        Ok(listed)
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        Self::read_only(object)
    }
}
