use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;
use crate::format::{
    Attributes, Content, Entry, Kind, Manifest, Origin, Status, Time, Totals, XattrSet, Xattrs,
};
use crate::store::{Access, CacheSizes, DirectoryWriter, Repository, Writer};
use crate::view::{Options, Scope};

const FILES: u32 = 2000;

fn entry(kind: Kind, uid: u32) -> Entry {
    let attributes = Attributes { mode: 0o644, uid, gid: 5, mtime: Time::new(1000, 7).unwrap() };
    let set = XattrSet::new(vec![(b"user.a".as_slice().into(), b"value".as_slice().into())]).unwrap();
    Entry { attributes, kind, xattrs: Xattrs::Inline(set), unsettled: false }
}

fn directory(writer: &mut Writer, entries: impl IntoIterator<Item = (String, Entry)>) -> Entry {
    let mut directory = DirectoryWriter::default();
    for (name, entry) in entries {
        let mut body = Vec::new();
        entry.encode(&mut body);
        directory.push(writer, name.as_bytes(), &body).unwrap();
    }
    entry(Kind::Directory(directory.finish(writer).unwrap()), 1)
}

/// `large` with so many files, `link`, and `small/below`, in a snapshot of that second.
fn add_snapshot(repository: &Repository, second: i64, below: u32) {
    let mut writer = repository.writer().unwrap();
    let file = |uid| entry(Kind::File { size: 3, holes: 0, content: Content::Inline((*b"abc").into()) }, uid);
    let large = directory(&mut writer, (0..FILES).map(|uid| (format!("{uid:05}"), file(uid))));
    let small = directory(&mut writer, [("below".to_owned(), file(below))]);
    let link = entry(Kind::Symlink((*b"target").into()), 2);
    let entries = [("large", large), ("link", link), ("small", small)];
    let root = directory(&mut writer, entries.map(|(name, entry)| (name.to_owned(), entry)));
    let time = Time::new(second, 0).unwrap();
    let manifest = Manifest {
        source: b"source".as_slice().into(),
        time,
        started: time,
        status: Status::Complete,
        root,
        links_len: 0,
        links: Content::empty(),
        totals: Totals::default(),
        origin: Origin::default(),
        parent: None,
        run: None,
    };
    writer.commit(&manifest).unwrap();
}

fn view(snapshots: &[(i64, u32)]) -> (TempDir, View) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repository");
    Repository::init(&root).unwrap();
    for (second, below) in snapshots {
        add_snapshot(&Repository::open(&root, Access::Write).unwrap(), *second, *below);
    }
    let options = Options {
        scope: Scope::Source(b"source".to_vec()),
        zone: TimeZone::UTC,
        owner: (0, 0),
        caches: CacheSizes::default(),
    };
    (folder, View::new(Repository::open(&root, Access::Read).unwrap(), options).unwrap())
}

/// Every node below `node`, told to `inodes`.
fn tell_all(view: &View, inodes: &Inodes, node: &Node, told: &mut Vec<Node>) {
    let mut below = Vec::new();
    view.read_directory(node, 0, &mut |entry| {
        below.push(entry.node);
        true
    })
    .unwrap();
    for node in below {
        assert_eq!(inodes.remember(&node), node.ino());
        if matches!(node.what, What::Directory { .. }) {
            tell_all(view, inodes, &node, told);
        }
        told.push(node);
    }
}

#[test]
fn a_node_that_is_read_again_is_the_same() {
    let (_folder, view) = view(&[(1, 8), (2, 9)]);
    let inodes = Inodes::new(view.clone());
    assert!(inodes.is_empty());
    let mut told = Vec::new();
    tell_all(&view, &inodes, &view.top(), &mut told);
    // `@latest`; of each snapshot itself, two folders and a file of its own; and what they share.
    assert_eq!(inodes.len(), 1 + 2 * 4 + FILES as usize + 1);
    for node in &told {
        let again = inodes.get(node.ino()).unwrap().unwrap();
        assert_eq!(again.identity, node.identity);
        assert_eq!(view.attr(&again), view.attr(node));
        assert_eq!(view.xattrs(&again).unwrap(), view.xattrs(node).unwrap());
        if matches!(node.what, What::Directory { .. }) {
            let names = |node: &Node| {
                let mut names = Vec::new();
                view.read_directory(node, 0, &mut |entry| {
                    names.push((entry.name.to_vec(), entry.node.ino()));
                    true
                })
                .unwrap();
                names
            };
            assert_eq!(names(&again), names(node));
        }
    }
    told.iter().for_each(|node| inodes.forget(node.ino(), 1));
    assert!(inodes.is_empty());
    assert!(inodes.get(view.top().ino()).unwrap().is_some());
}

#[test]
fn a_version_is_read_where_it_was_seen_last() {
    let (_folder, view) = view(&[(1, 8), (2, 9)]);
    let inodes = Inodes::new(view.clone());
    let file = |time: &[u8]| view.walk(view.sources().get(b"source").unwrap(), time, b"link").unwrap();
    let (older, newer) = (file(b"@latest~1"), file(b"@latest"));
    assert_eq!(older.ino(), newer.ino());
    let home = || inodes.get(older.ino()).unwrap().unwrap().place.unwrap().home.snapshot.manifest.time;
    inodes.remember(&older);
    assert_eq!(home(), Time::new(1, 0).unwrap());
    inodes.remember(&newer);
    inodes.remember(&older);
    assert_eq!(home(), Time::new(2, 0).unwrap());
}
