//! All repository I/O: objects behind a [`Backend`], the derived index, and the code that reads and writes
//! blobs, directories, contents and snapshots.
//!
//! A writer stores packs, then the index, then the manifest, and at last the index's record of the manifest.
//! Each is durable before the next. A crash can leave unreferenced packs, but never a snapshot that lacks a
//! blob.

mod backend;
mod cache;
mod compress;
mod content;
mod content_walk;
mod delta;
mod directory;
mod error;
mod folder;
mod guard;
mod index;
mod init;
mod links;
mod live_index;
mod local;
mod lock;
mod memory;
mod mend;
mod packer;
mod packs;
mod patience;
mod reader;
mod rebuild;
mod reconcile;
mod repository;
mod salvage;
mod scan;
mod search;
mod stat_cache;
mod survey;
mod tags;
mod verify;
mod writer;

pub use backend::{Backend, Object, ObjectKind};
pub use cache::CacheSizes;
pub(crate) use cache::WeightedCache;
pub use content::{Bytes, ContentWriter, CopyError, FileReader};
pub use content_walk::{ContentVisitor, ContentWalk};
pub use directory::{
    Comparison, Differing, DirectoryCursor, DirectoryWriter, Found, NamedEntry, NodeRef, entries, find,
    lookup,
};
pub use error::StoreError;
pub use folder::Folder;
pub use index::{PackRecord, SnapshotRecord};
pub use links::LinkTable;
pub use local::LocalBackend;
pub use lock::FileLock;
pub use memory::MemoryBackend;
pub use reader::{Blob, Reader};
#[cfg(test)]
pub(crate) use rebuild::INDEX;
pub use rebuild::Rebuilt;
pub(crate) use reconcile::are_away;
pub use repository::{Access, PackTotals, Repository, random};
pub use salvage::{PackNames, Salvage, Salvages};
pub use stat_cache::{StatCache, StatCacheWriter, StatCursor};
pub use survey::Exposed;
pub use writer::{Statistics, Writer};

#[cfg(test)]
mod tests;
