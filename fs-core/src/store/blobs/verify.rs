//! Reading for checks: verifies headers, catalogues and blocks of packs.

use std::sync::Arc;

use crate::format::{
    BlobId, Block, BlockEntry, Catalogue, FormatError, PACK_HEADER_LEN, PackId, check_pack_header,
};
use crate::store::{Object, Reader, StoreError};

impl Reader {
    /// Reads the catalogue of a pack, and the size of its file.
    pub fn pack_catalogue(&self, pack: PackId) -> Result<(Catalogue, u64), StoreError> {
        crate::store::blobs::packs::read_catalogue(&*self.shared.backend, &self.shared.keys, pack)
    }

    /// Whether the index has the blob.
    pub fn is_indexed(&self, id: &BlobId) -> Result<bool, StoreError> {
        self.shared.index.run(|index| index.contains(id))
    }

    /// Checks the header of a pack.
    pub fn verify_pack_header(&self, pack: PackId) -> Result<(), StoreError> {
        let object = Object::pack(pack);
        let header = self.shared.backend.get_range(&object, 0, PACK_HEADER_LEN as usize)?;
        check_pack_header(&header).map_err(StoreError::damaged(|| &object))
    }

    /// Returns a pack's catalogue, which may be cached.
    pub fn cached_catalogue(&self, pack: PackId) -> Result<Arc<Catalogue>, StoreError> {
        self.catalogue(pack)
    }

    /// Reads a block from the medium and verifies all of it: its MAC, and the ids of its blobs.
    pub fn verify_block(&self, pack: PackId, block: BlockEntry<'_>) -> Result<(), StoreError> {
        self.verify(pack, block).inspect_err(|error| self.note_bad((pack, block.number), error))
    }

    fn verify(&self, pack: PackId, block: BlockEntry<'_>) -> Result<(), StoreError> {
        let stored = self.stored_block(pack, block)?;
        let opened = self.open_block(pack, block, &stored)?;
        // Otherwise a forged block could be its own base.
        if opened.bases().is_empty() == block.delta {
            return Err(damaged(pack, block)(FormatError::Invalid("codec: the catalogue has another")));
        }
        let prefix = self.prefix(opened.bases())?;
        let damaged = |reason| damaged(pack, block)(reason);
        let raw = opened.decompress(&prefix).map_err(damaged)?;
        if !block.blobs().map(|(_, len)| len).eq(opened.lengths().iter().copied()) {
            return Err(damaged(FormatError::Invalid("length of a blob: the catalogue has another")));
        }
        let mut rest = raw.as_slice();
        for (id, len) in block.blobs() {
            let Some((blob, tail)) = rest.split_at_checked(len as usize) else {
                return Err(damaged(FormatError::Invalid("length of a block")));
            };
            if self.keys().blob_id(blob) != id {
                return Err(damaged(FormatError::Invalid("id of a blob: its bytes have another")));
            }
            rest = tail;
        }
        Ok(())
    }

    /// Reads the base of each blob of a delta block.
    pub fn block_bases(&self, pack: PackId, block: BlockEntry<'_>) -> Result<Vec<BlobId>, StoreError> {
        let read = || Ok(self.open_block(pack, block, &self.stored_block(pack, block)?)?.bases().to_vec());
        let bases = read().inspect_err(|error| self.note_bad((pack, block.number), error))?;
        if bases.is_empty() == block.delta {
            return Err(damaged(pack, block)(FormatError::Invalid("codec: the catalogue has another")));
        }
        Ok(bases)
    }

    fn stored_block(&self, pack: PackId, block: BlockEntry<'_>) -> Result<Vec<u8>, StoreError> {
        let len = block.stored_len() as usize;
        self.shared.backend.get_range(&Object::pack(pack), block.offset, len)
    }

    fn open_block<'a>(
        &self,
        pack: PackId,
        block: BlockEntry<'_>,
        stored: &'a [u8],
    ) -> Result<Block<'a>, StoreError> {
        let opened = block.check(stored).and_then(|stored| Block::open(&self.shared.keys, stored));
        opened.map_err(damaged(pack, block))
    }
}

fn damaged(pack: PackId, block: BlockEntry<'_>) -> impl FnOnce(FormatError) -> StoreError {
    StoreError::damaged(move || format!("block {} (at byte {}) of pack {pack}", block.number, block.offset))
}
