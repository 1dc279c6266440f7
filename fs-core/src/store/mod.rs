//! All repository I/O: objects behind a [`Backend`], the derived index, and the code that reads and writes
//! blobs, directories, contents and snapshots.
//!
//! A writer stores packs, then the index, then the manifest, and at last the index's record of the manifest.
//! Each is durable before the next. A crash can leave unreferenced packs, but never a snapshot that lacks a
//! blob.

mod backend;
mod blobs;
mod error;
mod index;
mod init;
mod layout;
mod log;
mod object;
mod random;
mod repair;
mod repository;
mod tags;
mod tree;

pub use backend::folder::Folder;
pub use backend::local::LocalBackend;
pub use backend::lock::FileLock;
pub use backend::memory::MemoryBackend;
pub use backend::repository_folder::RepositoryFolder;
pub use backend::survey::Exposed;
pub use backend::{Backend, LocalStore, Put};
pub use blobs::cache::{CacheSizes, WeightedCache};
pub use blobs::reader::{Blob, Reader};
pub use blobs::writer::{Statistics, Writer};
pub use error::StoreError;
pub use index::basis::Access;
pub(crate) use index::reconcile::are_away;
pub use index::{PackRecord, SnapshotRecord};
#[cfg(test)]
pub(crate) use layout::INDEX;
pub use log::Refused;
pub use object::{Listed, Object, ObjectKind};
pub use random::random;
pub use repair::salvage::{PackNames, Salvage, Salvages};
pub use repository::{PackTotals, Rebuilt, Repository};
pub use tree::content::{Bytes, ContentWriter, CopyError, FileReader};
pub use tree::content_walk::{ContentVisitor, ContentWalk};
pub use tree::directory::{
    Comparison, Differing, DirectoryCursor, DirectoryWriter, Found, NamedAbsence, NamedEntry, NamedItem,
    NodeRef, entries, find, lookup, lookup_item,
};
pub use tree::links::LinkTable;
pub use tree::stat_cache::{StatCache, StatCacheWriter, StatCursor};

#[cfg(test)]
mod tests;
