use crate::format::{Catalogue, PackId, PackKind};

/// Bytes of an encoded record.
pub(super) const RECORD_LEN: usize = 32 + 1 + 8 + 8 + 8;

/// What the index knows of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackRecord {
    /// Its name.
    pub id: PackId,
    /// What its blobs are.
    pub kind: PackKind,
    /// Bytes of the file.
    pub size: u64,
    /// Blobs in it.
    pub blobs: u64,
    /// Bytes of these blobs, uncompressed.
    pub raw: u64,
}

impl PackRecord {
    /// Of the pack `id`, whose file has `size` bytes.
    pub fn new(id: PackId, size: u64, catalogue: &Catalogue) -> Self {
        let raw = catalogue.blobs().map(|(_, len)| u64::from(len)).sum();
        Self { id, kind: catalogue.kind(), size, blobs: catalogue.blobs().len() as u64, raw }
    }

    pub(super) fn encode(&self) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        bytes[..32].copy_from_slice(&self.id.0);
        bytes[32] = self.kind.code();
        bytes[33..41].copy_from_slice(&self.size.to_le_bytes());
        bytes[41..49].copy_from_slice(&self.blobs.to_le_bytes());
        bytes[49..].copy_from_slice(&self.raw.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; RECORD_LEN]) -> Option<Self> {
        let number = |at: usize| bytes[at..].first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        Some(Self {
            id: PackId(*bytes.first_chunk()?),
            kind: PackKind::from_code(bytes[32])?,
            size: number(33)?,
            blobs: number(41)?,
            raw: number(49)?,
        })
    }
}
