//! Limits of a reader. Writers stay well below them. A larger value in a file is damage, not data.

/// Bytes of one blob. Chunks and tree nodes are far smaller.
pub const MAX_BLOB: usize = 16 << 20;
/// Uncompressed bytes of one block.
pub const MAX_BLOCK_RAW: usize = 16 << 20;
/// Bytes of a sealed body (block, catalogue, manifest) as stored.
pub const MAX_BODY: usize = 64 << 20;
/// Bytes of a pack file.
pub const MAX_PACK: u64 = 1 << 30;
/// Blobs in one block. Each costs at least a byte of header.
pub const MAX_BLOBS_PER_BLOCK: usize = 1 << 20;
/// Bytes of a file. A chunk list's extents use two bits of 64 for their kind.
pub const MAX_FILE: u64 = (1 << 62) - 1;
/// Bytes of a file name, as in Linux (`NAME_MAX`).
pub const MAX_NAME: usize = 255;
/// Depth of nested folders. Nobody can name a file below it (`PATH_MAX` of one-letter names). It bounds the
/// number of open files of a walk.
pub const MAX_DEPTH: usize = 2048;
/// Bytes of a symbolic link's target. Linux allows 4095. Longer ones of other systems can still be kept.
pub const MAX_TARGET: usize = 65_535;
/// Bytes of content that is kept in its directory entry. It is no larger than the id it replaces.
pub const MAX_INLINE: usize = 32;
/// Bytes of extended attributes kept in the directory entry. Longer sets become a blob.
pub const MAX_INLINE_XATTRS: usize = 512;
/// Bytes of one extended attribute's value, as in Linux (`XATTR_SIZE_MAX`).
pub const MAX_XATTR_VALUE: usize = 65_536;
/// Extended attributes of one entry. Linux lists at most 64 KiB of names.
pub const MAX_XATTRS: usize = 32_768;
/// Entries of one directory leaf, children of one inner node, extents of one chunk list.
pub const MAX_NODE_ITEMS: usize = 65_536;
/// Levels of inner nodes above a directory's leaves, and of lists above a file's chunks.
pub const MAX_LEVELS: u8 = 8;
/// Bytes of a source's name.
pub const MAX_SOURCE_NAME: usize = 255;
/// Bytes of a tag's name.
pub const MAX_TAG_NAME: usize = 100;
/// Bytes of a tag's file. A tag takes hundreds; the rest is for extensions.
pub const MAX_TAG: usize = 1 << 16;
/// Bytes of a record of the log, and of a checkpoint. The ids of packs are most of it.
pub const MAX_RECORD: usize = MAX_BODY;
/// Bytes of the path that was imported, and of the host's name.
pub const MAX_ORIGIN: usize = 65_535;
/// Bytes of a run's identity, which consists of a few names.
pub const MAX_RUN_IDENTITY: usize = 4096;
/// Bytes of a path in the list of what an import could not read, which only version 1 wrote.
pub const MAX_UNREAD_PATH: usize = 8192;
/// Bytes of a snapshot manifest's file.
pub const MAX_MANIFEST: usize = 1 << 20;
/// Bytes of the repository's config file.
pub const MAX_CONFIG: usize = 1 << 16;
