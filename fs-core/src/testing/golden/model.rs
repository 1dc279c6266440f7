//! The content of the fixture: a bit of everything that the format can express. Its description comes from
//! here, not from a read of the fixture.

use std::collections::{BTreeMap, HashMap};

use super::{absent_line, compact, file_detail, heading, line, other_detail, tag_line};
use crate::format::limits::MAX_INLINE_XATTRS;
use crate::format::{
    Absence, Attributes, BlobId, Content, Entry, Extensions, Gaps, Item, Kind, LinkTableBuilder, Manifest,
    NotRead, Origin, PackKind, PathKey, Run, Status, Tag, Time, Totals, XattrSet, Xattrs,
};
use crate::store::{ContentWriter, DirectoryWriter, Repository, Writer};

struct Thing {
    attributes: Attributes,
    xattrs: XattrSet,
    changed_while_read: bool,
    lacks_xattrs: bool,
    left_out: bool,
    what: What,
}

enum What {
    /// Bytes, a hole, and the same bytes again.
    File(Vec<u8>, u64),
    Directory(BTreeMap<Vec<u8>, Thing>),
    Other(Kind),
    /// A file, directory or link whose content could not be read, for this reason.
    NotRead(Kind, &'static str),
    /// A name of which nothing else could be read, for this reason.
    NameOnly(&'static str),
    Excluded,
}

fn thing(what: What) -> Thing {
    let mtime = Time::new(1_717_210_800, 123_456_789).unwrap();
    let mode = if matches!(what, What::Directory(_)) { 0o755 } else { 0o644 };
    let attributes = Attributes { mode, uid: 1000, gid: 100, mtime };
    Thing {
        attributes,
        xattrs: XattrSet::default(),
        changed_while_read: false,
        lacks_xattrs: false,
        left_out: false,
        what,
    }
}

fn file(bytes: impl AsRef<[u8]>) -> Thing {
    thing(What::File(bytes.as_ref().to_vec(), 0))
}

fn lines(count: u32, changed: u32) -> Vec<u8> {
    let line = |n| if n == changed { "changed\n".into() } else { format!("line {n} of some text\n") };
    (0..count).flat_map(|n| String::into_bytes(line(n))).collect()
}

fn xattrs(pairs: &[(&str, &[u8])]) -> XattrSet {
    XattrSet::new(pairs.iter().map(|(name, value)| (name.as_bytes().into(), (*value).into())).collect())
        .unwrap()
}

fn tree(version: u32) -> Thing {
    let many = (0..300).map(|n| (format!("{n:03}").into_bytes(), file(format!("{}", n / (290 + version)))));
    let mut odd = file("no more than an id takes, inline");
    odd.attributes = Attributes { mode: 0o4711, uid: u32::MAX, gid: 0, mtime: Time::new(-1, 1).unwrap() };
    odd.changed_while_read = true;
    odd.xattrs = xattrs(&[("user.comment", b"inline"), ("system.posix_acl_access", &[2, 0, 0, 0])]);
    let mut labelled = file("");
    labelled.xattrs = xattrs(&[("user.long", &[b'x'; 2000])]);
    let mut bare = file("x");
    bare.lacks_xattrs = true;
    let mut other_disk = thing(What::Directory(BTreeMap::new()));
    other_disk.left_out = true;
    let denied = "Permission denied (os error 13)";
    let unread = Kind::File { size: 123_456, holes: 0, content: Content::NotRead };
    let lacking = |kind| thing(What::NotRead(kind, denied));
    let secret = if version == 0 { file("a secret") } else { lacking(unread.clone()) };
    let hidden = [
        (&b"bare"[..], bare),
        (b"cache", thing(What::Excluded)),
        (b"name only", thing(What::NameOnly("Input/output error (os error 5)"))),
        (b"never read", lacking(unread)),
        (b"other disk", other_disk),
        (b"secret", secret),
        (b"unlisted", lacking(Kind::Directory(BlobId([0; 32])))),
        (b"unread link", lacking(Kind::Symlink(Box::default()))),
    ];
    let hidden = BTreeMap::from(hidden.map(|(name, thing)| (name.to_vec(), thing)));
    let things = [
        (&b"hidden"[..], thing(What::Directory(hidden))),
        (b"many", thing(What::Directory(many.collect()))),
        (b"empty directory", thing(What::Directory(BTreeMap::new()))),
        (b"odd", odd),
        (b"labelled", labelled),
        (b"not \xff UTF-8\n", file("x")),
        (b"text", file(lines(400, version))),
        (b"large", file(lines(8000, 5000 * version))),
        (b"sparse", thing(What::File(b"island".to_vec(), 10_000_000))),
        (b"twin", file("a file with two names, longer than what is inline")),
        (b"other twin", file("a file with two names, longer than what is inline")),
        (b"link", thing(What::Other(Kind::Symlink(b"../\xe2\x98\x83".as_slice().into())))),
        (b"character", thing(What::Other(Kind::CharDevice { major: 5, minor: 1 }))),
        (b"block", thing(What::Other(Kind::BlockDevice { major: 259, minor: 1_048_575 }))),
        (b"fifo", thing(What::Other(Kind::Fifo))),
        (b"socket", thing(What::Other(Kind::Socket))),
    ];
    thing(What::Directory(things.map(|(name, thing)| (name.to_vec(), thing)).into()))
}

const TWINS: [&[u8]; 2] = [b"other twin", b"twin"];

/// Writes three snapshots, and describes their content.
pub(super) fn write_history(repository: &Repository) -> String {
    let mut trees = Vec::new();
    let mut previous = HashMap::new();
    let mut parent = None;
    for version in 0..3 {
        let mut writer = repository.writer().unwrap();
        let mut links = LinkTableBuilder::default();
        links.push(&TWINS.map(|name| repository.keys().path_key(PathKey::ROOT, name)));
        let links = links.finish();
        let mut taking = Taking { writer: &mut writer, previous: &mut previous, text: String::new() };
        let Item::Entry(root) = taking.thing(b".", &tree(version)) else { unreachable!("it is a directory") };
        let tree_text = taking.text;
        let links_content = put(&mut writer, &[(&links, 0)], None).2;
        let time = Time::new(1_717_300_000 + i64::from(version) * 86_400, version * 7).unwrap();
        let manifest = Manifest {
            source: if version == 2 { b"web1, \xc3\xa4" } else { &b"tree"[..] }.into(),
            time,
            started: Time::new(time.secs() - 60, 0).unwrap(),
            status: [Status::Complete, Status::Partial, Status::Approximate][version as usize],
            root,
            links_len: links.len() as u64,
            links: links_content,
            totals: Totals { files: 311, directories: 6, others: 5, bytes: 1, troubled: u64::from(version) },
            origin: Origin { host: b"host".as_slice().into(), path: b"/srv/tree".as_slice().into() },
            parent,
            extensions: Extensions {
                run: (version == 2).then(|| Run {
                    identity: b"rsnapshot 1717472800.000000014 web1, \xc3\xa4".as_slice().into(),
                    began: None,
                    completed: Some(time),
                    expires: Time::new(-1, 999_999_999),
                }),
                ..Extensions::default()
            },
        };
        trees.push((heading(&manifest), tree_text));
        parent = Some(writer.commit(&manifest).unwrap().0);
    }
    let (source, given) = (b"web1, \xc3\xa4".as_slice().into(), Time::new(1_717_500_000, 5).unwrap());
    let tag = Tag { snapshot: parent.unwrap(), source, name: "before-upgrade".into(), given };
    repository.tag(tag.snapshot, &tag.name, given).unwrap();
    compact(&trees) + &tag_line(&tag)
}

struct Taking<'a> {
    writer: &'a mut Writer,
    /// Earlier contents and directories, by path.
    previous: &'a mut HashMap<Vec<u8>, (Option<Content>, Option<BlobId>)>,
    text: String,
}

impl Taking<'_> {
    fn thing(&mut self, path: &[u8], thing: &Thing) -> Item {
        let xattrs = self.xattrs(&thing.xattrs);
        let mut entry = Entry {
            attributes: thing.attributes,
            kind: Kind::Fifo,
            xattrs,
            changed_while_read: thing.changed_while_read,
            gaps: Gaps { xattrs: thing.lacks_xattrs, left_out: thing.left_out, ..Gaps::default() },
        };
        let before = self.previous.get(path).cloned().unwrap_or_default();
        match &thing.what {
            What::File(bytes, hole) => {
                let pieces = [(bytes.as_slice(), *hole), (if *hole > 0 { bytes } else { &[][..] }, 0)];
                let (size, holes, content) = put(self.writer, &pieces, before.0);
                self.previous.insert(path.to_vec(), (Some(content.clone()), None));
                entry.kind = Kind::File { size, holes, content };
                let all = [bytes, &vec![0; *hole as usize][..], pieces[1].0].concat();
                let names = if TWINS.iter().any(|twin| path == [b"./", *twin].concat()) { 2 } else { 1 };
                self.line(path, &entry, thing, &file_detail(&all, *hole, names));
            }
            What::Other(kind) => {
                entry.kind = kind.clone();
                self.line(path, &entry, thing, &other_detail(kind));
            }
            What::NotRead(kind, reason) => {
                let last = before.0.map(|content| Kind::File { size: 0, holes: 0, content });
                let last =
                    last.and_then(|kind| Entry { kind, ..entry.clone() }.content_id(self.writer.keys()));
                entry.gaps.content = Some(NotRead::new(reason, last));
                entry.kind = match kind {
                    Kind::Directory(_) => {
                        Kind::Directory(DirectoryWriter::default().finish(self.writer).unwrap())
                    }
                    kind => kind.clone(),
                };
                self.line(path, &entry, thing, &other_detail(kind));
            }
            What::NameOnly(reason) => {
                return self.absent(path, Absence::NotRead(NotRead::new(reason, None)));
            }
            What::Excluded => return self.absent(path, Absence::Excluded),
            What::Directory(things) => {
                let begin = self.text.len();
                let mut directory = DirectoryWriter::default();
                directory.delta_hint(before.1);
                for (name, below) in things {
                    let item = self.thing(&[path, b"/", name].concat(), below);
                    entry.gaps.add(&item);
                    let mut body = Vec::new();
                    item.encode(&mut body);
                    directory.push(self.writer, name, &body).unwrap();
                }
                let id = directory.finish(self.writer).unwrap();
                self.previous.insert(path.to_vec(), (None, Some(id)));
                entry.kind = Kind::Directory(id);
                self.text.insert_str(begin, &line(path, &entry, &thing.xattrs, "directory"));
            }
        }
        Item::Entry(entry)
    }

    fn absent(&mut self, path: &[u8], absence: Absence) -> Item {
        self.text += &absent_line(path, &absence);
        Item::Absent(absence)
    }

    fn line(&mut self, path: &[u8], entry: &Entry, thing: &Thing, detail: &str) {
        self.text += &line(path, entry, &thing.xattrs, detail);
    }

    fn xattrs(&mut self, set: &XattrSet) -> Xattrs {
        let bytes = set.encode();
        if set.is_empty() {
            Xattrs::None
        } else if bytes.len() <= MAX_INLINE_XATTRS {
            Xattrs::Inline(set.clone())
        } else {
            Xattrs::Blob(self.writer.put(PackKind::Metadata, &bytes, None).unwrap())
        }
    }
}

fn put(writer: &mut Writer, pieces: &[(&[u8], u64)], previous: Option<Content>) -> (u64, u64, Content) {
    let mut content = ContentWriter::default();
    if let Some(previous) = previous {
        content.delta_hint(previous);
    }
    for (mut bytes, hole) in pieces.iter().copied() {
        content.data(writer, &mut bytes, u64::MAX).unwrap();
        if hole > 0 {
            content.hole(writer, hole).unwrap();
        }
    }
    content.finish(writer).unwrap()
}
