//! Histories drawn from a seed: every kind of entry, attribute and content, and changes between snapshots.

use std::collections::{BTreeMap, HashMap};

use crate::format::limits::MAX_INLINE_XATTRS;
use crate::format::{
    Absence, Ancestor, Attributes, BlobId, Content, Entry, Extensions, Gaps, Item, Kind, LinkTableBuilder,
    Manifest, NotRead, Origin, PackKind, PathKey, Run, RunFolder, SnapshotId, Status, Time, Totals,
    UnreadPaths, XattrSet, Xattrs,
};
use crate::store::{ContentWriter, DirectoryWriter, Repository, Writer};

/// Numbers that depend on the seed alone (splitmix64).
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let seed = self.next();
        (0..len).map(|at| (seed >> (at % 7)) as u8 ^ (at / 11) as u8).collect()
    }
}

#[derive(Debug, Clone)]
struct Thing {
    attributes: Attributes,
    xattrs: XattrSet,
    changed_while_read: bool,
    /// Things with one number are names of one file.
    group: Option<u64>,
    /// Whether the content could not be read, if there is any.
    unread: bool,
    lacks_xattrs: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// Bytes, each followed by a hole of some length.
    File(Vec<(Vec<u8>, u64)>),
    Directory(BTreeMap<Vec<u8>, Thing>),
    Other(Kind),
    NameOnly,
    Excluded,
}

/// A history that grows one snapshot at a time.
#[derive(Debug)]
pub(super) struct History {
    numbers: Numbers,
    tree: Thing,
    count: i64,
    parent: Option<SnapshotId>,
    last_read: LastRead,
}

/// The content that was last read at each path.
type LastRead = HashMap<PathKey, Option<BlobId>>;

impl History {
    pub(super) fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let mut tree = directory(&mut numbers, 3);
        let What::Directory(below) = &mut tree.what else { unreachable!("it is a directory") };
        // Several leaves, and several chunks.
        let many = (0..300).map(|n: u32| (format!("{n:05}").into_bytes(), leaf(&mut numbers))).collect();
        let many = Thing { what: What::Directory(many), ..thing(&mut numbers, None) };
        below.insert(b"many".to_vec(), many);
        let large = vec![(numbers.bytes(1_500_000), 0)];
        below.insert(b"large".to_vec(), thing(&mut numbers, Some(What::File(large))));
        let holes = vec![(Vec::new(), 5000), (numbers.bytes(9000), 70_000), (numbers.bytes(10), 1)];
        below.insert(b"holes".to_vec(), thing(&mut numbers, Some(What::File(holes))));
        let empty = Thing { what: What::Directory(BTreeMap::new()), ..thing(&mut numbers, None) };
        below.insert(b"empty".to_vec(), empty);
        Self { numbers, tree, count: 0, parent: None, last_read: HashMap::new() }
    }

    /// Changes the tree, and adds a snapshot of it.
    pub(super) fn write(&mut self, repository: &Repository) {
        if self.count > 0 {
            change(&mut self.numbers, &mut self.tree);
        }
        self.write_unchanged(repository);
    }

    /// Adds a snapshot that needs content which no other one has.
    pub(super) fn write_with_more(&mut self, repository: &Repository) {
        let more = thing(&mut self.numbers, None);
        let content = What::File(vec![((0..70_000_u32).flat_map(u32::to_le_bytes).collect(), 0)]);
        self.below().insert(b"more".to_vec(), Thing { what: content, ..more });
        self.write_unchanged(repository);
        self.below().remove(&b"more"[..]);
    }

    /// Adds a snapshot with one more hard link, and no other change.
    pub(super) fn write_with_another_link(&mut self, repository: &Repository) {
        for name in ["link 1", "link 2"] {
            let fifo = thing(&mut self.numbers, None);
            self.below().insert(name.into(), Thing { group: Some(99), ..fifo });
        }
        self.write_unchanged(repository);
    }

    fn below(&mut self) -> &mut BTreeMap<Vec<u8>, Thing> {
        let What::Directory(below) = &mut self.tree.what else { unreachable!("it is a directory") };
        below
    }

    /// Adds a snapshot of the same tree.
    fn write_unchanged(&mut self, repository: &Repository) {
        self.count += 1;
        let mut writer = repository.writer().unwrap();
        let mut groups = HashMap::new();
        let (before, now) = (&self.last_read, LastRead::new());
        let mut taking = Taking { writer: &mut writer, groups: &mut groups, before, now };
        let Item::Entry(root) = taking.item(PathKey::ROOT, &self.tree) else {
            unreachable!("it is a directory")
        };
        self.last_read = taking.now;
        let mut links = LinkTableBuilder::default();
        groups.into_values().for_each(|paths: Vec<PathKey>| links.push(&paths));
        let links = links.finish();
        let mut content = ContentWriter::default();
        content.data(&mut writer, &mut &*links, u64::MAX).unwrap();
        let (links_len, _, links) = content.finish(&mut writer).unwrap();
        let time = Time::new(self.count * 86_400, 5).unwrap();
        let numbers = &mut self.numbers;
        let manifest = Manifest {
            source: (*b"drawn").into(),
            time,
            started: Time::new(self.count * 86_400 - 60, 1).unwrap(),
            status: [Status::Complete, Status::Partial, Status::Limited][numbers.below(3) as usize],
            root,
            links_len,
            links,
            totals: Totals { files: self.count.unsigned_abs(), bytes: numbers.next(), ..Totals::default() },
            origin: Origin { host: (*b"host").into(), path: numbers.bytes(9).into() },
            parent: self.parent,
            extensions: extensions(numbers, time),
        };
        self.parent = Some(writer.commit(&manifest).unwrap().0);
    }
}

fn extensions(numbers: &mut Numbers, time: Time) -> Extensions {
    let run = Run { identity: numbers.bytes(9).into(), began: Some(time), completed: None, expires: None };
    let folder = RunFolder {
        file_system: (*b"uuid x").into(),
        inode: numbers.next(),
        born: Some(time),
        name: (*b"daily.0").into(),
    };
    Extensions {
        run: numbers.one_in(2).then_some(run),
        number: Some(1),
        unread: UnreadPaths { paths: vec![(*b"a/b").into()], more: numbers.below(3) },
        ancestors: vec![Ancestor { mode: 0o755, uid: 1, gid: 2, has_acl: numbers.one_in(2) }],
        run_folder: numbers.one_in(2).then_some(folder),
        copied_from: None,
        unknown: vec![(4711, numbers.bytes(7).into())],
    }
}

fn thing(numbers: &mut Numbers, what: Option<What>) -> Thing {
    let mtime = Time::new(numbers.next().cast_signed() >> 20, numbers.below(1_000_000_000) as u32).unwrap();
    let attributes = Attributes {
        mode: numbers.below(0o10000) as u16,
        uid: numbers.next() as u32,
        gid: numbers.below(7) as u32,
        mtime,
    };
    let long = if numbers.one_in(3) { 2000 } else { 8 };
    let pairs = (0..numbers.below(3)).map(|n| {
        let name = format!("user.{n}").into_bytes();
        (name.into(), numbers.bytes(long).into())
    });
    let xattrs = XattrSet::new(pairs.collect()).unwrap();
    let what = what.unwrap_or(What::Other(Kind::Fifo));
    let (unread, lacks_xattrs) = (false, numbers.one_in(20));
    Thing {
        attributes,
        xattrs,
        changed_while_read: numbers.one_in(9),
        group: None,
        unread,
        lacks_xattrs,
        what,
    }
}

fn leaf(numbers: &mut Numbers) -> Thing {
    let len = [0, 5, 32, 33, 900, 20_000][numbers.below(6) as usize];
    let what = match numbers.below(12) {
        0 => What::Other(Kind::Symlink(numbers.bytes(8).into())),
        1 => What::Other(Kind::CharDevice { major: 1, minor: 3 }),
        2 => What::Other(Kind::BlockDevice { major: 259, minor: 70_000 }),
        3 => What::Other(Kind::Fifo),
        4 => What::Other(Kind::Socket),
        5 => What::File(vec![(numbers.bytes(len), 1 + numbers.below(9000)), (numbers.bytes(40), 0)]),
        _ => What::File(vec![(numbers.bytes(len), 0)]),
    };
    let group = numbers.one_in(3).then(|| numbers.below(20));
    Thing { group, ..thing(numbers, Some(what)) }
}

fn directory(numbers: &mut Numbers, depth: u64) -> Thing {
    let below = (0..numbers.below(6)).map(|n| {
        let name = format!("{n}\u{e9}").into_bytes();
        let is_directory = depth > 0 && numbers.one_in(2);
        (name, if is_directory { directory(numbers, depth - 1) } else { leaf(numbers) })
    });
    let below = below.collect();
    thing(numbers, Some(What::Directory(below)))
}

/// Changes a few things in a tree.
fn change(numbers: &mut Numbers, tree: &mut Thing) {
    tree.unread = numbers.one_in(5);
    if numbers.one_in(4) {
        let new = thing(numbers, None);
        (tree.attributes, tree.xattrs) = (new.attributes, new.xattrs);
    }
    let What::Directory(below) = &mut tree.what else { return };
    let names: Vec<_> = below.keys().cloned().collect();
    for name in names {
        match numbers.below(12) {
            0 => drop(below.remove(&name)),
            1 => drop(below.insert([&*name, b"~"].concat(), leaf(numbers))),
            2 => drop(below.insert(name, directory(numbers, 1))),
            3 if numbers.one_in(2) => {
                let what = if numbers.one_in(3) { What::Excluded } else { What::NameOnly };
                below.insert(name, thing(numbers, Some(what)));
            }
            3..6 => {}
            _ => below.get_mut(&name).into_iter().for_each(|thing| change(numbers, thing)),
        }
    }
    if let Some(Thing { what: What::File(pieces), .. }) = below.get_mut(&b"large"[..]) {
        pieces[0].0[700_000] ^= 1;
    }
}

/// Stores a tree.
struct Taking<'a> {
    writer: &'a mut Writer,
    groups: &'a mut HashMap<u64, Vec<PathKey>>,
    /// What the snapshot before has, and what this one has.
    before: &'a LastRead,
    now: LastRead,
}

impl Taking<'_> {
    fn item(&mut self, key: PathKey, thing: &Thing) -> Item {
        let not_read = || NotRead::new("refused", self.before.get(&key).copied().flatten());
        let item = match &thing.what {
            What::NameOnly => Item::Absent(Absence::NotRead(not_read())),
            What::Excluded => Item::Absent(Absence::Excluded),
            _ => {
                let not_read = not_read();
                Item::Entry(self.entry(key, thing, not_read))
            }
        };
        self.now.insert(key, item.content_id(self.writer.keys()));
        item
    }

    fn entry(&mut self, key: PathKey, thing: &Thing, not_read: NotRead) -> Entry {
        let mut gaps = Gaps { xattrs: thing.lacks_xattrs, ..Gaps::default() };
        let unread = thing.unread.then_some(not_read);
        let kind = match &thing.what {
            What::Other(Kind::Symlink(_)) if thing.unread => {
                gaps.content = unread;
                Kind::Symlink(Box::default())
            }
            What::Other(kind) => kind.clone(),
            What::NameOnly | What::Excluded => unreachable!("it has no entry"),
            What::File(pieces) if thing.unread => {
                gaps.content = unread;
                Kind::File { size: pieces.len() as u64, holes: 0, content: Content::NotRead }
            }
            What::File(pieces) => self.file(pieces),
            What::Directory(below) => {
                // Some entries of a directory are listed before it fails.
                let listed = if thing.unread { below.len() / 2 } else { below.len() };
                gaps.content = unread;
                let mut out = DirectoryWriter::default();
                for (name, thing) in below.iter().take(listed) {
                    let item = self.item(self.writer.keys().path_key(key, name), thing);
                    gaps.add(&item);
                    let mut body = Vec::new();
                    item.encode(&mut body);
                    out.push(self.writer, name, &body).unwrap();
                }
                Kind::Directory(out.finish(self.writer).unwrap())
            }
        };
        thing.group.into_iter().for_each(|group| self.groups.entry(group).or_default().push(key));
        let xattrs = self.xattrs(&thing.xattrs);
        let (attributes, changed_while_read) = (thing.attributes, thing.changed_while_read);
        Entry { attributes, kind, xattrs, changed_while_read, gaps }
    }

    fn file(&mut self, pieces: &[(Vec<u8>, u64)]) -> Kind {
        let mut content = ContentWriter::default();
        for (bytes, hole) in pieces {
            content.data(self.writer, &mut &**bytes, u64::MAX).unwrap();
            content.hole(self.writer, *hole).unwrap();
        }
        let (size, holes, content) = content.finish(self.writer).unwrap();
        Kind::File { size, holes, content }
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
