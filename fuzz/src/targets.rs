use fs_core::format::{
    Block, Catalogue, ChunkList, Config, Entry, FormatError, LINK_RECORD_LEN, LinkCheck, LinkRecord,
    LinkSearch, Manifest, Node, PackId, PackTrailer, PathKey, SnapshotId, StatPart, StatTrailer, Tag, TagId,
    XattrSet,
};
use fs_core::history::time::Expression;

use crate::seal::{keys, seal};

pub fn config(data: &[u8]) {
    let _ = Config::decode(data);
    // With its checksum made right.
    let mut data = data.to_vec();
    let body = data.len().saturating_sub(16);
    data.truncate(body);
    data.extend(&blake3::hash(&data).as_bytes()[..16]);
    if let Ok(config) = Config::decode(&data) {
        assert_eq!(Config::decode(&config.encode()).as_ref(), Ok(&config));
    }
}

pub fn manifest(body: &[u8]) {
    let keys = keys();
    let _ = Manifest::open(&keys, &SnapshotId([0; 32]), body);
    if let Ok(manifest) = Manifest::open(&keys, &keys.snapshot_id(body), &seal(*b"YSNP", body)) {
        let (id, bytes) = manifest.seal(&keys);
        assert_eq!(Manifest::open(&keys, &id, &bytes).as_ref(), Ok(&manifest));
    }
}

pub fn tag(body: &[u8]) {
    let keys = keys();
    let _ = Tag::open(&keys, &TagId([0; 32]), body);
    if let Ok(tag) = Tag::decode(body) {
        let (id, bytes) = tag.seal(&keys);
        assert_eq!(Tag::open(&keys, &id, &bytes).as_ref(), Ok(&tag));
        assert_eq!(Tag::open(&keys, &id, &seal(*b"YTAG", body)).as_ref(), Ok(&tag));
        assert!(!tag.name.contains(['/', '@', ':']));
    }
}

pub fn catalogue(body: &[u8]) {
    let keys = keys();
    let _ = Catalogue::open(&keys, &PackId([0; 32]), body);
    let Ok(catalogue) = Catalogue::open(&keys, &keys.pack_id(body), &seal(*b"YCAT", body)) else { return };
    for (id, len) in catalogue.blobs() {
        let place = catalogue.find(&id).expect("a blob of the catalogue");
        // Of two blobs with one id either is right.
        let other = catalogue.blobs().any(|(other, other_len)| other == id && other_len == place.len);
        assert!(place.len == len || other);
        let _ = place.block.check(body);
        assert!(catalogue.block_sizes(place.block.number).is_some());
    }
    assert!(catalogue.blocks().count() <= body.len());
    let _ = catalogue.weight();
}

pub fn trailer(data: &[u8]) {
    let (size, bytes) =
        data.split_first_chunk::<8>().map_or((16, data), |(size, rest)| (u64::from_le_bytes(*size), rest));
    if let Ok(trailer) = PackTrailer::decode(bytes, size) {
        assert!(trailer.offset < size && trailer.offset + u64::from(trailer.len) < size);
    }
}

/// The body of a block, after a byte that says how long a prefix to decompress it after.
pub fn block(data: &[u8]) {
    let keys = keys();
    let _ = Block::open(&keys, data);
    let Some((prefix, body)) = data.split_first() else { return };
    let frame = seal(*b"YBLK", body);
    let Ok(block) = Block::open(&keys, &frame) else { return };
    let prefix: Vec<u8> = (0..=255).cycle().take(usize::from(*prefix) * 64).collect();
    if let Ok(raw) = block.decompress(&prefix) {
        assert_eq!(raw.len(), block.lengths().iter().map(|len| *len as usize).sum::<usize>());
    }
    assert!(block.bases().is_empty() || block.bases().len() == block.lengths().len());
}

pub fn node(data: &[u8]) {
    match Node::decode(data) {
        Ok(Node::Leaf(leaf)) => {
            for at in 0..leaf.len() {
                assert_eq!(leaf.find(leaf.name(at)), Some(at));
                assert!(at == 0 || leaf.name(at - 1) < leaf.name(at));
                assert!(!leaf.name(at).contains(&b'/'));
                let _ = leaf.entry(at);
            }
        }
        Ok(Node::Inner(children)) => assert!(!children.is_empty()),
        Err(_) => {}
    }
}

pub fn entry(data: &[u8]) {
    if let Ok(entry) = Entry::decode(data) {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        // Two encodings of one entry would give equal directories unequal ids.
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
    let keys = keys();
    let _ = StatPart::open(&keys, 0, body);
    if let Ok(part) = StatPart::open(&keys, 0, &seal(*b"YSTP", body)) {
        let slots = (0..).map_while(|position| part.get(position));
        assert!(slots.filter_map(fs_core::format::Slot::file).all(|file| file.inode != 0));
        assert!(part.get(u64::MAX).is_none());
    }
}

pub fn stat_trailer(body: &[u8]) {
    let keys = keys();
    let _ = StatTrailer::open(&keys, body);
    if let Ok(trailer) = StatTrailer::open(&keys, &seal(*b"YSTE", body)) {
        let bytes = trailer.seal(&keys);
        assert_eq!(StatTrailer::open(&keys, &bytes[..bytes.len() - 4]).as_ref(), Ok(&trailer));
    }
}

pub fn expression(data: &[u8]) {
    let _ = Expression::parse(data);
}
