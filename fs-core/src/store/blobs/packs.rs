//! Packs as they are stored: catalogues, and the bytes of blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::{
    BlobId, BlobPrefix, Catalogue, FormatError, Keys, PACK_HEADER_LEN, PackId, PackTrailer, Placement,
    Version, salt_in_header,
};
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

    /// The catalogue of a pack read last.
    pub(crate) fn catalogue(&self, pack: PackId) -> Option<Arc<Catalogue>> {
        self.packs().iter().find(|known| known.id == pack).map(|known| Arc::clone(&known.catalogue))
    }

    /// Finds the blob whose id begins with `prefix`.
    pub(crate) fn find_prefix(&self, prefix: &BlobPrefix) -> Option<BlobId> {
        self.packs().iter().find_map(|pack| Some(pack.catalogue.find_prefix(prefix)?.0))
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

/// Result of reading the end of a pack's file.
#[derive(Debug)]
pub struct PackEnd {
    /// The pack's catalogue.
    pub catalogue: Catalogue,
    /// The pack's trailer.
    pub trailer: PackTrailer,
    /// Size of the file in bytes.
    pub size: u64,
    /// The last bytes of the file. For a small pack, all of its bytes.
    pub(super) bytes: Vec<u8>,
}

/// The reason why only a newer program can read the pack with this header, if there is one.
pub(crate) fn newer_header(keys: &Keys, header: &[u8]) -> Option<FormatError> {
    if keys.version() == Version::One {
        return None;
    }
    salt_in_header(keys, header).err().filter(FormatError::is_newer)
}

/// Reads the end of a pack, with its catalogue.
pub(crate) fn read_end(backend: &dyn Backend, keys: &Keys, pack: PackId) -> Result<PackEnd, StoreError> {
    let object = Object::pack(pack);
    let (bytes, size) = match backend.get_end(&object, TAIL) {
        // A bad sector outside of the catalogue must not make the catalogue unreadable, so only the trailer
        // is read.
        Err(error) if error.is_loss() && !matches!(error, StoreError::Missing(_)) => {
            backend.get_end(&object, PackTrailer::stored_len(keys.version()) as usize)?
        }
        end => end?,
    };
    let trailer =
        PackTrailer::decode(keys.version(), &bytes, size).map_err(StoreError::damaged(|| &object))?;
    let bytes_at = size - bytes.len() as u64;
    let frame = if trailer.offset >= bytes_at {
        let start = (trailer.offset - bytes_at) as usize;
        bytes[start..start + trailer.len as usize].to_vec()
    } else {
        backend.get_range(&object, trailer.offset, trailer.len as usize)?
    };
    let catalogue = match Catalogue::open(keys, &pack, trailer.salt, frame) {
        Ok(catalogue) => catalogue,
        // A newer algorithm looks like damage, and the header tells.
        Err(reason) => {
            let header = backend.get_range(&object, 0, PACK_HEADER_LEN.min(size as usize));
            let newer = header.ok().and_then(|header| newer_header(keys, &header));
            return Err(StoreError::damaged(|| &object)(newer.unwrap_or(reason)));
        }
    };
    if catalogue.blocks_end() != trailer.offset {
        let reason = FormatError::Invalid("place of the catalogue: its blocks do not end there");
        return Err(StoreError::damaged(|| &object)(reason));
    }
    Ok(PackEnd { catalogue, trailer, size, bytes })
}
