//! Inode numbers and ctimes of a tree's files at its last import. They are derived data that prove files
//! unchanged.
//!
//! A directory of the snapshot has a slot for each of its regular files and directories, in the order of its
//! listing. Slots are stored in parts of at most [`PART_SLOTS`], each with its own MAC.

use std::array;

use super::codec::{Cursor, Encode};
use super::limits::MAX_NODE_ITEMS;
use super::seal::{FRAME_HEADER_LEN, ObjectKey, Salt, Sealed};
use super::{BlobId, BlobPrefix, FormatError, Keys, SnapshotId, Time};

/// Number of slots in one part.
pub const PART_SLOTS: u64 = 1 << 16;
/// Bytes of a slot.
pub const SLOT_LEN: usize = 12;
/// Bytes of a part's body before its slots: half of the id of the directory's node, file system, number of
/// the part.
const PART_HEADER_LEN: usize = 24;
/// Bytes of a file system's identity: a UUID is 16.
pub const MAX_FILE_SYSTEM: usize = 64;
/// Upper bound on a trailer's frame, in bytes. A trailer names a few file systems.
pub const MAX_TRAILER: u32 = 1 << 20;

/// The slot of one entry, as bytes, which are compact for millions of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot([u8; SLOT_LEN]);

/// A regular file as an import found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Inode number; not 0.
    pub inode: u64,
    /// Time of the inode's last change.
    pub ctime: Time,
}

/// What a file has in common with the file that its slot was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SameStat {
    /// Whether the inode number is the same.
    pub inode: bool,
    /// Whether the ctime is the same.
    pub ctime: bool,
}

/// The location of a directory's slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryStats {
    /// Offset of the first part.
    pub offset: u64,
    /// Number of slots; not 0.
    pub slots: u64,
}

impl Slot {
    /// A slot without data.
    pub const UNKNOWN: Slot = Slot([0; SLOT_LEN]);

    /// Makes the slot of a file: six bytes of the SipHash of inode number and ctime each. Nobody without the
    /// secret can make a file that has another one's slot, and by chance one changed file in 2⁴⁸ has.
    pub fn of_file(keys: &Keys, stat: FileStat) -> Self {
        let mut bytes = [0; SLOT_LEN];
        bytes[..6].copy_from_slice(&keys.stat(&stat.inode.to_le_bytes()));
        let mut ctime = [0; 12];
        ctime[..8].copy_from_slice(&stat.ctime.secs().to_le_bytes());
        ctime[8..].copy_from_slice(&stat.ctime.nanos().to_le_bytes());
        bytes[6..].copy_from_slice(&keys.stat(&ctime));
        Self(bytes)
    }

    /// Makes the slot of a directory. A directory of 2³² entries and more is unknown.
    pub fn of_directory(stats: DirectoryStats) -> Self {
        let Ok(slots) = u32::try_from(stats.slots) else { return Self::UNKNOWN };
        let mut bytes = [0; SLOT_LEN];
        bytes[..4].copy_from_slice(&slots.to_le_bytes());
        bytes[4..].copy_from_slice(&stats.offset.to_le_bytes());
        Self(bytes)
    }

    /// Compares the slot of a file with its slot `now`. `None` if nothing is known.
    pub fn compare(self, now: Self) -> Option<SameStat> {
        let same = SameStat { inode: self.0[..6] == now.0[..6], ctime: self.0[6..] == now.0[6..] };
        (self != Self::UNKNOWN).then_some(same)
    }

    /// The location of the directory's slots, if it has any known entry.
    pub fn directory(self) -> Option<DirectoryStats> {
        let slots = u32::from_le_bytes(array::from_fn(|byte| self.0[byte]));
        let offset = u64::from_le_bytes(array::from_fn(|byte| self.0[4 + byte]));
        (slots != 0).then_some(DirectoryStats { offset, slots: slots.into() })
    }
}

/// The key of all stat caches. They are derived data, and have no salts.
fn key(keys: &Keys) -> ObjectKey {
    keys.object_key(Salt([0; 32]))
}

/// A part of a directory's slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatPart {
    /// The first half of the id of the directory's node.
    pub node: BlobPrefix,
    /// The directory's file system: an index into [`StatTrailer::file_systems`].
    pub file_system: u32,
    slots: Vec<u8>,
}

impl StatPart {
    /// Bytes in the file of the part with this number, for a directory with `slots` slots. `None` if there is
    /// no such part.
    pub fn stored_len(slots: u64, number: u64) -> Option<usize> {
        let before = number.checked_mul(PART_SLOTS)?;
        let here = slots.checked_sub(before)?.min(PART_SLOTS);
        (here > 0).then_some(FRAME_HEADER_LEN + PART_HEADER_LEN + here as usize * SLOT_LEN)
    }

    /// Encodes the parts of a directory, consecutively as in the file.
    pub fn seal_all(keys: &Keys, node: &BlobId, file_system: u32, slots: &[Slot]) -> Vec<Vec<u8>> {
        let part = |(number, slots): (usize, &[Slot])| {
            let mut body = Vec::with_capacity(PART_HEADER_LEN + slots.len() * SLOT_LEN);
            body.extend(node.prefix().0);
            body.extend(file_system.to_le_bytes());
            body.extend((number as u32).to_le_bytes());
            slots.iter().for_each(|slot| body.extend(slot.0));
            key(keys).seal(Sealed::STAT_PART, number as u32, &body)
        };
        slots.chunks(PART_SLOTS as usize).enumerate().map(part).collect()
    }

    /// Verifies and parses the part with this number.
    pub fn open(keys: &Keys, number: u64, bytes: &[u8]) -> Result<Self, FormatError> {
        let frame_number = u32::try_from(number).map_err(|_| FormatError::Invalid("part of a stat cache"))?;
        let body = key(keys).open(Sealed::STAT_PART, frame_number, bytes.to_vec())?;
        let mut cursor = Cursor::new(&body);
        let node = BlobPrefix(cursor.array("directory's node")?);
        let file_system = cursor.u32("file system")?;
        let is_other = u64::from(cursor.u32("number of the part")?) != number;
        let is_ragged = !cursor.remaining().is_multiple_of(SLOT_LEN);
        FormatError::invalid_if(is_other || is_ragged, "part of a stat cache")?;
        Ok(Self { node, file_system, slots: cursor.rest().into() })
    }

    /// The slot at this position in the part.
    pub fn get(&self, position: u64) -> Option<Slot> {
        let at = usize::try_from(position).ok()?.checked_mul(SLOT_LEN)?;
        Some(Slot(*self.slots.get(at..)?.first_chunk()?))
    }
}

/// A file system of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFileSystem {
    /// Identity that survives a reboot; at most [`MAX_FILE_SYSTEM`] bytes.
    pub identity: Box<[u8]>,
    /// A time that the file system's clock has passed.
    pub clock: Time,
}

/// The end of a stat cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatTrailer {
    /// The snapshot made by the import.
    pub snapshot: SnapshotId,
    /// Start of the last import that read every file.
    pub all_read: Time,
    /// The file systems of the tree.
    pub file_systems: Vec<KnownFileSystem>,
    /// Inode number of the root directory.
    pub root_inode: u64,
    /// Location of the root directory's slots.
    pub root: Option<DirectoryStats>,
}

impl StatTrailer {
    /// Encodes the end of the file. The last four bytes are the length of the bytes before them.
    pub fn seal(&self, keys: &Keys) -> Vec<u8> {
        let mut body = self.snapshot.0.to_vec();
        self.all_read.encode(&mut body);
        body.put_varint(self.file_systems.len() as u64);
        for KnownFileSystem { identity, clock } in &self.file_systems {
            body.put_bytes(identity);
            clock.encode(&mut body);
        }
        body.put_varint(self.root_inode);
        let root = self.root.unwrap_or(DirectoryStats { offset: 0, slots: 0 });
        body.put_varint(root.offset);
        body.put_varint(root.slots);
        let mut bytes = key(keys).seal(Sealed::STAT_TRAILER, 0, &body);
        bytes.extend((bytes.len() as u32).to_le_bytes());
        bytes
    }

    /// Verifies and parses a trailer, without the four bytes of its length.
    pub fn open(keys: &Keys, bytes: &[u8]) -> Result<Self, FormatError> {
        let body = key(keys).open(Sealed::STAT_TRAILER, 0, bytes.to_vec())?;
        let mut cursor = Cursor::new(&body);
        let snapshot = SnapshotId(cursor.array("snapshot")?);
        let all_read = Time::decode(&mut cursor)?;
        let count = cursor.count(MAX_NODE_ITEMS, 1, "file systems")?;
        let mut file_system = || {
            let identity = cursor.bytes(MAX_FILE_SYSTEM, "file system")?.into();
            Ok(KnownFileSystem { identity, clock: Time::decode(&mut cursor)? })
        };
        let file_systems = (0..count).map(|_| file_system()).collect::<Result<_, FormatError>>()?;
        let root_inode = cursor.varint("root directory")?;
        let (offset, slots) = (cursor.varint("root directory")?, cursor.varint("root directory")?);
        cursor.end("end of a stat cache")?;
        let root = (slots > 0).then_some(DirectoryStats { offset, slots });
        Ok(Self { snapshot, all_read, file_systems, root_inode, root })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Secret;

    fn keys() -> Keys {
        Keys::derive(&Secret([5; 32]))
    }

    #[test]
    fn slots_say_what_was_put_in() {
        let stat = FileStat { inode: u64::MAX, ctime: Time::new(-5, 999_999_999).unwrap() };
        let compare = |now| Slot::of_file(&keys(), stat).compare(Slot::of_file(&keys(), now));
        let same = |inode, ctime| Some(SameStat { inode, ctime });
        assert_eq!(compare(stat), same(true, true));
        assert_eq!(compare(FileStat { inode: 1, ..stat }), same(false, true));
        assert_eq!(
            compare(FileStat { ctime: Time::new(-5, 999_999_998).unwrap(), ..stat }),
            same(true, false)
        );
        let other = Keys::derive(&Secret([6; 32]));
        assert_eq!(Slot::of_file(&keys(), stat).compare(Slot::of_file(&other, stat)), same(false, false));
        let stats = DirectoryStats { offset: 1 << 40, slots: 3 };
        assert_eq!(Slot::of_directory(stats).directory(), Some(stats));
        assert_eq!((Slot::UNKNOWN.compare(Slot::UNKNOWN), Slot::UNKNOWN.directory()), (None, None));
        let endless = DirectoryStats { offset: 0, slots: 1 << 32 };
        assert_eq!(Slot::of_directory(endless), Slot::UNKNOWN);
    }

    #[test]
    fn a_large_directory_has_several_parts() {
        let count = PART_SLOTS + 7;
        let stat = |inode| FileStat { inode, ctime: Time::default() };
        let slots: Vec<_> = (1..=count).map(|inode| Slot::of_file(&keys(), stat(inode))).collect();
        let node = BlobId([3; 32]);
        let parts = StatPart::seal_all(&keys(), &node, 2, &slots);
        assert_eq!(parts.len(), 2);
        for (number, bytes) in (0..).zip(&parts) {
            assert_eq!(StatPart::stored_len(count, number), Some(bytes.len()));
            let part = StatPart::open(&keys(), number, bytes).unwrap();
            assert_eq!((part.node, part.file_system), (BlobPrefix([3; 16]), 2));
            assert_eq!(part.get(6), Some(slots[(number * PART_SLOTS + 6) as usize]));
            assert!(StatPart::open(&keys(), number + 1, bytes).is_err());
        }
        assert_eq!(StatPart::open(&keys(), 1, &parts[1]).unwrap().get(7), None);
        assert_eq!(StatPart::stored_len(count, 2), None);
        assert_eq!(StatPart::stored_len(u64::MAX, u64::MAX), None);
    }

    proptest! {
        #[test]
        fn trailers_survive(
            snapshot: [u8; 32],
            secs: i64,
            file_systems in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..4),
            offset: u64,
            slots: u64,
        ) {
            let trailer = StatTrailer {
                snapshot: SnapshotId(snapshot),
                all_read: Time::new(secs, 7).unwrap(),
                file_systems: file_systems
                    .into_iter()
                    .map(|identity| KnownFileSystem { identity: identity.into(), clock: Time::default() })
                    .collect(),
                root_inode: offset,
                root: (slots > 0).then_some(DirectoryStats { offset, slots }),
            };
            let bytes = trailer.seal(&keys());
            let (frame, len) = bytes.split_at(bytes.len() - 4);
            prop_assert_eq!(frame.len(), u32::from_le_bytes(len.try_into().unwrap()) as usize);
            prop_assert_eq!(StatTrailer::open(&keys(), frame), Ok(trailer));
        }

        #[test]
        fn damaged_bytes_are_refused(bit in 0_usize..(28 + 24 + 12) * 8) {
            let slots = [Slot::of_file(&keys(), FileStat { inode: 9, ctime: Time::default() })];
            let mut bytes = StatPart::seal_all(&keys(), &BlobId([1; 32]), 0, &slots).remove(0);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(StatPart::open(&keys(), 0, &bytes).is_err());
        }
    }
}
