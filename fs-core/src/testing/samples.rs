//! The smallest objects and repositories that can be stored, and helpers that find them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use tempfile::TempDir;

use crate::clock::SystemClock;
use crate::format::limits::MAX_DEPTH;
use crate::format::{
    Attributes, BlobId, Content, Entry, Extensions, Gaps, Kind, Manifest, Origin, Status, Time, Totals,
    Xattrs,
};
use crate::store::{Access, DirectoryWriter, Repository, Writer};
use crate::view::{Node, Options, Scope, View};

/// An entry owned by root, without extended attributes.
pub(crate) fn entry(kind: Kind) -> Entry {
    let attributes = Attributes { mode: 0o644, uid: 0, gid: 0, mtime: Time::default() };
    Entry { attributes, kind, xattrs: Xattrs::None, changed_while_read: false, gaps: Gaps::default() }
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

/// Stores a directory with these entries.
pub(crate) fn directory(writer: &mut Writer, entries: &[(&str, Kind)]) -> BlobId {
    let mut directory = DirectoryWriter::default();
    for (name, kind) in entries {
        let mut body = Vec::new();
        entry(kind.clone()).encode(&mut body);
        directory.push(writer, name.as_bytes(), &body).unwrap();
    }
    directory.finish(writer).unwrap()
}

/// Stores a tree that is deeper than any that an import can make.
pub(crate) fn too_deep_tree(writer: &mut Writer) -> BlobId {
    let empty = directory(writer, &[]);
    (0..2 * MAX_DEPTH).fold(empty, |id, _| directory(writer, &[("d", Kind::Directory(id))]))
}

/// A repository with one snapshot, in a temporary folder. `make` stores the snapshot's root. Returns the
/// folder, a view of the repository, and the root in it.
pub(crate) fn one_snapshot(make: impl FnOnce(&mut Writer) -> BlobId) -> (TempDir, View, Node) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    let mut writer = repository.writer().unwrap();
    let id = make(&mut writer);
    writer.commit(&manifest(id)).unwrap();
    let repository = Repository::open(&root, Access::Read).unwrap();
    let scope = Scope::Source(b"source".into());
    let options = Options::new(scope, TimeZone::UTC, Arc::new(SystemClock));
    let view = View::new(repository, options).unwrap();
    let node = view.lookup(&view.top(), b"@1970-01-01T00-00-00").unwrap();
    (folder, view, node)
}

/// The files of a repository's packs, in order of their names.
pub(crate) fn pack_files(repository: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = list(&repository.join("packs")).flat_map(|fan| list(&fan)).collect();
    files.sort_unstable();
    files
}
