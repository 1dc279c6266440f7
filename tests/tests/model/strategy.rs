//! Drawing histories.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::bytes::Bytes;
use super::content::{Content, Segment};
use super::edit::Edit;
use super::node::{Acl, Attributes, Node, What};

/// Several snapshots' worth of edits.
#[derive(Clone, Debug)]
pub struct History {
    /// Whether the mount is there from the beginning, or only at the end.
    pub mounted_early: bool,
    /// The edits before each import.
    pub steps: Vec<Vec<Edit>>,
}

pub fn history(snapshots: usize) -> impl Strategy<Value = History> {
    let first = vec(prop_oneof![6 => create(), 1 => edit()], 15..60);
    let later = vec(vec(edit(), 0..25), snapshots - 1);
    (any::<bool>(), first, later).prop_map(|(mounted_early, first, later)| History {
        mounted_early,
        steps: std::iter::once(first).chain(later).collect(),
    })
}

fn create() -> impl Strategy<Value = Edit> {
    (any::<Index>(), name(), node()).prop_map(|(parent, name, node)| Edit::Create { parent, name, node })
}

fn edit() -> BoxedStrategy<Edit> {
    let index = any::<Index>;
    prop_oneof![
        24 => create(),
        1 => (index(), name(), 1000..1400_u16, mtime())
            .prop_map(|(parent, name, count, mtime)| Edit::Crowd { parent, name, count, mtime }),
        2 => (index(), vec(name(), 5..40), mtime())
            .prop_map(|(parent, names, mtime)| Edit::Nest { parent, names, mtime }),
        12 => (index(), content(), mtime(), any::<bool>())
            .prop_map(|(file, content, mtime, in_place)| Edit::Rewrite { file, content, mtime, in_place }),
        12 => (index(), index(), option::of(segment()), mtime(), any::<bool>())
            .prop_map(|(file, at, segment, mtime, in_place)| Edit::Splice { file, at, segment, mtime, in_place }),
        10 => (index(), attributes()).prop_map(|(node, attributes)| Edit::Dress { node, attributes }),
        5 => (index(), mtime()).prop_map(|(node, mtime)| Edit::Touch { node, mtime }),
        10 => (index(), index(), name()).prop_map(|(node, parent, name)| Edit::Move { node, parent, name }),
        4 => (index(), index(), name()).prop_map(|(node, parent, name)| Edit::Copy { node, parent, name }),
        10 => (index(), index(), name()).prop_map(|(node, parent, name)| Edit::Link { node, parent, name }),
        10 => index().prop_map(|node| Edit::Delete { node }),
        6 => (index(), node()).prop_map(|(node, into)| Edit::Retype { node, into }),
    ]
    .boxed()
}

/// Any bytes but `/` and NUL make a name, save for `.` and `..`.
fn name() -> BoxedStrategy<Bytes> {
    let odd: Vec<Vec<u8>> = [
        &b"@latest"[..],
        b"@2024-06-01",
        b"@versions",
        b"@",
        b"passwd;1",
        b"passwd;-1",
        b";",
        b" ",
        b"a b ",
        b"-rf",
        b"new\nline",
        b"\x01\x1b[31m\x7f",
        b"back\\slash",
        b"\"quoted'",
        b"\xff\xfe\x80",
        b"\xc3\x28",
        b"...",
        b"..x",
        b"CON",
        b"*?",
        "\u{fc}n\u{ef}c\u{f6}d\u{e9}".as_bytes(),
        "u\u{308}n".as_bytes(),
        "\u{65e5}\u{672c}\u{8a9e}".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .into();
    let byte = any::<u8>().prop_map(|byte| if byte == 0 || byte == b'/' { b'~' } else { byte });
    prop_oneof![
        12 => "[a-e]{1,3}".prop_map(String::into_bytes),
        6 => "[a-z]{1,12}(\\.[ch])?".prop_map(String::into_bytes),
        6 => select(odd),
        3 => vec(byte.clone(), 1..12),
        1 => vec(byte, 255),
        1 => Just(vec![b'n'; 255]),
    ]
    .prop_map(|name| if name == b"." || name == b".." { b"dots".to_vec() } else { name })
    .prop_map(Bytes)
    .boxed()
}

fn node() -> BoxedStrategy<Node> {
    (what(), attributes()).prop_map(|(what, attributes)| Node { what, attributes }).boxed()
}

fn what() -> BoxedStrategy<What> {
    let device = || (0..4096_u32, prop_oneof![0..256_u32, 0..(1_u32 << 20)]);
    prop_oneof![
        12 => Just(What::Directory),
        24 => content().prop_map(What::File),
        6 => target().prop_map(What::Symlink),
        1 => Just(What::Fifo),
        1 => Just(What::Socket),
        1 => device().prop_map(|(major, minor)| What::Char(major, minor)),
        1 => device().prop_map(|(major, minor)| What::Block(major, minor)),
    ]
    .boxed()
}

fn target() -> BoxedStrategy<Bytes> {
    let byte = any::<u8>().prop_map(|byte| if byte == 0 { b'/' } else { byte });
    prop_oneof![
        4 => "[a-z./]{1,20}".prop_map(String::into_bytes),
        1 => Just(b"/nowhere/at all".to_vec()),
        1 => vec(byte.clone(), 1..60),
        1 => vec(byte, 3000..4000),
    ]
    .prop_map(Bytes)
    .boxed()
}

fn content() -> BoxedStrategy<Content> {
    vec(segment(), 0..4).prop_map(Content).boxed()
}

fn segment() -> BoxedStrategy<Segment> {
    let seed = || 0..40_u64;
    prop_oneof![
        10 => (seed(), 1..300_usize).prop_map(|(seed, length)| Segment::Words { seed, length }),
        4 => (seed(), 1..5000_usize).prop_map(|(seed, length)| Segment::Noise { seed, length }),
        3 => (seed(), 60_000..140_000_usize).prop_map(|(seed, length)| Segment::Noise { seed, length }),
        2 => (seed(), 20_000..400_000_usize).prop_map(|(seed, length)| Segment::Words { seed, length }),
        1 => (seed(), 1_000_000..4_000_000_usize).prop_map(|(seed, length)| Segment::Noise { seed, length }),
        2 => (seed(), 1..9000_usize, 1..100_usize)
            .prop_map(|(seed, unit, times)| Segment::Repeat { seed, unit, times }),
        2 => prop_oneof![1..10_000_usize, 1_000_000..9_000_000_usize].prop_map(Segment::Hole),
    ]
    .boxed()
}

/// The range is that of ext4 with 256-byte inodes, without its ends, where the kernel drops the nanoseconds.
fn mtime() -> BoxedStrategy<(i64, u32)> {
    let seconds = prop_oneof![
        8 => 1_500_000_000..1_750_000_000_i64,
        3 => select(vec![-2_147_483_647, -86_401, -1, 0, 1, 2_147_483_647, 2_147_483_648, 4_294_967_296, 15_032_385_534]),
        1 => -2_147_483_647..15_032_385_535_i64,
    ];
    let nanos = prop_oneof![2 => Just(0), 1 => select(vec![1, 999_999_999]), 4 => 0..1_000_000_000_u32];
    (seconds, nanos).boxed()
}

fn attributes() -> BoxedStrategy<Attributes> {
    let mode = prop_oneof![
        8 => select(vec![0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0o6711, 0, 0o444]),
        4 => 0..=0o7777_u32,
    ];
    let id =
        || prop_oneof![6 => Just(0), 3 => Just(1000), 1 => 0..4_294_967_295_u32, 1 => Just(4_294_967_294)];
    let xattrs = prop_oneof![
        5 => Just(std::collections::BTreeMap::new()),
        2 => btree_map(xattr_name(), xattr_value(), 1..4),
    ];
    let access = option::weighted(0.12, acl());
    let default = option::weighted(0.15, acl());
    (mode, id(), id(), mtime(), xattrs, access, default)
        .prop_map(|(mode, uid, gid, mtime, xattrs, access, default)| Attributes {
            mode,
            uid,
            gid,
            mtime,
            xattrs,
            access,
            default,
        })
        .boxed()
}

fn xattr_name() -> BoxedStrategy<Bytes> {
    prop_oneof![
        4 => "user\\.[a-z]{1,8}".prop_map(String::into_bytes),
        1 => Just([&b"user."[..], &b"long".repeat(60)].concat()),
        1 => Just(b"user.\xff\xfe odd".to_vec()),
        2 => "trusted\\.[a-z]{1,8}".prop_map(String::into_bytes),
        2 => "security\\.yester-[a-z]{1,8}".prop_map(String::into_bytes),
    ]
    .prop_map(Bytes)
    .boxed()
}

/// All of a node's attributes must fit into one block of ext4.
fn xattr_value() -> BoxedStrategy<Bytes> {
    prop_oneof![
        1 => Just(Vec::new()),
        6 => vec(any::<u8>(), 1..40),
        1 => vec(any::<u8>(), 600..800),
    ]
    .prop_map(Bytes)
    .boxed()
}

/// At least one named entry: without any, the kernel keeps an access list in the mode alone.
fn acl() -> BoxedStrategy<Acl> {
    let id = || prop_oneof![Just(1000_u32), 1..70_000_u32];
    (0..8_u16, btree_map(id(), 0..8_u16, 1..4), btree_map(id(), 0..8_u16, 0..3))
        .prop_map(|(group, users, groups)| Acl { group, users, groups })
        .boxed()
}
