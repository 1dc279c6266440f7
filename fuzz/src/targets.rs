use fs_core::format::log::{LogState, Record};
use fs_core::format::{
    BLOCK_MAGIC, BlobId, Block, Catalogue, ChunkList, Config, FileStat, FormatError, Item, Keys,
    LINK_RECORD_LEN, LinkCheck, LinkRecord, LinkSearch, Manifest, Node, PackId, PackTrailer, PartialBlock,
    PathKey, Slot, SnapshotId, StatPart, StatTrailer, Tag, TagId, Time, Version, XattrSet, block_frame,
    salt_in_header, salt_in_trailer,
};
use fs_core::history::time::Expression;

use crate::seal::{self, NO_SALT, SALT, frame, object, with_header_mac};

const VERSIONS: [Version; 2] = [Version::One, Version::Two];

/// The keys of the version that is written.
fn present_keys() -> Keys {
    seal::keys(Version::Two)
}

pub fn config(data: &[u8]) {
    let _ = Config::decode(data);
    // With its checksum made right.
    let mut data = data.to_vec();
    let body = data.len().saturating_sub(16);
    data.truncate(body);
    data.extend(&blake3::hash(&data).as_bytes()[..16]);
    if let Ok(config) = Config::decode(&data) {
        // Only the present version is written.
        let config = Config { version: Version::Two, ..config };
        assert_eq!(Config::decode(&config.encode()).as_ref(), Ok(&config));
    }
}

pub fn manifest(data: &[u8]) {
    let _ = Manifest::open(&present_keys(), &SnapshotId([0; 32]), with_header_mac(data));
    for version in VERSIONS {
        let keys = seal::keys(version);
        let _ = Manifest::open(&keys, &SnapshotId([0; 32]), data.to_vec());
        let object = object(version, *b"YESTSNAP", *b"YSNP", data);
        if let Ok(manifest) = Manifest::open(&keys, &keys.snapshot_id(data), object) {
            let (id, bytes) = manifest.seal(&present_keys(), SALT);
            assert_eq!(Manifest::open(&present_keys(), &id, bytes).as_ref(), Ok(&manifest));
        }
    }
}

pub fn tag(data: &[u8]) {
    let _ = Tag::open(&present_keys(), &TagId([0; 32]), with_header_mac(data));
    for version in VERSIONS {
        let keys = seal::keys(version);
        let _ = Tag::open(&keys, &TagId([0; 32]), data.to_vec());
        if let Ok(tag) = Tag::decode(data, version) {
            let object = object(version, *b"YESTTAGS", *b"YTAG", data);
            assert_eq!(Tag::open(&keys, &tag.id(&keys), object).as_ref(), Ok(&tag));
            let (id, bytes) = tag.seal(&present_keys(), SALT);
            assert_eq!(Tag::open(&present_keys(), &id, bytes).as_ref(), Ok(&tag));
            assert!(!tag.name.contains(['/', '@', ':']));
        }
    }
}

pub fn record(data: &[u8]) {
    let keys = present_keys();
    let _ = Record::open(&keys, 1, with_header_mac(data));
    if let Ok(record) = Record::decode(data) {
        let object = object(Version::Two, *b"YESTRECS", *b"YREC", data);
        assert_eq!(Record::open(&keys, record.number, object).as_ref(), Ok(&record));
        assert_eq!(Record::open(&keys, record.number, record.seal(&keys, SALT)).as_ref(), Ok(&record));
    }
}

pub fn checkpoint(data: &[u8]) {
    let keys = present_keys();
    let _ = LogState::open(&keys, 1, with_header_mac(data));
    if let Ok(state) = LogState::decode(data) {
        let object = object(Version::Two, *b"YESTSTAT", *b"YCHK", data);
        assert_eq!(LogState::open(&keys, state.number, object).as_ref(), Ok(&state));
        assert_eq!(LogState::open(&keys, state.number, state.seal(&keys, SALT)).as_ref(), Ok(&state));
    }
}

pub fn catalogue(body: &[u8]) {
    for version in VERSIONS {
        let keys = seal::keys(version);
        let _ = Catalogue::open(&keys, &PackId([0; 32]), SALT, body.to_vec());
        let frame = frame(version, SALT, *b"YCAT", u32::MAX, body);
        let Ok(catalogue) = Catalogue::open(&keys, &keys.pack_id(SALT, body), SALT, frame) else { continue };
        catalogue.blobs().for_each(|(id, _)| check_blob(&catalogue, id));
        for block in catalogue.blocks() {
            let has_bases = block.delta && version == Version::Two;
            assert_eq!(block.bases().len(), if has_bases { block.blobs().len() } else { 0 });
            assert!(catalogue.block_sizes(block.number).is_some());
            let _ = block.check(body);
        }
        assert!(catalogue.blocks().count() <= body.len());
        let _ = (catalogue.weight(), catalogue.blocks_end());
    }
}

fn check_blob(catalogue: &Catalogue, id: BlobId) {
    let place = catalogue.find(&id).expect("a blob of the catalogue");
    let block = catalogue.block(place.block.number).expect("a block of the catalogue");
    // Of two blobs with one id either is right.
    assert_eq!(block.blobs().nth(place.nth as usize), Some((id, place.len)));
    let before = block.blobs().take(place.nth as usize);
    assert_eq!(before.map(|(_, len)| u64::from(len)).sum::<u64>(), u64::from(place.start));
    // Of two ids that begin alike the lesser is found.
    let (found, its_place) = catalogue.find_prefix(&id.prefix()).expect("a blob of the catalogue");
    assert!(found.prefix() == id.prefix() && found <= id);
    assert_eq!(catalogue.find(&found), Some(its_place));
    let mut absent = id.prefix();
    absent.0[15] ^= 1;
    let is_there = catalogue.blobs().any(|(other, _)| other.prefix() == absent);
    assert_eq!(catalogue.find_prefix(&absent).is_some(), is_there);
}

/// The size of a pack, and bytes that begin with its header and end with its trailer.
pub fn trailer(data: &[u8]) {
    let (size, bytes) =
        data.split_first_chunk::<8>().map_or((48, data), |(size, rest)| (u64::from_le_bytes(*size), rest));
    let header = with_header_mac(bytes);
    let _ = (salt_in_header(&present_keys(), &header), salt_in_trailer(bytes));
    for version in VERSIONS {
        let keys = seal::keys(version);
        let _ = salt_in_header(&keys, bytes);
        let Ok(trailer) = PackTrailer::decode(version, bytes, size) else { continue };
        assert!(trailer.offset < size && trailer.offset + u64::from(trailer.len) < size);
        let _ = trailer.check_header(&keys, bytes, size);
        let is_right = trailer.check_header(&keys, &header, size).is_ok();
        if version == Version::Two {
            assert_eq!(salt_in_trailer(bytes), Some(trailer.salt));
            assert!(!is_right || salt_in_header(&keys, &header) == Ok(trailer.salt));
        }
    }
}

/// The body of a block, after two bytes: how long a prefix to decompress it after, and how much of it.
pub fn block(data: &[u8]) {
    const NUMBER: u32 = 3;
    let _ = block_frame(data);
    for version in VERSIONS {
        let key = seal::keys(version).object_key(SALT);
        let _ = Block::open(&key, NUMBER, data.to_vec());
        let Some(([prefix, share], body)) = data.split_first_chunk() else { continue };
        let frame = frame(version, SALT, BLOCK_MAGIC, NUMBER, body);
        assert!(version == Version::One || block_frame(&frame) == Some((NUMBER, frame.len())));
        let Ok(block) = Block::open(&key, NUMBER, frame) else { continue };
        assert_eq!(block.body(), body);
        assert_eq!(block.raw_len(), block.lengths().iter().map(|len| *len as usize).sum::<usize>());
        assert!(block.bases().is_empty() || block.bases().len() == block.lengths().len());
        let prefix: Vec<u8> = (0..=255).cycle().take(usize::from(*prefix) * 64).collect();
        let len = block.raw_len() * usize::from(*share) / 255;
        let whole = block.decompress(&prefix);
        assert!(whole.as_ref().map_or(true, |whole| whole.len() == block.raw_len()));
        if block.bases().is_empty() {
            let mut partial = PartialBlock::new(block);
            let steps = partial.extend_to(len).and_then(|()| {
                assert!(partial.bytes().len() >= len);
                partial.extend_to(usize::MAX)
            });
            assert!(steps.is_err() || whole.map_or(true, |whole| whole == partial.bytes()));
        }
    }
}

pub fn node(data: &[u8]) {
    match Node::decode(data) {
        Ok(Node::Leaf(leaf)) => {
            for at in 0..leaf.len() {
                assert_eq!(leaf.find(leaf.name(at)), Some(at));
                assert!(at == 0 || leaf.name(at - 1) < leaf.name(at));
                assert!(!leaf.name(at).contains(&b'/'));
                assert_eq!(
                    leaf.item(at).is_ok_and(|item| matches!(item, Item::Entry(_))),
                    leaf.entry(at).is_ok()
                );
            }
        }
        Ok(Node::Inner(children)) => assert!(!children.is_empty()),
        Err(_) => {}
    }
}

pub fn entry(data: &[u8]) {
    if let Ok(item) = Item::decode(data) {
        let mut bytes = Vec::new();
        item.encode(&mut bytes);
        // Two encodings of one item would give equal directories unequal ids.
        assert_eq!(bytes, data);
    }
}

pub fn chunks(data: &[u8]) {
    if let Ok(list) = ChunkList::decode(data) {
        assert_eq!(ChunkList::decode(&list.encode()).as_ref(), Ok(&list));
        for (at, extent) in list.extents().iter().enumerate() {
            assert_eq!(list.position(extent.start), at);
            assert_eq!(list.position(extent.start + extent.len - 1), at);
        }
    }
}

pub fn xattrs(data: &[u8]) {
    if let Ok(set) = XattrSet::decode(data) {
        assert_eq!(set.encode(), data);
        assert!(set.names().all(|name| set.get(name).is_some()));
    }
}

pub fn links(data: &[u8]) {
    let table: Vec<&[u8]> = data.chunks_exact(LINK_RECORD_LEN).collect();
    let group = |path| -> Result<_, FormatError> {
        let mut search = LinkSearch::new(path, table.len() as u64);
        for _ in 0..=table.len() {
            let Some(at) = search.next() else { return Ok(None) };
            let record = LinkRecord::decode(table[usize::try_from(at).expect("a record of the table")])?;
            if let Some(group) = search.see(&record)? {
                return Ok(Some(group));
            }
        }
        panic!("more records were read than there are");
    };
    let _ = group(PathKey::ROOT);
    let records: Result<Vec<_>, FormatError> =
        table.iter().map(|record| LinkRecord::decode(record)).collect();
    let mut check = LinkCheck::default();
    let sound = records
        .and_then(|records| records.iter().try_for_each(|record| check.push(record)).map(|()| records));
    for record in sound.into_iter().flatten() {
        assert_eq!(group(record.path), Ok(Some(record.group)));
    }
    let _ = check.finish();
}

pub fn stat_part(body: &[u8]) {
    let keys = present_keys();
    let _ = StatPart::open(&keys, 0, body);
    if let Ok(part) = StatPart::open(&keys, 0, &frame(Version::Two, NO_SALT, *b"YSTP", 0, body)) {
        let file = Slot::of_file(&keys, FileStat { inode: 7, ctime: Time::default() });
        for slot in (0..).map_while(|position| part.get(position)) {
            assert_eq!(slot.compare(file).is_none(), slot == Slot::UNKNOWN);
            assert!(slot.directory().is_none_or(|stats| stats.slots != 0));
        }
        assert!(part.get(u64::MAX).is_none());
    }
}

pub fn stat_trailer(body: &[u8]) {
    let keys = present_keys();
    let _ = StatTrailer::open(&keys, body);
    if let Ok(trailer) = StatTrailer::open(&keys, &frame(Version::Two, NO_SALT, *b"YSTE", 0, body)) {
        let bytes = trailer.seal(&keys);
        assert_eq!(StatTrailer::open(&keys, &bytes[..bytes.len() - 4]).as_ref(), Ok(&trailer));
    }
}

pub fn expression(data: &[u8]) {
    let _ = Expression::parse(data);
}
