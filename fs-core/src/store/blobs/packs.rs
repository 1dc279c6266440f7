//! Packs as they are stored: catalogues, and the bytes of blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::{BlobId, Catalogue, FormatError, Keys, PackId, PackTrailer, Placement, TRAILER_LEN};
use crate::store::{Backend, Object, StoreError};

/// The packs read last. A blob's neighbours are usually in one of them, which saves a look-up in the index.
#[derive(Default)]
pub(crate) struct Recent(Mutex<VecDeque<RecentPack>>);

pub(super) struct RecentPack {
    pub(super) id: PackId,
    pub(super) catalogue: Arc<Catalogue>,
    /// All bytes of the pack, if they were read with the catalogue. For a small pack, this saves a read.
    pub(super) bytes: Option<Arc<Vec<u8>>>,
}

/// Key of a block: its pack, and its number in the pack.
pub(crate) type BlockKey = (PackId, u32);

const RECENT: usize = 4;
/// Bytes read from a pack's end. They hold the trailer, and usually the catalogue, too.
const TAIL: usize = 128 << 10;

impl Recent {
    /// Finds a blob in the packs read last.
    pub(crate) fn find(&self, id: &BlobId) -> Option<(PackId, Placement)> {
        self.packs().iter().find_map(|pack| Some((pack.id, pack.catalogue.find(id)?)))
    }

    /// Forgets a pack that is missing now.
    pub(crate) fn forget(&self, pack: Option<PackId>) {
        self.packs().retain(|known| Some(known.id) != pack);
    }

    pub(super) fn push(&self, pack: RecentPack) {
        let mut packs = self.packs();
        packs.retain(|known| known.id != pack.id);
        packs.push_front(pack);
        packs.truncate(RECENT);
    }

    pub(super) fn bytes(&self, pack: PackId) -> Option<Arc<Vec<u8>>> {
        self.packs().iter().find(|known| known.id == pack).and_then(|known| known.bytes.clone())
    }

    fn packs(&self) -> MutexGuard<'_, VecDeque<RecentPack>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a pack's catalogue, and the size of the pack's file in bytes.
pub(crate) fn read_catalogue(
    backend: &dyn Backend,
    keys: &Keys,
    pack: PackId,
) -> Result<(Catalogue, u64), StoreError> {
    read_end(backend, keys, pack).map(|end| (end.catalogue, end.size))
}

/// Result of reading the end of a pack's file.
pub(super) struct PackEnd {
    pub(super) catalogue: Catalogue,
    /// Size of the file in bytes.
    pub(super) size: u64,
    /// The last bytes of the file. For a small pack, all of its bytes.
    pub(super) bytes: Vec<u8>,
}

pub(super) fn read_end(backend: &dyn Backend, keys: &Keys, pack: PackId) -> Result<PackEnd, StoreError> {
    let object = Object::pack(pack);
    let (bytes, size) = match backend.get_end(&object, TAIL) {
        // A bad sector outside of the catalogue must not make the catalogue unreadable, so only the trailer
        // is read.
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
