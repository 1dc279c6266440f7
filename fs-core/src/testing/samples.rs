//! The smallest objects that can be stored, and helpers that find them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::format::{
    Attributes, BlobId, Content, Entry, Extensions, Kind, Manifest, Origin, Status, Time, Totals, Xattrs,
};

/// An entry owned by root, without extended attributes.
pub(crate) fn entry(kind: Kind) -> Entry {
    let attributes = Attributes { mode: 0o644, uid: 0, gid: 0, mtime: Time::default() };
    Entry { attributes, kind, xattrs: Xattrs::None, changed_while_read: false }
}

/// A snapshot of the directory `root`, without hard links.
pub(crate) fn manifest(root: BlobId) -> Manifest {
    Manifest {
        source: b"source".as_slice().into(),
        time: Time::default(),
        started: Time::default(),
        status: Status::Complete,
        root: entry(Kind::Directory(root)),
        links_len: 0,
        links: Content::empty(),
        totals: Totals::default(),
        origin: Origin::default(),
        parent: None,
        extensions: Extensions::default(),
    }
}

/// The files of a repository's packs, in order of their names.
pub(crate) fn pack_files(repository: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = list(&repository.join("packs")).flat_map(|fan| list(&fan)).collect();
    files.sort_unstable();
    files
}
