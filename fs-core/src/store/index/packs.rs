use super::{CHECKSUM_LEN, checksum};
use crate::format::{Catalogue, PackId, PackKind};

/// Bytes of an encoded record.
pub(super) const RECORD_LEN: usize = 32 + 1 + 8 + 8 + 8 + CHECKSUM_LEN;

/// The index's record of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackRecord {
    /// Id of the pack.
    pub id: PackId,
    /// Kind of its blobs.
    pub kind: PackKind,
    /// Size of the file in bytes.
    pub size: u64,
    /// Number of blobs.
    pub blobs: u64,
    /// Uncompressed size of the blobs in bytes.
    pub raw: u64,
}

impl PackRecord {
    /// Makes the record of the pack `id`, whose file has `size` bytes.
    pub fn new(id: PackId, size: u64, catalogue: &Catalogue) -> Self {
        let raw = catalogue.blobs().map(|(_, len)| u64::from(len)).sum();
        Self { id, kind: catalogue.kind(), size, blobs: catalogue.blobs().len() as u64, raw }
    }

    pub(super) fn encode(&self, number: u32) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        bytes[..32].copy_from_slice(&self.id.0);
        bytes[32] = self.kind.code();
        bytes[33..41].copy_from_slice(&self.size.to_le_bytes());
        bytes[41..49].copy_from_slice(&self.blobs.to_le_bytes());
        bytes[49..57].copy_from_slice(&self.raw.to_le_bytes());
        let checksum = checksum(&number.to_le_bytes(), &bytes[..57]);
        bytes[57..].copy_from_slice(&checksum);
        bytes
    }

    pub(super) fn decode(number: u32, bytes: &[u8; RECORD_LEN]) -> Option<Self> {
        if bytes[57..] != checksum(&number.to_le_bytes(), &bytes[..57]) {
            return None;
        }
        let field = |at: usize| bytes[at..].first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        Some(Self {
            id: PackId(*bytes.first_chunk()?),
            kind: PackKind::from_code(bytes[32])?,
            size: field(33)?,
            blobs: field(41)?,
            raw: field(49)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_flipped_bit_is_none() {
        let record = PackRecord { id: PackId([7; 32]), kind: PackKind::Data, size: 90, blobs: 3, raw: 200 };
        let mut bytes = record.encode(5);
        assert_eq!(PackRecord::decode(5, &bytes), Some(record));
        assert_eq!(PackRecord::decode(6, &bytes), None);
        for at in 0..bytes.len() {
            bytes[at] ^= 8;
            assert_eq!(PackRecord::decode(5, &bytes), None);
            bytes[at] ^= 8;
        }
    }
}
