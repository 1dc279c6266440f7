//! Reading for checks: verifies headers, catalogues and blocks of packs.

use crate::format::{BlobPrefix, BlockEntry, FormatError, PACK_HEADER_LEN, PackId};
use crate::store::blobs::packs::{PackEnd, read_end};
use crate::store::blobs::reader::damaged;
use crate::store::{Object, Reader, StoreError};

impl Reader {
    /// Reads the catalogue of a pack from the medium.
    pub fn pack_end(&self, pack: PackId) -> Result<PackEnd, StoreError> {
        read_end(&*self.shared.backend, self.keys(), pack)
    }

    /// Whether the index has the blob.
    pub fn is_indexed(&self, blob: BlobPrefix) -> Result<bool, StoreError> {
        self.shared.index.run(|index| index.contains(blob))
    }

    /// Checks the header of a pack with this end.
    pub fn verify_pack_header(&self, pack: PackId, end: &PackEnd) -> Result<(), StoreError> {
        let object = Object::pack(pack);
        let header = self.shared.backend.get_range(&object, 0, PACK_HEADER_LEN.min(end.size as usize))?;
        let checked = end.trailer.check_header(self.keys(), &header, end.size);
        checked.map_err(StoreError::damaged(|| &object))
    }

    /// Reads a block from the medium and verifies all of it: its MAC, and the ids of its blobs.
    pub fn verify_block(&self, pack: PackId, block: BlockEntry<'_>) -> Result<(), StoreError> {
        self.verify(pack, block).inspect_err(|error| self.note_bad((pack, block.number), error))
    }

    fn verify(&self, pack: PackId, block: BlockEntry<'_>) -> Result<(), StoreError> {
        let stored = self.read_block(pack, block)?;
        let opened = self.open_block(pack, *block, stored)?;
        let raw = self.decompress(pack, *block, &opened)?;
        let damaged = |reason| damaged(pack, *block)(FormatError::Invalid(reason));
        if !block.bases().is_empty() && block.bases() != opened.bases() {
            return Err(damaged("base of a blob: the catalogue has another"));
        }
        if !block.blobs().map(|(_, len)| len).eq(opened.lengths().iter().copied()) {
            return Err(damaged("length of a blob: the catalogue has another"));
        }
        let mut rest = raw.as_slice();
        for (id, len) in block.blobs() {
            let Some((blob, tail)) = rest.split_at_checked(len as usize) else {
                return Err(damaged("length of a block"));
            };
            if self.keys().blob_id(blob) != id {
                return Err(damaged("id of a blob: its bytes have another"));
            }
            rest = tail;
        }
        Ok(())
    }

    /// Returns the base of each blob of a delta block. Only in version 1 the block is read for it.
    pub fn block_bases(&self, pack: PackId, block: BlockEntry<'_>) -> Result<Vec<BlobPrefix>, StoreError> {
        self.bases(pack, *block).inspect_err(|error| self.note_bad((pack, block.number), error))
    }

    /// Reads a block from the medium.
    fn read_block(&self, pack: PackId, block: BlockEntry<'_>) -> Result<Vec<u8>, StoreError> {
        self.shared.backend.get_range(&Object::pack(pack), block.offset, block.len as usize)
    }
}
