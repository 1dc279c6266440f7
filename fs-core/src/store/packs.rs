//! Packs as they are found: catalogues, and the stored bytes of blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::WeightedCache;
use super::{Backend, Object, StoreError};
use crate::format::{BlobId, Catalogue, FormatError, Keys, PackId, PackTrailer, Placement, TRAILER_LEN};

/// Opens packs, and keeps their catalogues. Shared by threads.
pub(super) struct Packs {
    backend: Arc<dyn Backend>,
    keys: Keys,
    catalogues: WeightedCache<PackId, Catalogue>,
}

/// Packs read last: a blob's neighbours are usually in one of them, which saves asking the index.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<RecentPack>>);

struct RecentPack {
    id: PackId,
    catalogue: Arc<Catalogue>,
    /// All of its bytes, when they came with the catalogue: of a small pack that saves a read.
    bytes: Option<Arc<Vec<u8>>>,
}

const RECENT: usize = 4;
/// Read with the trailer in the hope that the catalogue lies in it.
const TAIL: usize = 128 << 10;

impl Packs {
    /// `capacity`: bytes of catalogues.
    pub(super) fn new(backend: Arc<dyn Backend>, keys: Keys, capacity: usize) -> Self {
        Self { backend, keys, catalogues: WeightedCache::new(capacity) }
    }

    pub(super) fn catalogue(&self, pack: PackId) -> Result<Arc<Catalogue>, StoreError> {
        self.open(pack).map(|pack| pack.catalogue)
    }

    /// Where a blob is in a pack. If it is there, the pack counts as read last.
    pub(super) fn find_in(
        &self,
        pack: PackId,
        id: &BlobId,
        recent: &Recent,
    ) -> Result<Option<Placement>, StoreError> {
        let pack = self.open(pack)?;
        let place = pack.catalogue.find(id);
        if place.is_some() {
            recent.push(pack);
        }
        Ok(place)
    }

    /// A block as it is stored.
    pub(super) fn block(
        &self,
        pack: PackId,
        place: Placement,
        recent: &Recent,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = recent.bytes(pack);
        let start = place.block_offset as usize;
        let range = start..start.saturating_add(place.block_len as usize);
        match bytes.as_ref().and_then(|bytes| bytes.get(range)) {
            Some(block) => Ok(block.to_vec()),
            None => self.backend.get_range(&Object::pack(pack), place.block_offset, place.block_len as usize),
        }
    }

    fn open(&self, id: PackId) -> Result<RecentPack, StoreError> {
        let mut whole = None;
        let catalogue = self.catalogues.get_or_make(id, || {
            let PackEnd { catalogue, size, bytes } = read_end(&*self.backend, &self.keys, id)?;
            let weight = catalogue.weight();
            whole = (bytes.len() as u64 == size).then(|| Arc::new(bytes));
            Ok::<_, StoreError>((catalogue, weight))
        })?;
        Ok(RecentPack { id, catalogue, bytes: whole })
    }
}

impl Recent {
    /// Where a blob is, if in one of these packs.
    pub(super) fn find(&self, id: &BlobId) -> Option<(PackId, Placement)> {
        self.packs().iter().find_map(|pack| Some((pack.id, pack.catalogue.find(id)?)))
    }

    /// A pack is not there any more.
    pub(super) fn forget(&self, pack: Option<PackId>) {
        self.packs().retain(|known| Some(known.id) != pack);
    }

    fn push(&self, pack: RecentPack) {
        let mut packs = self.packs();
        packs.retain(|known| known.id != pack.id);
        packs.push_front(pack);
        packs.truncate(RECENT);
    }

    fn bytes(&self, pack: PackId) -> Option<Arc<Vec<u8>>> {
        self.packs().iter().find(|known| known.id == pack).and_then(|known| known.bytes.clone())
    }

    fn packs(&self) -> MutexGuard<'_, VecDeque<RecentPack>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a pack's catalogue, and the size of the pack's file.
pub(super) fn read_catalogue(
    backend: &dyn Backend,
    keys: &Keys,
    pack: PackId,
) -> Result<(Catalogue, u64), StoreError> {
    read_end(backend, keys, pack).map(|end| (end.catalogue, end.size))
}

/// The end of a pack's file.
struct PackEnd {
    catalogue: Catalogue,
    /// The size of the file.
    size: u64,
    /// Its last bytes; of a small pack all of them.
    bytes: Vec<u8>,
}

fn read_end(backend: &dyn Backend, keys: &Keys, pack: PackId) -> Result<PackEnd, StoreError> {
    let object = Object::pack(pack);
    let (bytes, size) = match backend.get_end(&object, TAIL) {
        // A bad sector in what was read in hope must not cost the catalogue.
        Err(error) if error.is_loss() && !matches!(error, StoreError::Missing(_)) => {
            backend.get_end(&object, TRAILER_LEN as usize)?
        }
        end => end?,
    };
    let trailer_at = bytes.len().saturating_sub(TRAILER_LEN as usize);
    let trailer = PackTrailer::decode(&bytes[trailer_at..], size).map_err(StoreError::damaged(|| &object))?;
    let bytes_at = size - bytes.len() as u64;
    let frame = if trailer.offset >= bytes_at {
        let start = (trailer.offset - bytes_at) as usize;
        &bytes[start..start + trailer.len as usize]
    } else {
        &backend.get_range(&object, trailer.offset, trailer.len as usize)?
    };
    let catalogue = Catalogue::open(keys, &pack, frame).map_err(StoreError::damaged(|| &object))?;
    if catalogue.blocks_end() != trailer.offset {
        let reason = FormatError::Invalid("place of the catalogue: its blocks do not end there");
        return Err(StoreError::damaged(|| &object)(reason));
    }
    Ok(PackEnd { catalogue, size, bytes })
}
