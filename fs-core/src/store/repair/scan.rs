//! Finds the blocks of a damaged pack without its catalogue. A block has a MAC and its own length, and the
//! ids of its blobs follow from their bytes.

use std::ops::Range;

use memchr::memmem;

use crate::format::limits::MAX_PACK;
use crate::format::{
    BLOCK_MAGIC, BlobId, BlobPrefix, Block, ChunkList, FRAME_HEADER_LEN, Node, PACK_HEADER_LEN, PackId,
    PackTrailer, Salt, Version, XattrSet, block_frame, salt_in_header, salt_in_trailer,
};
use crate::monitor::Cancellation;
use crate::store::blobs::packs::{newer_header, read_end};
use crate::store::{Backend, Object, Reader, StoreError};

/// Bytes read at a time near a bad sector. A page that the medium cannot read is skipped.
const PAGE: u64 = 4096;
/// Bytes read at a time while the medium can be read: 1 MiB.
const WINDOW: u64 = 1 << 20;
const MAGIC_LEN: u64 = BLOCK_MAGIC.len() as u64;

/// Maximum number of bytes read in vain, for what looks like a block and is none, in multiples of the pack's
/// size. Damaged blocks do not overlap, so they cost the size once. If the files in a pack are packs
/// themselves, their blocks cost it once more.
const TIMES: u64 = 8;
/// Bytes allowed in addition, as a small pack would allow few attempts otherwise.
const ALLOWANCE: u64 = 1 << 20;
/// Minimum cost of an attempt, in bytes: even a short read takes time.
const LEAST: u64 = 1024;

/// A block that verifies, with the data that a catalogue has of it.
#[derive(Debug)]
pub(crate) struct FoundBlock {
    /// The salt of the pack that the block was made for.
    pub(crate) salt: Salt,
    pub(crate) number: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) bases: Vec<BlobPrefix>,
    pub(crate) blobs: Vec<(BlobId, u32)>,
    /// Whether all its blobs look like directory nodes, chunk lists or extended attributes.
    pub(crate) metadata: bool,
}

/// Searches stored packs for blocks. It reads bases where the index has them.
pub(crate) struct Scanner<'a> {
    pub(crate) packs: &'a dyn Backend,
    pub(crate) reader: &'a Reader,
    pub(crate) cancellation: &'a Cancellation,
}

impl Scanner<'_> {
    /// Returns every block of a pack that verifies, at any offset. Returns delta blocks only if `deltas` is
    /// set, as their bases must be readable, too. `None` when cancelled. Without the salt, which header and trailer
    /// have, nothing can be verified.
    ///
    /// In a forged pack, a block of any length can seem to begin every few bytes. So the work is bounded.
    /// Beyond the bound, the rest of the pack counts as lost.
    pub(crate) fn scan(&self, pack: PackId, deltas: bool) -> Result<Option<Vec<FoundBlock>>, StoreError> {
        if self.cancellation.is_cancelled() {
            return Ok(None);
        }
        let object = Object::pack(pack);
        let end = unless_lost(self.packs.size(&object))?.unwrap_or(0).min(MAX_PACK);
        let mut found = Vec::new();
        let salts = self.salts(pack, &object, end)?;
        if salts.is_empty() {
            log::warn!("{object}: header and trailer are damaged, so none of its blocks can be verified");
            return Ok(Some(found));
        }
        let mut at = 0;
        let mut window = Window::default();
        let mut left = TIMES * end + ALLOWANCE;
        while at + FRAME_HEADER_LEN as u64 <= end && !self.cancellation.is_cancelled() {
            match self.block_at(&object, &salts, at..end, deltas)? {
                Found::Block(block) => {
                    at += block.len;
                    found.push(block);
                }
                Found::Other(len) => at += len,
                Found::Nothing(read) => {
                    let Some(rest) = left.checked_sub(read.max(LEAST)) else {
                        log::warn!(
                            "{object}: the search for blocks stops at byte {at} of {end}, as too much only \
                             looks like blocks; the rest counts as lost"
                        );
                        break;
                    };
                    left = rest;
                    at = self.next_magic(&object, at + 1, end, &mut window)?;
                }
            }
        }
        Ok((!self.cancellation.is_cancelled()).then_some(found))
    }

    /// The salts that blocks in a pack of `end` bytes may have: that of its catalogue, if it verifies, or else those
    /// in header and trailer. They differ if bytes of another pack were written over one of them.
    fn salts(&self, pack: PackId, object: &Object, end: u64) -> Result<Vec<Salt>, StoreError> {
        if let Some(known) = unless_lost(read_end(self.packs, self.reader.keys(), pack))? {
            return Ok(vec![known.catalogue.salt()]);
        }
        let header = unless_lost(self.packs.get_range(object, 0, PACK_HEADER_LEN.min(end as usize)))?;
        let header = header.unwrap_or_default();
        if let Some(newer) = newer_header(self.reader.keys(), &header) {
            return Err(StoreError::damaged(|| object)(newer));
        }
        let trailer_len = PackTrailer::stored_len(Version::Two).min(end);
        let trailer = self.packs.get_range(object, end - trailer_len, trailer_len as usize);
        let in_header = salt_in_header(self.reader.keys(), &header).ok();
        let in_trailer = unless_lost(trailer)?.and_then(|trailer| salt_in_trailer(&trailer));
        Ok(in_header.into_iter().chain(in_trailer.filter(|salt| Some(*salt) != in_header)).collect())
    }

    /// Looks for a block at the beginning of `range`.
    fn block_at(
        &self,
        object: &Object,
        salts: &[Salt],
        range: Range<u64>,
        deltas: bool,
    ) -> Result<Found, StoreError> {
        let (at, end) = (range.start, range.end);
        let read = |len| unless_lost(self.packs.get_range(object, at, len));
        let Some(header) = read(FRAME_HEADER_LEN)? else { return Ok(Found::Nothing(0)) };
        let frame = block_frame(&header).filter(|(_, len)| at + *len as u64 <= end);
        let Some((number, len)) = frame else { return Ok(Found::Nothing(0)) };
        let nothing = Found::Nothing(len as u64);
        let Some(frame) = read(len)? else { return Ok(nothing) };
        let open = |salt: &Salt| {
            let key = self.reader.keys().object_key(*salt);
            Some((*salt, Block::open(&key, number, frame.clone()).ok()?))
        };
        let Some((salt, block)) = salts.iter().find_map(open) else { return Ok(nothing) };
        let delta = !block.bases().is_empty();
        // The block's MAC is valid, so no other block begins in it.
        let other = Found::Other(len as u64);
        // A block without blobs would only make the new catalogue longer.
        if (delta && !deltas) || block.lengths().is_empty() {
            return Ok(other);
        }
        for base in block.bases() {
            // The index is asked first, as a reader that misses a blob searches all packs for it.
            if !self.reader.is_indexed(*base)? {
                return Ok(other);
            }
        }
        let Some(prefix) = unless_lost(self.reader.prefix(block.bases(), 0))? else { return Ok(other) };
        let Ok(raw) = block.decompress(&prefix) else { return Ok(other) };
        let mut rest = raw.as_slice();
        let mut blobs = Vec::with_capacity(block.lengths().len());
        let mut metadata = true;
        for len in block.lengths() {
            let Some((blob, tail)) = rest.split_at_checked(*len as usize) else { return Ok(other) };
            blobs.push((self.reader.keys().blob_id(blob), *len));
            metadata &= is_metadata(blob);
            rest = tail;
        }
        let bases = block.bases().to_vec();
        Ok(Found::Block(FoundBlock { salt, number, offset: at, len: len as u64, bases, blobs, metadata }))
    }

    /// The next offset, from `at` on, at which a block may begin; `end` if there is none, or when cancelled.
    /// `window` holds the bytes read last.
    fn next_magic(
        &self,
        object: &Object,
        mut at: u64,
        end: u64,
        window: &mut Window,
    ) -> Result<u64, StoreError> {
        while at + MAGIC_LEN <= end && !self.cancellation.is_cancelled() {
            if !window.covers(at, end) {
                *window = self.window(object, at, end)?;
            }
            let from = (at - window.at) as usize;
            if let Some(place) = memmem::find(&window.bytes[from..], &BLOCK_MAGIC) {
                return Ok(at + place as u64);
            }
            at = window.next;
        }
        Ok(end)
    }

    /// Reads a window at `at`: a large one, or up to the next page where the medium fails.
    fn window(&self, object: &Object, at: u64, end: u64) -> Result<Window, StoreError> {
        let read = |len: u64| unless_lost(self.packs.get_range(object, at, len.min(end - at) as usize));
        let page = PAGE - at % PAGE;
        // The additional bytes hold the rest of a magic that begins in the window and ends after it.
        for (len, more) in [(WINDOW, MAGIC_LEN - 1), (page, MAGIC_LEN - 1), (page, 0)] {
            if let Some(bytes) = read(len + more)? {
                return Ok(Window { at, bytes, next: at + len });
            }
        }
        Ok(Window { at, bytes: Vec::new(), next: at + page })
    }
}

/// A range of a pack's bytes.
#[derive(Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
    /// Offset at which the search continues if no block begins in the window.
    next: u64,
}

impl Window {
    fn covers(&self, at: u64, end: u64) -> bool {
        let last = self.at + self.bytes.len() as u64;
        (self.at..self.next).contains(&at) && last >= (at + MAGIC_LEN).min(end)
    }
}

enum Found {
    Block(FoundBlock),
    /// Length of a block that cannot be decompressed, in bytes.
    Other(u64),
    /// No block. Number of bytes that were read to find out.
    Nothing(u64),
}

fn is_metadata(blob: &[u8]) -> bool {
    Node::decode(blob).is_ok() || ChunkList::decode(blob).is_ok() || XattrSet::decode(blob).is_ok()
}

fn unless_lost<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Err(error) if error.is_loss() => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::format::{BlockBuilder, BlockEncoder, Keys, PackBuilder, PackKind, SealedPack, Secret};
    use crate::store::index::basis::Basis;
    use crate::store::index::live::LiveIndex;
    use crate::store::tests::bad_sector::BadSector;
    use crate::store::{CacheSizes, MemoryBackend};

    fn noise(seed: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
        bytes
    }

    /// A pack of five blocks of incompressible bytes, and the offset of each block. The last block is a delta
    /// of the first.
    fn pack(keys: &Keys) -> (SealedPack, Vec<u64>) {
        let mut encoder = BlockEncoder::new(3).unwrap();
        let mut pack = PackBuilder::new(keys, PackKind::Data, Salt([8; 32]));
        let mut at = PACK_HEADER_LEN as u64;
        let mut starts = Vec::new();
        for number in 0..5 {
            let mut block = BlockBuilder::default();
            let mut bytes = noise(number % 4, 9000);
            bytes[4000] ^= number;
            block.push(&bytes);
            let base = noise(0, 9000);
            let bases = if number == 4 { vec![keys.blob_id(&base).prefix()] } else { Vec::new() };
            let body = match number {
                4 => encoder.delta(&block, &bases, &base),
                _ => encoder.full(&block),
            };
            let body = body.unwrap();
            pack.push(&body, &bases, [(keys.blob_id(&bytes), 9000)].into_iter());
            starts.push(at);
            at += (FRAME_HEADER_LEN + body.len()) as u64;
        }
        (pack.finish(keys).unwrap(), starts)
    }

    /// Returns the offsets of the blocks found in a pack with these bytes.
    fn found(keys: &Keys, sealed: &SealedPack, bytes: &[u8], bad: Range<u64>, deltas: bool) -> Vec<u64> {
        let backend = BadSector { bad, ..BadSector::default() };
        scanned(keys, sealed, bytes, &backend, deltas, &Cancellation::default()).unwrap()
    }

    fn scanned(
        keys: &Keys,
        sealed: &SealedPack,
        bytes: &[u8],
        backend: &BadSector,
        deltas: bool,
        cancellation: &Cancellation,
    ) -> Option<Vec<u64>> {
        backend.put(&Object::pack(PackId([7; 32])), bytes).unwrap();
        // The bases are read from this sound pack.
        let sound = Arc::new(MemoryBackend::default());
        sound.put(&Object::pack(sealed.id), &sealed.bytes).unwrap();
        let basis = Basis::of_test(sound.clone(), keys.clone());
        let index = LiveIndex::in_memory(basis).unwrap();
        let record = crate::store::PackRecord::new(sealed.id, sealed.bytes.len() as u64, &sealed.catalogue);
        index.add(&[(record, sealed.catalogue.clone())]).unwrap();
        let reader = Reader::new(sound, keys.clone(), Arc::new(index), CacheSizes::default());
        let scanner = Scanner { packs: backend, reader: &reader, cancellation };
        let found = scanner.scan(PackId([7; 32]), deltas).unwrap()?;
        let ids = sealed.catalogue.blobs().map(|(id, _)| id).collect::<Vec<_>>();
        assert!(found.iter().all(|block| ids.contains(&block.blobs[0].0) && !block.metadata));
        Some(found.iter().map(|block| block.offset).collect())
    }

    /// The header of a block with a body of `len` bytes, and with no valid MAC.
    fn forged(len: usize) -> [u8; FRAME_HEADER_LEN] {
        let mut header = [0; FRAME_HEADER_LEN];
        header[..4].copy_from_slice(&BLOCK_MAGIC);
        header[8..12].copy_from_slice(&(len as u32).to_le_bytes());
        header
    }

    #[test]
    fn forged_headers_cost_no_more_than_a_few_times_the_pack() {
        let keys = Keys::derive(&Secret([6; 32]));
        let (sealed, starts) = pack(&keys);
        for len in [0, 1 << 10, 64 << 10] {
            let forged = forged(len).repeat((512 << 10) / FRAME_HEADER_LEN);
            let bytes = [&sealed.bytes[..], &forged[..]].concat();
            let backend = BadSector::default();
            let found = scanned(&keys, &sealed, &bytes, &backend, true, &Cancellation::default());
            assert_eq!(found.unwrap(), starts, "{len}");
            // Two reads for each attempt, and a few for the real blocks and the bytes between them.
            let most = 2 * (TIMES * bytes.len() as u64 + ALLOWANCE) / LEAST.max(len as u64) + 40;
            let reads = backend.reads.load(Ordering::Relaxed) as u64;
            assert!(reads <= most, "{len}: {reads} reads instead of at most {most}");
        }
    }

    /// A misdirected write puts the beginning of another pack there.
    #[test]
    fn the_header_or_the_trailer_of_another_pack_hides_nothing() {
        let keys = Keys::derive(&Secret([6; 32]));
        let (sealed, starts) = pack(&keys);
        let other = PackBuilder::new(&keys, PackKind::Data, Salt([9; 32])).finish(&keys).unwrap();
        let mut bytes = sealed.bytes.clone();
        bytes[..PACK_HEADER_LEN].copy_from_slice(&other.bytes[..PACK_HEADER_LEN]);
        assert_eq!(found(&keys, &sealed, &bytes, 0..0, true), starts);
        let mut bytes = sealed.bytes.clone();
        let trailer = bytes.len() - PackTrailer::stored_len(Version::Two) as usize;
        bytes[trailer..].copy_from_slice(&other.bytes[other.bytes.len() - (sealed.bytes.len() - trailer)..]);
        assert_eq!(found(&keys, &sealed, &bytes, 0..0, true), starts);
    }

    #[test]
    fn some_forged_headers_hide_nothing() {
        let keys = Keys::derive(&Secret([6; 32]));
        let (sealed, starts) = pack(&keys);
        // As long as a pack of many blocks, so that the allowance alone is not enough.
        let filling = vec![0; 2 << 20];
        let few = TIMES as usize - 1;
        let rest = filling.len() + sealed.bytes.len();
        let bytes = [forged(rest).repeat(few), filling, sealed.bytes.clone()].concat();
        let before = (bytes.len() - sealed.bytes.len()) as u64;
        let moved = starts.iter().map(|start| start + before).collect::<Vec<_>>();
        assert_eq!(found(&keys, &sealed, &bytes, 0..0, true), moved);
    }

    #[test]
    fn a_scan_stops_when_it_is_asked() {
        let keys = Keys::derive(&Secret([6; 32]));
        let (sealed, _) = pack(&keys);
        let (backend, cancellation) = (BadSector::default(), Cancellation::default());
        cancellation.cancel();
        assert_eq!(scanned(&keys, &sealed, &sealed.bytes, &backend, true, &cancellation), None);
        assert_eq!(backend.reads.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn blocks_are_found_wherever_they_are() {
        let keys = Keys::derive(&Secret([6; 32]));
        let (sealed, starts) = pack(&keys);
        let all = |bytes: &[u8], deltas| found(&keys, &sealed, bytes, 0..0, deltas);
        assert_eq!(all(&sealed.bytes, true), starts);
        assert_eq!(all(&sealed.bytes, false), starts[..4]);
        // The blocks are moved by bytes before them.
        let moved = [b"YBLKYBLK some other bytes", &sealed.bytes[..]].concat();
        assert_eq!(all(&moved, true), starts.iter().map(|start| start + 25).collect::<Vec<_>>());
        for len in 0..sealed.bytes.len() {
            if len % 97 == 0 {
                let whole = starts.windows(2).filter(|two| two[1] <= len as u64).count();
                let found = all(&sealed.bytes[..len], false);
                assert!(found.starts_with(&starts[..whole.min(4)]), "{len}");
            }
        }
        assert_eq!(all(b"", true), [0; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_sector_that_cannot_be_read_costs_the_blocks_in_it() {
        let keys = Keys::derive(&Secret([6; 32]));
        let (sealed, starts) = pack(&keys);
        let bad = starts[1] + 5000..starts[1] + 5512;
        let found = found(&keys, &sealed, &sealed.bytes, bad, true);
        assert_eq!(found, [starts[0], starts[2], starts[3], starts[4]]);
    }
}
