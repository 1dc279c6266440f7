//! Repositories for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::{Options, Scope, View};
use crate::format::{
    Attributes, BlobId, Content, Entry, Extensions, Gaps, Kind, Manifest, Time, XattrSet, Xattrs,
};
use crate::store::{Access, DirectoryWriter, Repository, Writer};
use crate::testing::clock::ManualClock;
use crate::testing::samples;

pub(super) const FILES: u32 = 2000;

fn entry(kind: Kind, uid: u32) -> Entry {
    let attributes = Attributes { mode: 0o644, uid, gid: 5, mtime: Time::new(1000, 7).unwrap() };
    let set = XattrSet::new(vec![(b"user.a".as_slice().into(), b"value".as_slice().into())]).unwrap();
    Entry { attributes, kind, xattrs: Xattrs::Inline(set), changed_while_read: false, gaps: Gaps::default() }
}

fn directory(writer: &mut Writer, entries: impl IntoIterator<Item = (String, Entry)>) -> BlobId {
    let mut directory = DirectoryWriter::default();
    for (name, entry) in entries {
        let mut body = Vec::new();
        entry.encode(&mut body);
        directory.push(writer, name.as_bytes(), &body).unwrap();
    }
    directory.finish(writer).unwrap()
}

/// Adds a snapshot of `second` that holds `large` with [`FILES`] files, `link`, and `small/below`.
pub(super) fn add_snapshot(repository: &Repository, source: &[u8], second: i64, below: u32) {
    add(repository, source, (second, 0), None, below);
}

/// As [`add_snapshot`], for a snapshot of this second and nanosecond, with this number.
pub(super) fn add_numbered(
    repository: &Repository,
    source: &[u8],
    time: (i64, u32),
    number: u32,
    below: u32,
) {
    add(repository, source, time, Some(number), below);
}

fn add(repository: &Repository, source: &[u8], time: (i64, u32), number: Option<u32>, below: u32) {
    let mut writer = repository.writer().unwrap();
    let file = |uid| entry(Kind::File { size: 3, holes: 0, content: Content::Inline((*b"abc").into()) }, uid);
    let large = directory(&mut writer, (0..FILES).map(|uid| (format!("{uid:05}"), file(uid))));
    let small = directory(&mut writer, [("below".to_owned(), file(below))]);
    let link = entry(Kind::Symlink((*b"target").into()), 2);
    let folder = |id| entry(Kind::Directory(id), 1);
    let entries = [("large", folder(large)), ("link", link), ("small", folder(small))];
    let root = directory(&mut writer, entries.map(|(name, entry)| (name.to_owned(), entry)));
    commit(writer, source, time, number, root);
}

/// Files by path. A number distinguishes each file from the others.
pub(super) type Files = BTreeMap<String, u32>;

/// Adds a snapshot of `files`.
pub(super) fn add_files(repository: &Repository, source: &[u8], second: i64, files: &Files) {
    let mut writer = repository.writer().unwrap();
    let root = tree(&mut writer, files);
    commit(writer, source, (second, 0), None, root);
}

/// The file that a number stands for.
pub(super) fn numbered(number: u32) -> Entry {
    let size = u64::from(number % 20);
    let content = Content::Inline(vec![b'x'; size as usize].into());
    entry(Kind::File { size, holes: 0, content }, number)
}

fn tree(writer: &mut Writer, files: &Files) -> BlobId {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut folders: BTreeMap<&str, Files> = BTreeMap::new();
    for (path, number) in files {
        match path.split_once('/') {
            None => drop(entries.insert(path.clone(), numbered(*number))),
            Some((name, below)) => {
                folders.entry(name).or_default().insert(below.to_owned(), *number);
            }
        }
    }
    for (name, files) in folders {
        let below = tree(writer, &files);
        entries.insert(name.to_owned(), entry(Kind::Directory(below), 1));
    }
    directory(writer, entries)
}

fn commit(writer: Writer, source: &[u8], (second, nanos): (i64, u32), number: Option<u32>, root: BlobId) {
    let time = Time::new(second, nanos).unwrap();
    let extensions = Extensions { number, ..Extensions::default() };
    let manifest =
        Manifest { source: source.into(), time, started: time, extensions, ..samples::manifest(root) };
    writer.commit(&manifest).unwrap();
}

/// A view of the only source of a repository, and the repository's folder.
pub(super) fn view_of_files(history: &[Files]) -> (TempDir, View) {
    let folder = tempfile::tempdir().unwrap();
    Repository::init(folder.path()).unwrap();
    let repository = Repository::open(folder.path(), Access::Write).unwrap();
    for (second, files) in (1..).zip(history) {
        add_files(&repository, b"source", second, files);
    }
    drop(repository);
    let repository = Repository::open(folder.path(), Access::Read).unwrap();
    (folder, open(repository, Scope::Source(b"source".to_vec())))
}

/// A view of a repository with these snapshots of `source`, and the folder that holds the repository.
pub(super) fn view(snapshots: &[(i64, u32)], scope: Scope) -> (TempDir, View) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repository");
    Repository::init(&root).unwrap();
    for (second, below) in snapshots {
        add_snapshot(&Repository::open(&root, Access::Write).unwrap(), b"source", *second, *below);
    }
    (folder, open(Repository::open(&root, Access::Read).unwrap(), scope))
}

/// A view of a repository, whose clock stands still in the year 2001.
pub(super) fn open(repository: Repository, scope: Scope) -> View {
    let clock = ManualClock::new(Timestamp::from_second(1_000_000_000).unwrap());
    View::new(repository, Options::new(scope, TimeZone::UTC, Arc::new(clock))).unwrap()
}
