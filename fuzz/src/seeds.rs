//! What the encoders make of a bit of everything: where a fuzzer begins.

use fs_core::format::log::{Author, Label, LogState, LoggedSnapshot, Operation, Record};
use fs_core::format::{
    Attributes, BlobId, BlobPrefix, BlockBuilder, BlockEncoder, Child, ChunkList, Content, DirectoryStats,
    Entry, Extensions, ExtentKind, FRAME_HEADER_LEN, FileStat, Gaps, InnerBuilder, Keys, Kind,
    KnownFileSystem, LeafBuilder, LinkTableBuilder, Manifest, NotRead, Origin, PackBuilder, PackId, PackKind,
    PackTrailer, PathKey, RecordHash, Run, Slot, SnapshotId, StatPart, StatTrailer, Status, Tag, Time,
    Totals, TransactionId, Version, XattrSet, Xattrs,
};

use crate::seal::{self, HEADER_LEN, SALT};

/// Position of the body in an object of a single frame.
const BODY: usize = HEADER_LEN + FRAME_HEADER_LEN;

fn keys() -> Keys {
    seal::keys(Version::Two)
}

/// Seeds of a target.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "config" => configs(),
        "manifest" => manifests(),
        "tag" => {
            let tag = tag().seal(&keys(), SALT).1;
            vec![tag[BODY..].to_vec(), old(&tag[BODY..]), tag]
        }
        "record" => operations().into_iter().flat_map(record_seeds).collect(),
        "checkpoint" => {
            let state = state().seal(&keys(), SALT);
            vec![state[BODY..].to_vec(), state]
        }
        "catalogue" => {
            let (pack, trailer) = pack();
            let frame = &pack[usize::try_from(trailer.offset).expect("an offset")..][..trailer.len as usize];
            vec![frame[FRAME_HEADER_LEN..].to_vec(), old_catalogue()]
        }
        "trailer" => trailers(),
        "block" => block_seeds(),
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
    let plain = kinds.map(|kind| Entry {
        attributes,
        kind,
        xattrs: Xattrs::None,
        changed_while_read: false,
        gaps: Gaps::default(),
    });
    let mut all = plain.to_vec();
    let content = Some(NotRead::new("Permission denied", Some(id)));
    let unread = Kind::File { size: 7, holes: 0, content: Content::NotRead };
    all.push(Entry {
        kind: unread,
        gaps: Gaps { content: content.clone(), ..Gaps::default() },
        ..plain[0].clone()
    });
    let gaps = Gaps { content, xattrs: true, below: true, excluded: true, left_out: true };
    all.push(Entry { gaps, ..plain[3].clone() });
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
    let slots = [Slot::of_file(&keys(), file), Slot::of_directory(directory), Slot::UNKNOWN];
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

/// What version 1 had before the first field: feature bits, none of them set.
fn old(body: &[u8]) -> Vec<u8> {
    [&[0], body].concat()
}

fn configs() -> Vec<Vec<u8>> {
    let config = seal::config(Version::Two).encode();
    // The target makes the checksum right.
    let old = [&config[..8], &1u32.to_le_bytes(), &0u64.to_le_bytes(), &config[12..]].concat();
    vec![config, old]
}

/// Bodies of both versions, and an object.
fn manifests() -> Vec<Vec<u8>> {
    let object = |manifest: &Manifest| manifest.seal(&keys(), SALT).1;
    let with_run = manifest(Some(SnapshotId([5; 32])));
    let without = Manifest { extensions: Extensions::default(), ..with_run.clone() };
    let (plain, with_run, without) = (object(&manifest(None)), object(&with_run), object(&without));
    let (plain_body, body) = (&plain[BODY..], &with_run[BODY..]);
    let mut old_with_run = old(body);
    // The head of the only part is a number and a bit. Version 1 has no bit.
    old_with_run[1 + without[BODY..].len()] >>= 1;
    vec![plain_body.to_vec(), body.to_vec(), old(plain_body), old_with_run, plain]
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

fn label(secs: i64) -> Label {
    let time = Time::new(secs, 5).expect("a time");
    Label { source: b"web1".as_slice().into(), time, number: 2 }
}

fn state() -> LogState {
    let snapshot = SnapshotId([5; 32]);
    LogState {
        number: 8,
        hash: RecordHash([3; 32]),
        last_prune: 0,
        packs: [PackId([1; 32]), PackId([2; 32])].into(),
        snapshots: [(snapshot, LoggedSnapshot { label: label(7), before: vec![label(6)] })].into(),
        tags: [((snapshot, "kept".into()), Time::default())].into(),
    }
}

fn operations() -> [Operation; 7] {
    let (snapshot, name) = (SnapshotId([5; 32]), "before-upgrade");
    [
        Operation::Commit { snapshot, label: label(7), packs: vec![PackId([1; 32])] },
        Operation::Tag { snapshot, name: name.into() },
        Operation::Untag { snapshot, name: name.into() },
        Operation::Amend { snapshot, before: label(7), after: label(8) },
        Operation::Rename { before: b"web1".as_slice().into(), after: b"web2".as_slice().into() },
        Operation::Reset { state: Box::new(state()), lost: vec![3, 7] },
        Operation::Void,
    ]
}

/// The body of a record, and for one kind the whole object.
fn record_seeds(operation: Operation) -> Vec<Vec<u8>> {
    let is_void = operation == Operation::Void;
    let record = Record {
        number: 9,
        before: RecordHash([4; 32]),
        transaction: TransactionId([7; 16]),
        last_prune: 0,
        made: Time::default(),
        author: Author::new(b"host", b"root"),
        operation,
    };
    let object = record.seal(&keys(), SALT);
    let body = object[BODY..].to_vec();
    if is_void { vec![body, object] } else { vec![body] }
}

fn tag() -> Tag {
    let source = b"web1".as_slice().into();
    Tag { snapshot: SnapshotId([5; 32]), source, name: "before-upgrade".into(), given: Time::default() }
}

/// Bodies of blocks, each with the length of its prefix in units of 64 bytes. The prefix is what the target
/// makes of that. The last one is a delta of one blob.
fn blocks() -> [(u8, Vec<u8>); 4] {
    let mut builder = BlockBuilder::default();
    builder.push(&b"the same words again and again, ".repeat(20));
    builder.push(b"");
    builder.push(b"others");
    let prefix: Vec<u8> = (0..=255).cycle().take(8 * 64).collect();
    let mut delta = BlockBuilder::default();
    delta.push(&prefix[10..400]);
    let mut stored = BlockBuilder::default();
    stored.push(b"\x01\x80\xff");
    // More than one step, so that a part is less than the whole.
    let mut steps = BlockBuilder::for_random_access();
    steps.push(&b"and so on, ".repeat(10_000));
    let mut encoder = BlockEncoder::new(3).expect("an encoder");
    [
        (0, encoder.full(&builder).expect("a block")),
        (0, encoder.full(&stored).expect("a block")),
        (0, encoder.full(&steps).expect("a block")),
        (8, encoder.delta(&delta, &[BlobPrefix([4; 16])], &prefix).expect("a delta")),
    ]
}

/// Blocks after the two bytes that the target takes from them.
fn block_seeds() -> Vec<Vec<u8>> {
    let blocks = blocks();
    let (prefix, delta) = &blocks[blocks.len() - 1];
    // Version 1 has whole ids of bases, after the codec, the count and the length, which are four bytes here.
    let old = (*prefix, [&delta[..4], &[4; 16], &delta[4..]].concat());
    blocks.iter().chain([&old]).map(|(prefix, body)| [&[*prefix, 100], &body[..]].concat()).collect()
}

fn pack() -> (Vec<u8>, PackTrailer) {
    let mut pack = PackBuilder::new(&keys(), PackKind::Metadata, SALT);
    for (prefix, body) in blocks() {
        let bases: &[BlobPrefix] = if prefix > 0 { &[BlobPrefix([9; 16]); 3] } else { &[] };
        pack.push(&body, bases, (0..3u8).map(|number| (BlobId([number; 32]), 100)));
    }
    let pack = pack.finish(&keys()).expect("a pack").bytes;
    let trailer = PackTrailer::decode(Version::Two, &pack, pack.len() as u64).expect("a trailer");
    (pack, trailer)
}

/// The body of a catalogue of version 1: a full block and a delta, each with its MAC.
fn old_catalogue() -> Vec<u8> {
    let mut body = vec![PackKind::Metadata.code(), 2];
    for head in [120, 121] {
        body.push(head);
        body.extend([head; 16]);
        body.push(3);
        for number in 0..3u8 {
            body.push(100);
            body.extend([number; 32]);
        }
    }
    body
}

/// For each version the size of a pack, its header, and its trailer.
fn trailers() -> Vec<Vec<u8>> {
    let (pack, PackTrailer { offset, len, .. }) = pack();
    let (header, trailer) = (&pack[..HEADER_LEN], &pack[pack.len() - 48..]);
    let old_size = offset + u64::from(len) + 16;
    vec![
        [&(pack.len() as u64).to_le_bytes(), header, trailer].concat(),
        // Without a salt.
        [&old_size.to_le_bytes(), header, &trailer[..12], &trailer[44..]].concat(),
    ]
}
