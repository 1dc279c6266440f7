use std::collections::HashSet;
use std::ops::{Deref, Range};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::format::limits::MAX_BLOCK_RAW;
use crate::format::{
    BlobId, BlobPrefix, Block, BlockEntry, Catalogue, ChunkList, FormatError, Keys, LinkRecord, Node, PackId,
    PartialBlock, Placement, StoredBlock, XattrSet,
};
use crate::store::blobs::cache::{CacheSizes, WeightedCache};
use crate::store::blobs::delta::Base;
use crate::store::blobs::packs::{BlockKey, PackEnd, Recent, RecentPack, read_end};
use crate::store::blobs::raw_block::RawBlock;
use crate::store::blobs::search::Searches;
use crate::store::index::live::LiveIndex;
use crate::store::{Backend, Object, ObjectKind, StoreError};

/// Reads blobs. Shared by threads. Every block is verified when it is decoded.
#[derive(Clone)]
pub struct Reader {
    pub(in crate::store) shared: Arc<Shared>,
    own: Arc<OwnCaches>,
    /// Known damaged blocks, if this reader remembers them.
    bad: Option<Arc<Mutex<HashSet<BlockKey>>>>,
}

/// Caches of data that differs from snapshot to snapshot.
struct OwnCaches {
    /// Decompressed delta blocks.
    deltas: WeightedCache<BlockKey, RawBlock>,
    nodes: Arc<WeightedCache<BlobId, Node>>,
    recent: Recent,
}

/// Cache capacity of a single-pass reader, in bytes.
const SINGLE_PASS: usize = 1 << 17;

impl OwnCaches {
    fn new(deltas: usize, nodes: Arc<WeightedCache<BlobId, Node>>) -> Arc<Self> {
        Arc::new(Self { deltas: WeightedCache::new(deltas), nodes, recent: Recent::default() })
    }
}

pub(in crate::store) struct Shared {
    pub(in crate::store) backend: Arc<dyn Backend>,
    pub(in crate::store) keys: Keys,
    pub(in crate::store) index: Arc<LiveIndex>,
    /// Catalogues of packs.
    catalogues: WeightedCache<PackId, Catalogue>,
    /// Decompressed full blocks. Deltas must not evict them, as each may be the base of many deltas.
    blocks: WeightedCache<BlockKey, RawBlock>,
    lists: WeightedCache<BlobId, ChunkList>,
    pub(in crate::store) searches: Searches,
    /// Runs of hard-link tables.
    pub(in crate::store) links: WeightedCache<RunKey, Vec<LinkRecord>>,
}

/// Key of a run of hard-link records: the table's blob, and the run's number.
pub(in crate::store) type RunKey = (BlobId, u64);

/// Blocks of at most this length are decompressed at once, in bytes: the state of a partial one takes more.
const SMALL_BLOCK: usize = 128 << 10;
/// All bytes of a block or blob.
const WHOLE: Range<usize> = 0..usize::MAX;

/// The bytes of a blob, or of a part of one.
#[derive(Debug, Clone)]
pub struct Blob {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    /// Length of the whole blob in bytes.
    whole: u32,
}

impl Blob {
    /// Length of the whole blob in bytes.
    pub fn blob_len(&self) -> u64 {
        u64::from(self.whole)
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

impl Reader {
    pub(in crate::store) fn new(
        backend: Arc<dyn Backend>,
        keys: Keys,
        index: Arc<LiveIndex>,
        sizes: CacheSizes,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                backend,
                keys,
                index,
                catalogues: WeightedCache::new(sizes.catalogues),
                blocks: WeightedCache::new(sizes.blocks),
                lists: WeightedCache::new(sizes.nodes / 4),
                searches: Searches::default(),
                links: WeightedCache::new(sizes.nodes / 4),
            }),
            own: OwnCaches::new(sizes.deltas, Arc::new(WeightedCache::new(sizes.nodes))),
            bad: None,
        }
    }

    /// Returns this reader, set to read no damaged block twice: a block may hold thousands of blobs. The
    /// reader does not notice when a block becomes readable again.
    #[must_use]
    pub fn remembering_damage(self) -> Self {
        Self { bad: Some(Arc::default()), ..self }
    }

    /// Returns a reader for a single pass. It shares the block and pack caches but has tiny node and delta
    /// caches: filling a cache takes longer than a single read.
    #[must_use]
    pub fn for_single_pass(&self) -> Self {
        let nodes = Arc::new(WeightedCache::new(SINGLE_PASS));
        Self { own: OwnCaches::new(SINGLE_PASS, nodes), ..self.clone() }
    }

    /// Returns a reader for another thread. It shares the node cache, but has its own cache of deltas and
    /// list of recent packs. If threads shared those, they would wait for each other.
    #[must_use]
    pub fn for_thread(&self) -> Self {
        let nodes = Arc::clone(&self.own.nodes);
        Self { own: OwnCaches::new(SINGLE_PASS, nodes), ..self.clone() }
    }

    /// The repository's keys.
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// Lets this reader see what was committed since it was made or last refreshed.
    pub fn refresh(&self) {
        self.shared.index.refresh();
    }

    /// Returns the bytes of the blob `id`.
    pub fn blob(&self, id: &BlobId) -> Result<Blob, StoreError> {
        self.blob_in(id, WHOLE, false, true)
    }

    /// Returns the bytes of the blob `id` that are in `range`. Its block is decompressed only as far as needed,
    /// but in full if `reads_on` says that more of it is likely to be read.
    pub fn blob_part(&self, id: &BlobId, range: Range<usize>, reads_on: bool) -> Result<Blob, StoreError> {
        self.blob_in(id, range, reads_on, true)
    }

    /// Returns the bytes of the blob `id` that are in `range`. Reads a delta only if `delta` is set.
    fn blob_in(
        &self,
        id: &BlobId,
        range: Range<usize>,
        reads_on: bool,
        delta: bool,
    ) -> Result<Blob, StoreError> {
        let read = |(pack, place): (PackId, Placement)| {
            if place.block.delta && !delta {
                return Err(damaged(pack, place.block)(FormatError::Invalid("base: it is a delta")));
            }
            self.blob_at(pack, place, range.clone(), reads_on)
        };
        let located = self.locate(id);
        let tried = located.as_ref().ok().map(|(pack, _)| *pack);
        let was_bad =
            located.as_ref().is_ok_and(|(pack, place)| self.is_known_bad((*pack, place.block.number)));
        let error = match located.and_then(read) {
            Err(error)
                if error.is_loss() || error.is_damage() || matches!(error, StoreError::Index { .. }) =>
            {
                error
            }
            result => return result,
        };
        let index = &self.shared.index;
        // The blob may have been stored again for this reason. Or its pack was quarantined, and the index was
        // made again.
        if matches!(error, StoreError::Missing(_)) && index.reopen().is_ok() {
            self.own.recent.forget(tried);
        } else if !was_bad {
            index.refresh();
        }
        let indexed = index.pack_of(id.prefix()).unwrap_or_default();
        let others =
            indexed.into_iter().chain(index.run(|index| index.copies_of(id.prefix())).unwrap_or_default());
        let sound = others.filter(|pack| Some(*pack) != tried).find_map(|pack| {
            let place = self.cached_catalogue(pack).ok()?.find(id)?;
            read((pack, place)).ok()
        });
        let searched = || match error {
            // The pack and the blob in it were found, so a search cannot help.
            StoreError::Damaged { .. } | StoreError::Unreadable { .. } | StoreError::Io { .. } => None,
            _ => {
                self.search();
                self.locate(id).and_then(read).ok()
            }
        };
        sound.or_else(searched).ok_or(error)
    }

    /// Decompresses the block that holds the blob, so that later reads do not wait. Returns false if the
    /// block is in the cache.
    pub fn prefetch(&self, id: &BlobId) -> Result<bool, StoreError> {
        let (pack, place) = self.locate(id)?;
        let key = (pack, place.block.number);
        if self.blocks(place.block).get(&key).is_some_and(|known| known.is_whole()) {
            return Ok(false);
        }
        self.part_of_block(pack, place.block, 0..0, true).map(|_| true)
    }

    fn blob_at(
        &self,
        pack: PackId,
        place: Placement,
        part: Range<usize>,
        reads_on: bool,
    ) -> Result<Blob, StoreError> {
        let (start, len) = (place.start as usize, place.len as usize);
        let range = start + part.start.min(len)..start + part.end.min(len);
        let (bytes, range) = self.part_of_block(pack, place.block, range, reads_on)?;
        Ok(Blob { bytes, range, whole: place.len })
    }

    /// Reads the directory node `id`.
    pub fn node(&self, id: &BlobId) -> Result<Arc<Node>, StoreError> {
        if let Some(node) = self.own.nodes.get(id) {
            return Ok(node);
        }
        let blob = self.blob(id)?;
        let node = Node::decode(&blob).map_err(StoreError::damaged(|| format!("directory node {id}")))?;
        let weight = node.weight();
        Ok(self.own.nodes.insert(*id, node, weight))
    }

    /// Reads the chunk list `id`.
    pub fn chunk_list(&self, id: &BlobId) -> Result<Arc<ChunkList>, StoreError> {
        if let Some(list) = self.shared.lists.get(id) {
            return Ok(list);
        }
        let blob = self.blob(id)?;
        let list = ChunkList::decode(&blob).map_err(StoreError::damaged(|| format!("chunk list {id}")))?;
        let weight = blob.len();
        Ok(self.shared.lists.insert(*id, list, weight))
    }

    /// Reads the extended attributes in the blob `id`.
    pub fn xattrs(&self, id: &BlobId) -> Result<XattrSet, StoreError> {
        let blob = self.blob(id)?;
        XattrSet::decode(&blob).map_err(StoreError::damaged(|| format!("extended attributes {id}")))
    }

    fn locate(&self, id: &BlobId) -> Result<(PackId, Placement), StoreError> {
        if let Some(found) = self.own.recent.find(id) {
            return Ok(found);
        }
        let missing = || StoreError::MissingBlob(id.prefix());
        let pack = self.pack_of(id.prefix())?.ok_or_else(missing)?;
        if let Some(place) = self.find_in(pack, id)? {
            return Ok((pack, place));
        }
        // This reader's index may be a damaged one that another process has replaced.
        let index = &self.shared.index;
        index.reopen()?;
        let pack = self.pack_of(id.prefix())?.ok_or_else(missing)?;
        let place = self.find_in(pack, id)?.ok_or_else(|| {
            index.current().fault(format!("it looks for a blob in pack {pack}, which lacks it"))
        })?;
        Ok((pack, place))
    }

    /// Returns a pack that holds the blob. `None` if it is not stored.
    fn pack_of(&self, blob: BlobPrefix) -> Result<Option<PackId>, StoreError> {
        let index = &self.shared.index;
        if let Ok(Some(pack)) = index.pack_of(blob) {
            return Ok(Some(pack));
        }
        // The blob may have been committed after this reader's transaction began.
        index.refresh();
        if let Ok(Some(pack)) = index.pack_of(blob) {
            return Ok(Some(pack));
        }
        // The blob may have been committed to another index than this reader's.
        index.bring_up_to_date()?;
        index.pack_of(blob)
    }

    /// Returns the whole id of a delta's base.
    pub(in crate::store) fn id_of(&self, base: BlobPrefix) -> Result<BlobId, StoreError> {
        if let Some(id) = self.own.recent.find_prefix(&base) {
            return Ok(id);
        }
        let find = || {
            let Some(pack) = self.pack_of(base)? else { return Ok(None) };
            Ok::<_, StoreError>(self.cached_catalogue(pack)?.find_prefix(&base).map(|(id, _)| id))
        };
        match find() {
            Ok(Some(id)) => Ok(id),
            // The index may be a damaged one, or its pack may be away. A copy may be elsewhere.
            first => {
                self.shared.index.reopen()?;
                if let Some(id) = find().ok().flatten().or_else(|| self.id_in_copies(base)) {
                    return Ok(id);
                }
                self.search();
                find()?.ok_or_else(|| first.err().unwrap_or(StoreError::MissingBlob(base)))
            }
        }
    }

    /// Looks for a base in further packs that hold it.
    fn id_in_copies(&self, base: BlobPrefix) -> Option<BlobId> {
        let packs = self.shared.index.run(|index| index.copies_of(base)).ok()?;
        packs.into_iter().find_map(|pack| Some(self.cached_catalogue(pack).ok()?.find_prefix(&base)?.0))
    }

    /// Returns a pack's catalogue, which may be cached.
    pub fn cached_catalogue(&self, pack: PackId) -> Result<Arc<Catalogue>, StoreError> {
        self.open_pack(pack).map(|pack| pack.catalogue)
    }

    /// Finds a blob in a pack. A pack that has the blob becomes the one read last.
    fn find_in(&self, pack: PackId, id: &BlobId) -> Result<Option<Placement>, StoreError> {
        let pack = self.open_pack(pack)?;
        let place = pack.catalogue.find(id);
        if place.is_some() {
            self.own.recent.push(pack);
        }
        Ok(place)
    }

    /// Returns the stored bytes of a block.
    fn stored_block(&self, pack: PackId, block: StoredBlock) -> Result<Vec<u8>, StoreError> {
        let bytes = self.own.recent.bytes(pack);
        let start = block.offset as usize;
        let range = start..start.saturating_add(block.len as usize);
        match bytes.as_ref().and_then(|bytes| bytes.get(range)) {
            Some(block) => Ok(block.to_vec()),
            None => self.shared.backend.get_range(&Object::pack(pack), block.offset, block.len as usize),
        }
    }

    fn open_pack(&self, id: PackId) -> Result<RecentPack, StoreError> {
        let mut whole = None;
        let catalogue = self.shared.catalogues.get_or_make(id, || {
            let PackEnd { catalogue, size, bytes, .. } = read_end(&*self.shared.backend, self.keys(), id)?;
            let weight = catalogue.weight();
            whole = (bytes.len() as u64 == size).then(|| Arc::new(bytes));
            Ok::<_, StoreError>((catalogue, weight))
        })?;
        Ok(RecentPack { id, catalogue, bytes: whole })
    }

    /// Returns bytes that hold those in `range` of a block, and where. Decompresses the rest of the block,
    /// too, if `reads_on` is set.
    fn part_of_block(
        &self,
        pack: PackId,
        block: StoredBlock,
        range: Range<usize>,
        reads_on: bool,
    ) -> Result<(Arc<Vec<u8>>, Range<usize>), StoreError> {
        let key = (pack, block.number);
        if self.is_known_bad(key) {
            return Err(damaged(pack, block)(FormatError::Invalid("block: it was found damaged before")));
        }
        // A thread that makes a delta waits at most for its bases. A thread that makes a base waits for no
        // other block.
        let made = self.blocks(block).get_or_make(key, || {
            let stored = self.stored_block(pack, block)?;
            let opened = self.open_block(pack, block, stored)?;
            Ok(if reads_on || block.delta || opened.raw_len() <= SMALL_BLOCK {
                let bytes = self.decompress(pack, block, &opened)?;
                let weight = bytes.len();
                (RawBlock::whole(bytes), weight)
            } else {
                let part = PartialBlock::new(opened);
                let weight = part.weight();
                (RawBlock::begun(part), weight)
            })
        });
        let read = made.and_then(|made| made.read(range, reads_on).map_err(damaged(pack, block)));
        read.inspect_err(|error| self.note_bad(key, error))
    }

    /// Whether the block is remembered as damaged.
    fn is_known_bad(&self, block: BlockKey) -> bool {
        let bad = self.bad.as_ref().map(|bad| bad.lock().unwrap_or_else(PoisonError::into_inner));
        bad.is_some_and(|bad| bad.contains(&block))
    }

    /// Remembers a block that cannot be read, if this reader remembers damage.
    pub(in crate::store) fn note_bad(&self, block: BlockKey, error: &StoreError) {
        // A missing pack is not remembered: its blobs may be found elsewhere.
        if let Some(bad) = &self.bad
            && error.is_loss()
            && !matches!(error, StoreError::Missing(_))
        {
            bad.lock().unwrap_or_else(PoisonError::into_inner).insert(block);
        }
    }

    /// The cache for blocks of this sort.
    fn blocks(&self, block: StoredBlock) -> &WeightedCache<BlockKey, RawBlock> {
        if block.delta { &self.own.deltas } else { &self.shared.blocks }
    }

    /// Opens a block that has these stored bytes.
    pub(super) fn open_block(
        &self,
        pack: PackId,
        block: StoredBlock,
        stored: Vec<u8>,
    ) -> Result<Block, StoreError> {
        let catalogue = self.own.recent.catalogue(pack).map_or_else(|| self.cached_catalogue(pack), Ok)?;
        let key = catalogue.key(self.keys());
        let opened = block.check(&stored).and_then(|()| Block::open(&key, block.number, stored));
        let opened = opened.map_err(damaged(pack, block))?;
        // Otherwise a forged block could be its own base.
        if opened.bases().is_empty() == block.delta {
            return Err(damaged(pack, block)(FormatError::Invalid("codec: the catalogue has another")));
        }
        Ok(opened)
    }

    /// Decompresses an open block.
    pub(super) fn decompress(
        &self,
        pack: PackId,
        block: StoredBlock,
        opened: &Block,
    ) -> Result<Vec<u8>, StoreError> {
        // Estimated size of the bases: versions of a file are of similar size.
        let len = opened.lengths().iter().map(|len| *len as usize).sum();
        let prefix = self.prefix(opened.bases(), len)?;
        opened.decompress(&prefix).map_err(damaged(pack, block))
    }

    /// Returns the joined bytes of the bases of a delta, which are about `len` bytes. None of the bases may
    /// be in a delta.
    pub(in crate::store) fn prefix(&self, bases: &[BlobPrefix], len: usize) -> Result<Vec<u8>, StoreError> {
        let mut prefix = Vec::with_capacity(if bases.is_empty() { 0 } else { len });
        for base in bases {
            prefix.extend_from_slice(&self.blob_in(&self.id_of(*base)?, WHOLE, false, false)?);
            if prefix.len() > MAX_BLOCK_RAW {
                let reason = FormatError::Invalid("length of a delta's bases");
                return Err(StoreError::damaged(|| format!("blob {base}"))(reason));
            }
        }
        Ok(prefix)
    }

    /// Returns the base for a new version of the blob `id`: `id` itself, or its own base. `None` if the blob
    /// is not indexed yet.
    pub(in crate::store) fn base_of(&self, id: &BlobId) -> Result<Option<Base>, StoreError> {
        if !self.is_indexed(id.prefix())? {
            return Ok(None);
        }
        let (pack, place) = self.locate(id)?;
        if !place.block.delta {
            return Ok(Some(Base { id: *id, len: place.len, block: (pack, place.block.number) }));
        }
        let bases = self.bases(pack, place.block)?;
        let Some(base) = bases.get(place.nth as usize).copied() else {
            return Err(damaged(pack, place.block)(FormatError::Invalid("base of a blob")));
        };
        let id = self.id_of(base)?;
        let (pack, place) = self.locate(&id)?;
        Ok(Some(Base { id, len: place.len, block: (pack, place.block.number) }))
    }

    /// The base of each blob of a delta block. Version 1 tells them only in the block itself.
    pub(super) fn bases(&self, pack: PackId, block: StoredBlock) -> Result<Vec<BlobPrefix>, StoreError> {
        let catalogue = self.cached_catalogue(pack)?;
        match catalogue.block(block.number).map(BlockEntry::bases) {
            Some(bases) if !bases.is_empty() => Ok(bases.to_vec()),
            _ => Ok(self.open_block(pack, block, self.stored_block(pack, block)?)?.bases().to_vec()),
        }
    }
}

impl Reader {
    /// Searches all packs, and has the index made again if it lacks a stored blob.
    pub(in crate::store) fn search(&self) {
        if !self.shared.searches.begin() {
            return;
        }
        log::info!("the index does not lead to a blob: looking through the packs");
        if let Err(error) = self.shared.index.add_missing_packs() {
            log::warn!("{error}");
        }
        // A failed search does not count: a repository that is away for a moment is searched again later.
        let right = self.unindexed_blob().and_then(|blob| match blob {
            None => Ok(()),
            Some(blob) => {
                self.shared.index.distrust(format!("it does not lead to blob {blob}, which is stored"))
            }
        });
        if let Err(error) = &right {
            log::error!("{error}");
        }
        self.shared.searches.end(right.is_ok());
    }

    /// From now on, threads that miss a blob wait only a moment for the search of another thread.
    pub(crate) fn limit_search_waits(&self) {
        self.shared.searches.waits_limited.store(true, Ordering::Relaxed);
    }

    /// Whether a search has completed.
    #[cfg(test)]
    pub(crate) fn has_searched(&self) -> bool {
        self.shared.searches.has_completed()
    }

    /// Returns the first blob that the index does not lead to. Only packs in the index are searched, as a
    /// writer stores packs before it adds them to the index.
    fn unindexed_blob(&self) -> Result<Option<BlobId>, StoreError> {
        let index = &self.shared.index;
        let known: HashSet<PackId> = index.packs()?.into_iter().map(|(_, record)| record.id).collect();
        let mut stored = self.shared.backend.ids(ObjectKind::Pack, PackId::parse)?;
        stored.retain(|pack| known.contains(pack));
        for pack in stored {
            // A catalogue that cannot be read is reported when a blob in it is needed.
            let Ok(catalogue) = self.cached_catalogue(pack) else { continue };
            for (id, _) in catalogue.blobs() {
                let leads = match index.pack_of(id.prefix())? {
                    Some(known) if known == pack => true,
                    Some(known) => {
                        self.cached_catalogue(known).is_ok_and(|known| known.find(&id).is_some())
                            || index.run(|index| index.copies_of(id.prefix()))?.contains(&pack)
                    }
                    None => false,
                };
                if !leads {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("backend", &self.shared.backend).finish_non_exhaustive()
    }
}

/// Converts a decoder's error about a block.
pub(super) fn damaged(pack: PackId, block: StoredBlock) -> impl FnOnce(FormatError) -> StoreError {
    StoreError::damaged(move || format!("block {} (at byte {}) of pack {pack}", block.number, block.offset))
}
