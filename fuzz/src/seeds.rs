//! What the encoders make of a bit of everything: where a fuzzer begins.

use fs_core::format::{
    Attributes, BlobId, BlockBuilder, BlockEncoder, Child, ChunkList, Config, Content, DirectoryStats, Entry,
    Extensions, ExtentKind, FRAME_HEADER_LEN, FileStat, InnerBuilder, Kind, KnownFileSystem, LeafBuilder,
    LinkTableBuilder, Manifest, Origin, PackBuilder, PackKind, PathKey, RepositoryId, Run, Secret, Slot,
    SnapshotId, StatPart, StatTrailer, Status, Tag, Time, Totals, XattrSet, Xattrs,
};

use crate::seal::{SECRET, keys};

/// Seeds of a target.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "config" => vec![
            Config { id: RepositoryId([1; 16]), secret: Secret(SECRET), created: Time::default() }.encode(),
        ],
        "manifest" => {
            let parents = [None, Some(SnapshotId([5; 32]))];
            parents.map(|parent| manifest(parent).seal(&keys()).1[FRAME_HEADER_LEN..].to_vec()).into()
        }
        "tag" => vec![tag().seal(&keys()).1[FRAME_HEADER_LEN..].to_vec()],
        "catalogue" => {
            let pack = pack();
            vec![pack[catalogue_offset(&pack) + FRAME_HEADER_LEN..pack.len() - 16].to_vec()]
        }
        "trailer" => {
            let pack = pack();
            let mut seed = (pack.len() as u64).to_le_bytes().to_vec();
            seed.extend(&pack[pack.len() - 16..]);
            vec![seed]
        }
        "block" => {
            blocks().iter().map(|(prefix, block)| [&[*prefix], &block[FRAME_HEADER_LEN..]].concat()).collect()
        }
        "node" => nodes(),
        "entry" => entries().iter().map(encoded).collect(),
        "chunks" => [0, 1].map(chunk_list).into(),
        "xattrs" => vec![XattrSet::default().encode(), xattrs().encode()],
        "links" => {
            let mut links = LinkTableBuilder::default();
            links.push(&[1, 9, 4].map(|byte| PathKey([byte; 16])));
            links.push(&[2, 3].map(|byte| PathKey([byte; 16])));
            vec![Vec::new(), links.finish()]
        }
        "stat_part" => stat_parts(),
        "stat_trailer" => {
            let bytes = stat_trailer().seal(&keys());
            // The length of the frame follows it.
            vec![bytes[FRAME_HEADER_LEN..bytes.len() - 4].to_vec()]
        }
        "expression" => EXPRESSIONS.map(|text| text.as_bytes().to_vec()).into(),
        other => panic!("no seeds for {other}"),
    }
}

const EXPRESSIONS: [&str; 16] = [
    "@2024",
    "@2024-06",
    "@2024-06-01",
    "@2024-06-01T03",
    "@2024-06-01T03-15",
    "@2024-06-01T03:15:59",
    "@2024-10-27T02-30-00+0200",
    "@2024-06-01T03-00-00_2",
    "@yesterday",
    "@monday",
    "@3d",
    "@1717210800",
    "@latest~2",
    "@first",
    "@GMT-2024.06.01-03.00.00",
    "@#1a2b3c4d",
];

fn xattrs() -> XattrSet {
    let pair = |name: &[u8], value: &[u8]| (name.into(), value.into());
    XattrSet::new(vec![pair(b"user.comment", b"text"), pair(b"system.posix_acl_access", &[2; 28])])
        .expect("a set")
}

fn entries() -> Vec<Entry> {
    let id = BlobId([9; 32]);
    let attributes =
        Attributes { mode: 0o4755, uid: 1000, gid: 100, mtime: Time::new(-5, 999_999_999).expect("a time") };
    let kinds = [
        Kind::File { size: 5, holes: 0, content: Content::Inline(b"bytes".as_slice().into()) },
        Kind::File { size: 1 << 40, holes: 4096, content: Content::Chunks(id) },
        Kind::File { size: 100, holes: 0, content: Content::Blob(id) },
        Kind::Directory(id),
        Kind::Symlink(b"../target".as_slice().into()),
        Kind::CharDevice { major: 1, minor: 3 },
        Kind::BlockDevice { major: 8, minor: 300 },
        Kind::Fifo,
        Kind::Socket,
    ];
    let plain = kinds.map(|kind| Entry { attributes, kind, xattrs: Xattrs::None, changed_while_read: false });
    let mut all = plain.to_vec();
    all.push(Entry { xattrs: Xattrs::Inline(xattrs()), changed_while_read: true, ..plain[0].clone() });
    all.push(Entry { xattrs: Xattrs::Blob(id), ..plain[3].clone() });
    all
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes);
    bytes
}

fn nodes() -> Vec<Vec<u8>> {
    let keys = keys();
    let mut leaf = LeafBuilder::default();
    for (number, entry) in entries().iter().enumerate() {
        leaf.push(&keys, format!("name {number:02}").as_bytes(), &encoded(entry));
    }
    let mut inner = InnerBuilder::new(1);
    for number in 0..3u8 {
        let last_name = format!("last {number}").into_bytes().into();
        inner.push(&keys, Child { last_name, entries: 256, id: BlobId([number; 32]) });
    }
    vec![LeafBuilder::default().finish().0, leaf.finish().0, inner.finish().0]
}

fn chunk_list(level: u8) -> Vec<u8> {
    let id = BlobId([3; 32]);
    let mut list = ChunkList::new(level);
    if level == 0 {
        list.push(200_000, ExtentKind::Data(id));
        list.push(1 << 30, ExtentKind::Hole);
        list.push(70_000, ExtentKind::Data(id));
    } else {
        list.push(1 << 32, ExtentKind::List(id));
        list.push(1 << 31, ExtentKind::List(id));
    }
    list.encode()
}

fn stat_parts() -> Vec<Vec<u8>> {
    let file = FileStat { inode: 7, ctime: Time::default() };
    let directory = DirectoryStats { offset: 100, slots: 3 };
    let slots = [Slot::of_file(file), Slot::of_directory(directory), Slot::UNKNOWN];
    let parts = StatPart::seal_all(&keys(), &BlobId([6; 32]), 1, &slots);
    parts.into_iter().map(|part| part[FRAME_HEADER_LEN..].to_vec()).collect()
}

fn stat_trailer() -> StatTrailer {
    let file_system = KnownFileSystem { identity: b"fsid 1".as_slice().into(), clock: Time::default() };
    StatTrailer {
        snapshot: SnapshotId([5; 32]),
        all_read: Time::default(),
        file_systems: vec![file_system],
        root_inode: 2,
        root: Some(DirectoryStats { offset: 0, slots: 3 }),
    }
}

fn manifest(parent: Option<SnapshotId>) -> Manifest {
    let root = entries().into_iter().find(Entry::is_directory).expect("a directory");
    Manifest {
        source: b"web1".as_slice().into(),
        time: Time::default(),
        started: Time::default(),
        status: Status::Partial,
        root,
        links_len: 1008,
        links: Content::Blob(BlobId([6; 32])),
        totals: Totals { files: 1, directories: 2, others: 3, bytes: 4, troubled: 5 },
        origin: Origin { host: b"host".as_slice().into(), path: b"/srv/web1".as_slice().into() },
        extensions: Extensions {
            run: parent.map(|_| Run {
                identity: b"rsnapshot 1717210800.000000000 web1".as_slice().into(),
                began: None,
                completed: Some(Time::default()),
                expires: Some(Time::default()),
            }),
            ..Extensions::default()
        },
        parent,
    }
}

fn tag() -> Tag {
    let source = b"web1".as_slice().into();
    Tag { snapshot: SnapshotId([5; 32]), source, name: "before-upgrade".into(), given: Time::default() }
}

/// Blocks, each with the length of its prefix in units of 64 bytes. The prefix is what the target makes of that.
fn blocks() -> Vec<(u8, Vec<u8>)> {
    let keys = keys();
    let mut builder = BlockBuilder::default();
    builder.push(&b"the same words again and again, ".repeat(20));
    builder.push(b"");
    builder.push(b"others");
    let prefix: Vec<u8> = (0..=255).cycle().take(8 * 64).collect();
    let mut delta = BlockBuilder::default();
    delta.push(&prefix[10..400]);
    let mut stored = BlockBuilder::default();
    stored.push(b"\x01\x80\xff");
    let mut encoder = BlockEncoder::new(3).expect("an encoder");
    vec![
        (0, encoder.full(&keys, &builder).expect("a block")),
        (0, encoder.full(&keys, &stored).expect("a block")),
        (8, encoder.delta(&keys, &delta, &[BlobId([4; 32])], &prefix).expect("a delta")),
    ]
}

fn pack() -> Vec<u8> {
    let keys = keys();
    let mut pack = PackBuilder::new(PackKind::Metadata);
    for (prefix, block) in blocks() {
        pack.push(&block, prefix > 0, (0..3u8).map(|number| (BlobId([number; 32]), 100)));
    }
    pack.finish(&keys).expect("a pack").bytes
}

fn catalogue_offset(pack: &[u8]) -> usize {
    let offset = pack[pack.len() - 16..].first_chunk::<8>().expect("a trailer");
    usize::try_from(u64::from_le_bytes(*offset)).expect("an offset")
}
