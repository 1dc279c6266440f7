//! Makes packs of the readable blocks of damaged ones: first as a view, then stored.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use crate::format::{Block, FormatError, Keys, PACK_HEADER_LEN, PackBuilder, PackId, PackKind, Salt};
use crate::store::blobs::packs::read_end;
use crate::store::repair::scan::{FoundBlock, Scanner};
use crate::store::{Backend, Listed, Object, ObjectKind, Put, StoreError};

/// Size at which a pack is closed, in bytes.
const PACK_BYTES: u64 = 64 << 20;
/// Number of blobs at which a pack is closed, as the size of a catalogue is limited.
const PACK_BLOBS: usize = 500_000;

/// A pack of the intact blocks of a damaged one. Its blocks have the bodies of the old ones, sealed again.
#[derive(Debug, Clone)]
pub struct Salvage {
    /// The damaged pack. It equals `id` if all of its blocks are intact and its catalogue can be derived from
    /// them.
    pub from: PackId,
    /// The new pack.
    pub id: PackId,
    /// Number of blobs in the new pack.
    pub blobs: u64,
    salt: Salt,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    /// A block of the damaged pack, at this range of its bytes.
    Block {
        offset: u64,
        len: u64,
        old_salt: Salt,
        old_number: u32,
        new_number: u32,
    },
    New(Vec<u8>),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Part::Block { len, .. } => *len,
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
            let next = rest.iter().position(|block| {
                bytes += block.len;
                blobs += block.blobs.len();
                bytes > PACK_BYTES || blobs > PACK_BLOBS
            });
            // One block always fits.
            let (blocks, after) = rest.split_at(next.unwrap_or(rest.len()).max(1));
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
        match read_end(self.packs, self.reader.keys(), pack) {
            Err(error) if error.is_loss() => {
                let metadata = found.iter().all(|block| block.metadata);
                Ok(if metadata { PackKind::Metadata } else { PackKind::Data })
            }
            result => result.map(|end| end.catalogue.kind()),
        }
    }

    /// Makes a pack of these blocks. If they are all blocks of a pack, which the id tells, it is that pack: the
    /// damaged one, or a sound one whose bytes are in the damaged one's file. Otherwise it has a salt of its own.
    fn assemble(
        &self,
        from: PackId,
        kind: PackKind,
        blocks: &[FoundBlock],
        names: &PackNames,
    ) -> Result<Salvage, StoreError> {
        let salt = blocks.first().map_or(Salt([0; 32]), |block| block.salt);
        let same = self.assemble_with(from, salt, kind, blocks)?;
        if same.id == from || names.sound.contains(&same.id) {
            return Ok(same);
        }
        self.assemble_with(from, self.reader.keys().salvage_salt(same.id), kind, blocks)
    }

    fn assemble_with(
        &self,
        from: PackId,
        salt: Salt,
        kind: PackKind,
        blocks: &[FoundBlock],
    ) -> Result<Salvage, StoreError> {
        let (object, keys) = (Object::pack(from), self.reader.keys());
        let mut pack = PackBuilder::new(keys, kind, salt);
        let mut parts = Vec::new();
        for (new_number, block) in (0..).zip(blocks) {
            let (offset, len) = (block.offset, block.len);
            let frame = self.packs.get_range(&object, offset, len as usize)?;
            let opened = Block::open(&keys.object_key(block.salt), block.number, frame);
            let opened = opened.map_err(StoreError::damaged(|| &object))?;
            pack.push(opened.body(), &block.bases, block.blobs.iter().copied());
            let (old_salt, old_number) = (block.salt, block.number);
            parts.push(Part::Block { offset, len, old_salt, old_number, new_number });
        }
        let pack = pack.finish(keys).map_err(StoreError::damaged(|| "a pack just made"))?;
        parts.insert(0, Part::New(pack.bytes[..PACK_HEADER_LEN].to_vec()));
        parts.push(Part::New(pack.bytes[pack.catalogue.blocks_end() as usize..].to_vec()));
        let blobs = pack.catalogue.blobs().len() as u64;
        Ok(Salvage { from, id: pack.id, blobs, salt, parts })
    }
}

impl Salvage {
    fn len(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }

    /// Returns all bytes of the new pack; `below` holds the damaged one. Its blocks are verified again, as a
    /// failing medium may return other bytes than before.
    pub(in crate::store) fn verified_bytes(
        &self,
        keys: &Keys,
        below: &dyn Backend,
    ) -> Result<Vec<u8>, StoreError> {
        self.read(keys, below, 0, self.len() as usize)
    }

    fn read(&self, keys: &Keys, below: &dyn Backend, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.len());
        let end = end
            .ok_or_else(|| StoreError::damaged(|| Object::pack(self.id))(FormatError::Truncated("object")))?;
        let mut bytes = Vec::with_capacity(len);
        let mut start = 0;
        for part in &self.parts {
            let (first, last) = (offset.max(start), end.min(start + part.len()));
            if first < last {
                let within = (first - start) as usize..(last - start) as usize;
                match part {
                    Part::New(new) => bytes.extend_from_slice(&new[within]),
                    Part::Block { offset, len, old_salt, old_number, new_number } => {
                        let object = Object::pack(self.from);
                        let frame = below.get_range(&object, *offset, *len as usize)?;
                        let opened = Block::open(&keys.object_key(*old_salt), *old_number, frame);
                        let opened = opened.map_err(StoreError::damaged(|| &object))?;
                        let frame = keys.object_key(self.salt).seal_block(*new_number, opened.body());
                        bytes.extend_from_slice(&frame[within]);
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
    keys: Keys,
    hidden: HashSet<String>,
    salvages: HashMap<String, Salvage>,
}

impl Salvaged {
    pub(crate) fn new(below: Arc<dyn Backend>, keys: Keys, names: &PackNames, salvages: &[Salvage]) -> Self {
        let salvages = salvages.iter().map(|salvage| (salvage.id.to_string(), salvage.clone()));
        let hidden = names.damaged.iter().map(PackId::to_string).collect();
        Self { below, keys, hidden, salvages: salvages.collect() }
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

    fn put_new(&self, object: &Object, _: &[u8]) -> Result<Put, StoreError> {
        Self::read_only(object)
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        match self.salvage(object) {
            Some(salvage) => salvage.read(&self.keys, &*self.below, offset, len),
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
