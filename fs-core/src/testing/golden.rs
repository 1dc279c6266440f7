//! Repositories that earlier versions wrote, each with a description of its content: `tests/fixtures/vN/`.
//! They must remain readable for ever, and are never replaced.

mod model;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::format::{
    Absence, BlobId, Content, Entry, Item, Kind, Manifest, NotRead, PathKey, SnapshotId, Tag, Time, XattrSet,
    Xattrs,
};
use crate::store::{Access, CacheSizes, DirectoryCursor, FileReader, LinkTable, Reader, Repository};

/// All format versions that were ever written.
const VERSIONS: [&str; 2] = ["v1", "v2"];
/// Maximum length of content that is shown as it is, in bytes; longer content is shown as its hash.
const SHOWN: usize = 60;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// Formats bytes for people.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        format!("\"{}\"", bytes.escape_ascii())
    } else {
        format!("blake3 {}", blake3::hash(bytes).to_hex())
    }
}

fn time(time: Time) -> String {
    format!("{}.{:09}", time.secs(), time.nanos())
}

/// Formats a line for an entry; `detail` holds the fields of its type.
fn line(path: &[u8], entry: &Entry, xattrs: &XattrSet, detail: &str) -> String {
    let attributes = entry.attributes;
    let mut line = format!(
        "{} {:04o} {}:{} {}",
        path.escape_ascii(),
        attributes.mode,
        attributes.uid,
        attributes.gid,
        time(attributes.mtime)
    );
    write!(line, " {detail}").unwrap();
    if let Some(reason) = entry.not_read() {
        write!(line, ", lacks content: {}", reason_of(reason)).unwrap();
    }
    let flags = [
        (entry.changed_while_read, "unsettled"),
        (entry.gaps.xattrs, "lacks xattrs"),
        (entry.gaps.below, "gaps below"),
        (entry.gaps.excluded, "excluded below"),
        (entry.gaps.left_out, "left out"),
    ];
    for (_, word) in flags.iter().filter(|(is_set, _)| *is_set) {
        write!(line, " {word}").unwrap();
    }
    for name in xattrs.names() {
        write!(line, " [{} {}]", name.escape_ascii(), shown(xattrs.get(name).unwrap())).unwrap();
    }
    line + "\n"
}

fn reason_of(not_read: &NotRead) -> String {
    let before = not_read.before.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
    format!("{}, before {before}", shown(not_read.reason.as_bytes()))
}

/// Formats a line for a name without an entry.
fn absent_line(path: &[u8], absence: &Absence) -> String {
    let why = match absence {
        Absence::NotRead(not_read) => format!("not read: {}", reason_of(not_read)),
        Absence::Excluded => "excluded".to_owned(),
    };
    format!("{} {why}\n", path.escape_ascii())
}

fn file_detail(bytes: &[u8], holes: u64, links: u32) -> String {
    format!("file of {} bytes, {holes} in holes, {links} names: {}", bytes.len(), shown(bytes))
}

fn other_detail(kind: &Kind) -> String {
    match kind {
        Kind::Symlink(target) if target.is_empty() => "link".into(),
        Kind::File { size, content: Content::NotRead, .. } => format!("file of {size} bytes"),
        Kind::Symlink(target) => format!("link to {}", shown(target)),
        Kind::CharDevice { major, minor } => format!("character device {major},{minor}"),
        Kind::BlockDevice { major, minor } => format!("block device {major},{minor}"),
        Kind::Fifo => "fifo".into(),
        Kind::Socket => "socket".into(),
        Kind::Directory(_) => "directory".into(),
        Kind::File { .. } => unreachable!("files have bytes"),
    }
}

fn heading(manifest: &Manifest) -> String {
    let Manifest { source, status, totals, origin, .. } = manifest;
    let run = manifest.extensions.run.as_ref().map_or_else(String::new, |run| {
        let times = [("began", run.began), ("completed", run.completed), ("expires", run.expires)];
        let told = times.iter().filter_map(|(word, at)| Some(format!(", {word} {}", time((*at)?))));
        format!("run {}{}\n", shown(&run.identity), told.collect::<String>())
    });
    format!(
        "\n{} at {}, begun at {}, {}, from {}:{}{}\n{run}{totals:?}\n",
        source.escape_ascii(),
        time(manifest.time),
        time(manifest.started),
        status.name(),
        origin.host.escape_ascii(),
        origin.path.escape_ascii(),
        if manifest.parent.is_some() { ", after another" } else { "" },
    )
}

/// Describes everything in a repository.
fn describe(repository: &Repository) -> String {
    let reader = repository.reader(CacheSizes::default());
    let mut manifests: Vec<(SnapshotId, Manifest)> = Vec::new();
    for id in repository.snapshots().unwrap() {
        manifests.push((id, repository.manifest(&id).unwrap()));
    }
    manifests.sort_by_key(|(_, manifest)| manifest.time);
    let mut trees = Vec::new();
    for (_, manifest) in &manifests {
        assert!(manifest.parent.is_none_or(|parent| manifests.iter().any(|(id, _)| *id == parent)));
        let mut text = String::new();
        let links = LinkTable::new(&reader, &manifest.links, manifest.links_len);
        links.check().unwrap();
        let walk = Walk { repository, reader: &reader, links };
        walk.entry(b".", PathKey::ROOT, &manifest.root, &mut text);
        trees.push((heading(manifest), text));
    }
    let (tags, _) = repository.tags().unwrap();
    compact(&trees) + &tags.iter().map(tag_line).collect::<String>()
}

fn tag_line(tag: &Tag) -> String {
    let Tag { snapshot, source, name, given } = tag;
    format!("tag {name} of {}, given at {}: snapshot {snapshot}\n", source.escape_ascii(), time(*given))
}

/// Combines descriptions: the first snapshot in full, of each later one only the changes.
fn compact(trees: &[(String, String)]) -> String {
    let mut text = String::new();
    let mut before = HashSet::new();
    for (heading, tree) in trees {
        let now: HashSet<&str> = tree.lines().collect();
        let new: Vec<&str> = tree.lines().filter(|line| !before.contains(line)).collect();
        let mut gone: Vec<&str> = before.difference(&now).copied().collect();
        gone.sort_unstable();
        writeln!(text, "{heading}{} lines, of them new:\n{}", now.len(), new.join("\n")).unwrap();
        writeln!(text, "and gone:\n{}", gone.join("\n")).unwrap();
        before = now;
    }
    text
}

struct Walk<'a> {
    repository: &'a Repository,
    reader: &'a Reader,
    links: LinkTable<'a>,
}

impl Walk<'_> {
    fn entry(&self, path: &[u8], key: PathKey, entry: &Entry, text: &mut String) {
        let xattrs = match &entry.xattrs {
            Xattrs::None => XattrSet::default(),
            Xattrs::Inline(set) => set.clone(),
            Xattrs::Blob(id) => self.reader.xattrs(id).unwrap(),
        };
        let detail = match &entry.kind {
            Kind::File { size, holes, content } if entry.not_read().is_none() => {
                let names = self.links.group(key).unwrap().map_or(1, |group| group.names);
                file_detail(&self.bytes(content, *size), *holes, names)
            }
            other => other_detail(other),
        };
        *text += &line(path, entry, &xattrs, &detail);
        if let Kind::Directory(id) = entry.kind {
            self.directory(path, key, id, text);
        }
    }

    fn directory(&self, path: &[u8], key: PathKey, id: BlobId, text: &mut String) {
        let mut cursor = DirectoryCursor::new(self.reader.clone(), id, 0);
        while let Some((name, item)) = cursor.next_item().unwrap() {
            let below = [path, b"/", &name].concat();
            match item {
                Item::Entry(entry) => {
                    self.entry(&below, self.repository.keys().path_key(key, &name), &entry, text);
                }
                Item::Absent(absence) => *text += &absent_line(&below, &absence),
            }
        }
    }

    fn bytes(&self, content: &Content, size: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        FileReader { reader: self.reader, content, size }.read(0, usize::MAX, &mut bytes).unwrap();
        bytes
    }
}

/// Copies a fixture. Version control keeps no empty folders, and here no index: a read must make it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn all_that_was_ever_written_is_read() {
    for version in VERSIONS {
        let fixture = fixtures().join(version);
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        copy(&fixture.join("repository"), &root);
        let expected = fs::read_to_string(fixture.join("tree.txt")).unwrap();
        // Version 1 is only read.
        let write = if version == "v1" { Access::Check } else { Access::Write };
        assert_eq!(
            version == "v1",
            Repository::open(&root, Access::Write)
                .is_err_and(|error| { error.to_string().contains("yester upgrade") })
        );
        for access in [Access::Read, write] {
            let seen = describe(&Repository::open(&root, access).unwrap());
            let differs = expected.lines().zip(seen.lines()).find(|(expected, seen)| expected != seen);
            assert!(expected == seen, "{version}: {differs:#?}, or more or fewer lines");
        }
    }
}

#[test]
fn no_fixture_is_forgotten() {
    let mut found: Vec<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, VERSIONS);
}

/// Writes the fixture of a new version, once its name is in `VERSIONS`:
/// `cargo test -p fs-core write_the_fixture -- --ignored`.
#[test]
#[ignore = "it is for whoever adds a version"]
fn write_the_fixture() {
    let fixture = fixtures().join(VERSIONS[VERSIONS.len() - 1]);
    assert!(!fixture.exists(), "{}: a fixture stays as it is", fixture.display());
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    let text = model::write_history(&repository);
    drop(repository);
    for derived in [crate::store::INDEX, "lock"] {
        fs::remove_file(root.join(derived)).unwrap();
    }
    fs::remove_dir(root.join("tmp")).unwrap();
    copy(&root, &fixture.join("repository"));
    fs::write(fixture.join("tree.txt"), text).unwrap();
}
