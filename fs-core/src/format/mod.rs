//! Bytes ↔ types, without any I/O. `docs/format.md` is the specification of every layout here.
//!
//! Bytes from disk are hostile. Each length is checked against a limit of [`limits`] before it is used in
//! arithmetic or to allocate. Encodings are canonical, so that equal things have equal ids.
//!
//! ```
//! use fs_core::format::{BlockBuilder, BlockEncoder, Keys, PackBuilder, PackKind, Salt, Secret};
//!
//! let keys = Keys::derive(&Secret([7; 32]));
//! let mut block = BlockBuilder::default();
//! block.push(b"content");
//! let id = keys.blob_id(b"content");
//! let mut pack = PackBuilder::new(&keys, PackKind::Data, Salt([1; 32]));
//! pack.push(&BlockEncoder::new(3)?.full(&block)?, &[], [(id, 7)].into_iter());
//! assert_eq!(pack.finish(&keys)?.catalogue.find(&id).map(|place| place.len), Some(7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod acl;
mod ancestors;
mod block;
mod catalogue;
mod chunks;
mod codec;
mod config;
mod content;
mod copied_from;
mod entry;
mod error;
mod extensions;
mod gaps;
mod id;
mod item;
mod keys;
pub mod limits;
mod links;
pub mod log;
mod manifest;
mod node;
mod object;
mod pack;
mod partial_block;
mod parts;
mod run;
mod run_folder;
mod seal;
mod stat_cache;
mod tag;
mod time;
mod unread;
mod v1;
mod xattrs;

pub use ancestors::{Ancestor, MAX_ANCESTORS};
pub use block::{Block, BlockBuilder, BlockEncoder};
pub use catalogue::{BlockEntry, Catalogue, PackKind, Placement, StoredBlock};
pub use chunks::{ChunkList, Extent, ExtentKind};
pub use config::Config;
pub use content::Content;
pub use copied_from::CopiedFrom;
pub use entry::{Attributes, Entry, Kind, Xattrs};
pub use error::FormatError;
pub use extensions::Extensions;
pub use gaps::{Gaps, MAX_REASON, NotRead};
pub use id::{BlobId, BlobPrefix, PackId, RecordHash, RepositoryId, SnapshotId, TagId, TransactionId};
pub use item::{Absence, Item};
pub use keys::{Keys, PathKey, Secret};
pub use links::{Group, LINK_RECORD_LEN, LinkCheck, LinkRecord, LinkSearch, LinkTableBuilder};
pub(crate) use manifest::is_source_name;
pub use manifest::{Manifest, Origin, Status, Totals};
pub use node::{Child, InnerBuilder, Leaf, LeafBuilder, Node};
pub use pack::{PACK_HEADER_LEN, PackBuilder, PackTrailer, SealedPack, salt_in_header, salt_in_trailer};
pub use partial_block::PartialBlock;
pub use run::Run;
pub use run_folder::RunFolder;
pub use seal::{BLOCK_MAGIC, Body, FRAME_HEADER_LEN, ObjectKey, Salt, block_frame};
pub use stat_cache::{
    DirectoryStats, FileStat, KnownFileSystem, MAX_FILE_SYSTEM, MAX_TRAILER, PART_SLOTS, SameStat, Slot,
    StatPart, StatTrailer,
};
pub use tag::{Tag, check_tag_name};
pub use time::Time;
pub use unread::UnreadPaths;
pub use v1::Version;
pub use xattrs::{Xattr, XattrSet};
