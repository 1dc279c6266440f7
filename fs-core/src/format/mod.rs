//! Bytes ↔ types, without any I/O. `docs/format.md` is the specification of every layout here.
//!
//! Bytes from disk are hostile. Each length is checked against a limit of [`limits`] before it is used in
//! arithmetic or to allocate. Encodings are canonical, so that equal things have equal ids.

pub mod acl;
mod ancestors;
mod block;
mod chunks;
mod codec;
mod config;
mod content;
mod copied_from;
mod entry;
mod error;
mod extensions;
mod id;
mod keys;
pub mod limits;
mod links;
mod manifest;
mod node;
mod pack;
mod run;
mod run_folder;
mod seal;
mod stat_cache;
mod tag;
mod time;
mod unread;
mod xattrs;

pub use ancestors::{Ancestor, MAX_ANCESTORS};
pub use block::{Block, BlockBuilder, BlockEncoder};
pub use chunks::{ChunkList, Extent, ExtentKind};
pub use config::Config;
pub use content::Content;
pub use copied_from::CopiedFrom;
pub use entry::{Attributes, Entry, Kind, Xattrs};
pub use error::FormatError;
pub use extensions::Extensions;
pub use id::{BlobId, PackId, RepositoryId, SnapshotId, TagId};
pub use keys::{Keys, PathKey, Secret};
pub use links::{Group, LINK_RECORD_LEN, LinkCheck, LinkRecord, LinkSearch, LinkTableBuilder};
pub(crate) use manifest::is_source_name;
pub use manifest::{Manifest, Origin, Status, Totals};
pub use node::{Child, InnerBuilder, Leaf, LeafBuilder, Node};
pub use pack::{
    BlockEntry, Catalogue, PACK_HEADER_LEN, PackBuilder, PackKind, PackTrailer, Placement, SealedPack,
    StoredBlock, TRAILER_LEN, check_pack_header,
};
pub use run::Run;
pub use run_folder::RunFolder;
pub use seal::{BLOCK_MAGIC, FRAME_HEADER_LEN, block_frame_len};
pub use stat_cache::{
    DirectoryStats, FileStat, KnownFileSystem, MAX_FILE_SYSTEM, MAX_TRAILER, PART_SLOTS, Slot, StatPart,
    StatTrailer,
};
pub use tag::{Tag, check_tag_name};
pub use time::Time;
pub use unread::Unread;
pub use xattrs::{Xattr, XattrSet};
