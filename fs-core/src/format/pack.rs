//! A pack consists of a header, blocks, a catalogue and a trailer. The trailer locates the catalogue from the end of
//! the file. Header and trailer both have the salt, without which no block can be verified.

use super::catalogue::{Catalogue, CatalogueBuilder, PackKind};
use super::codec::Cursor;
use super::limits::{MAX_BODY, MAX_PACK};
use super::object::{OBJECT_HEADER_LEN, ObjectHeader};
use super::seal::FRAME_HEADER_LEN;
use super::{BlobId, BlobPrefix, FormatError, Keys, ObjectKey, PackId, Salt, Version, v1};

const MAGIC: [u8; 8] = *b"YESTPACK";
const END: [u8; 4] = *b"YEND";
/// Bytes of a trailer: offset and length of the catalogue, salt, magic.
const TRAILER_LEN: u64 = 48;

/// Collects a pack in memory.
pub struct PackBuilder {
    bytes: Vec<u8>,
    catalogue: CatalogueBuilder,
    kind: PackKind,
    salt: Salt,
    key: ObjectKey,
}

/// A complete pack, ready to be stored.
#[derive(Debug)]
pub struct SealedPack {
    /// Id of the pack.
    pub id: PackId,
    /// Bytes of the file.
    pub bytes: Vec<u8>,
    /// The catalogue, parsed again from `bytes`.
    pub catalogue: Catalogue,
}

impl PackBuilder {
    /// Makes an empty pack.
    pub fn new(keys: &Keys, kind: PackKind, salt: Salt) -> Self {
        let bytes = ObjectHeader::new(salt).encode(keys, MAGIC).to_vec();
        Self { bytes, catalogue: CatalogueBuilder::default(), kind, salt, key: keys.object_key(salt) }
    }

    /// Appends a block with this body and these blobs. `bases` has the base of each blob of a delta block.
    pub fn push(
        &mut self,
        body: &[u8],
        bases: &[BlobPrefix],
        blobs: impl ExactSizeIterator<Item = (BlobId, u32)>,
    ) {
        let frame = self.key.seal_block(self.catalogue.count(), body);
        self.catalogue.push(frame.len(), bases, blobs);
        self.bytes.extend(frame);
    }

    /// Size of the finished pack in bytes, with an error of less than a hundred.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.catalogue.len()
    }

    /// Whether the pack has no blocks.
    pub fn is_empty(&self) -> bool {
        self.catalogue.count() == 0
    }

    /// Appends the catalogue and the trailer.
    pub fn finish(mut self, keys: &Keys) -> Result<SealedPack, FormatError> {
        let (id, frame) = self.catalogue.seal(keys, self.kind, self.salt);
        let trailer =
            PackTrailer { offset: self.bytes.len() as u64, len: frame.len() as u32, salt: self.salt };
        self.bytes.extend_from_slice(&frame);
        self.bytes.extend(trailer.encode());
        let catalogue = Catalogue::open(keys, &id, self.salt, frame)?;
        Ok(SealedPack { id, bytes: self.bytes, catalogue })
    }
}

impl std::fmt::Debug for PackBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackBuilder")
            .field("kind", &self.kind)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The last bytes of a pack. They are not sealed: they only locate the catalogue, which is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackTrailer {
    /// Offset of the catalogue's frame.
    pub offset: u64,
    /// Length of the catalogue's frame in bytes.
    pub len: u32,
    /// The pack's salt.
    pub salt: Salt,
}

impl PackTrailer {
    /// Bytes of a trailer.
    pub fn stored_len(version: Version) -> u64 {
        match version {
            Version::One => v1::TRAILER_LEN,
            Version::Two => TRAILER_LEN,
        }
    }

    fn encode(self) -> Vec<u8> {
        [&self.offset.to_le_bytes()[..], &self.len.to_le_bytes(), &self.salt.0, &END].concat()
    }

    /// Parses the trailer at the end of `bytes`, of a pack of `size` bytes.
    pub fn decode(version: Version, bytes: &[u8], size: u64) -> Result<Self, FormatError> {
        let trailer_len = Self::stored_len(version);
        let start = bytes.len().checked_sub(trailer_len as usize);
        let mut cursor = Cursor::new(&bytes[start.ok_or(FormatError::Truncated("pack trailer"))?..]);
        let (offset, len) = (cursor.u64("pack trailer")?, cursor.u32("pack trailer")?);
        let salt = match version {
            Version::One => Salt([0; 32]),
            Version::Two => Salt(cursor.array("pack trailer")?),
        };
        if cursor.array("pack trailer")? != END {
            return Err(FormatError::Magic("pack trailer"));
        }
        let (end, first, has_parity) = match version {
            Version::One => (offset.checked_add(u64::from(len) + trailer_len), v1::PACK_HEADER_LEN, false),
            Version::Two => {
                (offset.checked_add(u64::from(len) + trailer_len), OBJECT_HEADER_LEN as u64, true)
            }
        };
        // Parity data may lie between catalogue and trailer.
        let ends = end.is_some_and(|end| end == size || (has_parity && end < size));
        FormatError::check_limit("pack catalogue", u64::from(len), (MAX_BODY + FRAME_HEADER_LEN) as u64)?;
        FormatError::invalid_if(!ends || size > MAX_PACK || offset < first, "pack trailer")?;
        Ok(Self { offset, len, salt })
    }

    /// Checks the header of a pack of `size` bytes, given its first [`PACK_HEADER_LEN`] bytes.
    pub fn check_header(self, keys: &Keys, bytes: &[u8], size: u64) -> Result<(), FormatError> {
        if keys.version() == Version::One {
            return if bytes.starts_with(&MAGIC) { Ok(()) } else { Err(FormatError::Magic("pack")) };
        }
        let header = ObjectHeader::decode(keys, MAGIC, "pack", bytes)?;
        FormatError::invalid_if(header.salt != self.salt, "pack's salt: header and trailer differ")?;
        let parity = size.checked_sub(self.offset + u64::from(self.len) + TRAILER_LEN);
        FormatError::invalid_if(parity != Some(header.parity_len.into()), "length of a pack's parity data")
    }
}

/// The salt in the trailer at the end of `bytes`, wherever the trailer says that the catalogue is. It is not
/// verified.
pub fn salt_in_trailer(bytes: &[u8]) -> Option<Salt> {
    let (_, trailer) = bytes.split_last_chunk::<{ TRAILER_LEN as usize }>()?;
    let salt = trailer[12..].strip_suffix(&END)?;
    salt.try_into().ok().map(Salt)
}

/// Bytes of a pack before its first block.
pub const PACK_HEADER_LEN: usize = OBJECT_HEADER_LEN;

/// The salt in the header of a pack, given its first [`PACK_HEADER_LEN`] bytes.
pub fn salt_in_header(keys: &Keys, bytes: &[u8]) -> Result<Salt, FormatError> {
    ObjectHeader::decode(keys, MAGIC, "pack", bytes).map(|header| header.salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Block, BlockBuilder, BlockEncoder, Secret};

    const SALT: Salt = Salt([9; 32]);

    fn keys() -> Keys {
        Keys::derive(&Secret([5; 32]))
    }

    /// A pack of three blocks with ten blobs each. The second one is called a delta, whose bases are `base`.
    fn sample(base: BlobPrefix) -> SealedPack {
        let mut pack = PackBuilder::new(&keys(), PackKind::Metadata, SALT);
        for block in 0..3u8 {
            let mut builder = BlockBuilder::default();
            let blobs: Vec<_> = (0..10u8).map(|blob| vec![block * 10 + blob; usize::from(blob)]).collect();
            blobs.iter().for_each(|blob| builder.push(blob));
            let ids = blobs.iter().map(|blob| (keys().blob_id(blob), blob.len() as u32));
            let bases = if block == 1 { vec![base; 10] } else { Vec::new() };
            pack.push(&BlockEncoder::new(3).unwrap().full(&builder).unwrap(), &bases, ids);
        }
        pack.finish(&keys()).unwrap()
    }

    fn trailer(bytes: &[u8]) -> PackTrailer {
        PackTrailer::decode(Version::Two, bytes, bytes.len() as u64).unwrap()
    }

    #[test]
    fn every_blob_is_found_again() {
        let (keys, base) = (keys(), BlobPrefix([3; 16]));
        let SealedPack { id, bytes, catalogue } = sample(base);
        let trailer = trailer(&bytes);
        let frame = bytes[trailer.offset as usize..][..trailer.len as usize].to_vec();
        assert_eq!(Catalogue::open(&keys, &id, trailer.salt, frame.clone()).unwrap(), catalogue);
        assert!(Catalogue::open(&keys, &PackId([0; 32]), trailer.salt, frame.clone()).is_err());
        assert!(Catalogue::open(&keys, &id, Salt([0; 32]), frame).is_err());
        for block in 0..3u8 {
            let entry = catalogue.block(block.into()).unwrap();
            assert_eq!(
                (entry.delta, entry.bases()),
                (block == 1, &vec![base; if block == 1 { 10 } else { 0 }][..])
            );
            for blob in 1..10u8 {
                let wanted = vec![block * 10 + blob; usize::from(blob)];
                let wanted_id = keys.blob_id(&wanted);
                let place = catalogue.find(&wanted_id).unwrap();
                assert_eq!(catalogue.find_prefix(&wanted_id.prefix()), Some((wanted_id, place)));
                let stored = bytes[place.block.offset as usize..][..place.block.len as usize].to_vec();
                let opened = Block::open(&catalogue.key(&keys), place.block.number, stored).unwrap();
                let raw = opened.decompress(&[]).unwrap();
                assert_eq!(raw[place.start as usize..][..place.len as usize], wanted);
            }
        }
        let absent = keys.blob_id(b"absent");
        assert_eq!((catalogue.find(&absent), catalogue.find_prefix(&absent.prefix())), (None, None));
        assert_eq!(catalogue.find_prefix(&BlobPrefix([0xff; 16])), None);
    }

    #[test]
    fn a_pack_is_as_long_as_its_blocks_and_its_catalogue() {
        let keys = keys();
        let mut pack = PackBuilder::new(&keys, PackKind::Data, SALT);
        pack.push(&[0; 28], &[], (0..1000u32).map(|n| (keys.blob_id(&n.to_le_bytes()), 40)));
        let len = pack.len();
        assert!(len.abs_diff(pack.finish(&keys).unwrap().bytes.len()) < 100, "{len}");
    }

    #[test]
    fn a_trailer_must_fit_its_file() {
        let trailer = PackTrailer { offset: 100, len: 50, salt: SALT };
        let decode = |trailer: PackTrailer, size| PackTrailer::decode(Version::Two, &trailer.encode(), size);
        assert_eq!(decode(trailer, 198), Ok(trailer));
        // Parity data follow the catalogue.
        assert_eq!(decode(trailer, 1000), Ok(trailer));
        for size in [0, 197, u64::MAX] {
            assert!(decode(trailer, size).is_err());
        }
        assert!(decode(PackTrailer { offset: 63, ..trailer }, 198).is_err());
        assert!(decode(PackTrailer { offset: u64::MAX - 3, len: u32::MAX, salt: SALT }, 100).is_err());
    }

    #[test]
    fn a_header_must_fit_its_trailer() {
        let SealedPack { bytes, .. } = sample(BlobPrefix([3; 16]));
        let (trailer, size) = (trailer(&bytes), bytes.len() as u64);
        let check =
            |trailer: PackTrailer, size| trailer.check_header(&keys(), &bytes[..PACK_HEADER_LEN], size);
        assert_eq!(check(trailer, size), Ok(()));
        assert_eq!(salt_in_header(&keys(), &bytes[..PACK_HEADER_LEN]), Ok(SALT));
        assert!(check(PackTrailer { salt: Salt([8; 32]), ..trailer }, size).is_err());
        assert!(check(trailer, size + 1).is_err(), "parity data that the header does not have");
    }
}
