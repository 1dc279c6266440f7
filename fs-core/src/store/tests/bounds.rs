//! Forged directories, whose nodes do not match what the nodes above them say.

use super::*;
use crate::format::{Child, InnerBuilder, LeafBuilder};

/// A leaf with these names, and what its parent states: the last name and the number of entries.
type Claimed<'a> = (&'a [&'a str], &'a str, u64);

fn directory(writer: &mut Writer, leaves: &[Claimed<'_>]) -> BlobId {
    let keys = writer.keys().clone();
    let mut inner = InnerBuilder::new(1);
    for (names, last, entries) in leaves {
        let mut leaf = LeafBuilder::default();
        for name in *names {
            let mut body = Vec::new();
            entry(7).encode(&mut body);
            leaf.push(&keys, name.as_bytes(), &body);
        }
        let id = writer.put(PackKind::Metadata, &leaf.finish().0, None).unwrap();
        inner.push(&keys, Child { last_name: last.as_bytes().into(), entries: *entries, id });
    }
    writer.put(PackKind::Metadata, &inner.finish().0, None).unwrap()
}

/// An inner node above others.
fn above(writer: &mut Writer, children: &[(BlobId, &str, u64)]) -> BlobId {
    let keys = writer.keys().clone();
    let mut inner = InnerBuilder::new(2);
    for (id, last, entries) in children {
        inner.push(&keys, Child { last_name: last.as_bytes().into(), entries: *entries, id: *id });
    }
    writer.put(PackKind::Metadata, &inner.finish().0, None).unwrap()
}

fn walk(reader: &Reader, id: BlobId, skip: u64) -> Result<usize, StoreError> {
    let mut cursor = DirectoryCursor::new(reader.clone(), id, skip);
    let mut count = 0;
    while cursor.advance()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn compare(reader: &Reader, before: Option<BlobId>, after: Option<BlobId>) -> Result<usize, StoreError> {
    let mut comparison = Comparison::new(reader.clone(), before, after);
    let mut count = 0;
    while comparison.advance()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn a_node_beyond_its_bounds_is_damage_to_every_reader() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let mut writer = repository.writer().unwrap();
    let sound: &[Claimed<'_>] = &[(&["a", "b"], "b", 2), (&["c", "x"], "x", 2)];
    let forged: [(&[Claimed<'_>], &str); 5] = [
        // The forged directory shows x twice; a search finds only the second one.
        (&[(&["a", "x"], "b", 2), (&["c", "x"], "x", 2)], "a"),
        (&[(&["a", "b"], "b", 2), (&["a", "x"], "x", 2)], "c"),
        (&[(&["a", "b"], "b", 2), (&["b", "x"], "x", 2)], "x"),
        (&[(&["a", "b"], "b", 3), (&["c", "x"], "x", 2)], "a"),
        (&[(&[], "b", 0), (&["c", "x"], "x", 2)], "a"),
    ];
    let written = directory(&mut writer, sound);
    let low = directory(&mut writer, &[(&["a"], "a", 1), (&["b"], "b", 1)]);
    let high = directory(&mut writer, &[(&["b"], "b", 1), (&["x"], "x", 1)]);
    let mut bad: Vec<_> =
        forged.iter().map(|(leaves, name)| (directory(&mut writer, leaves), *name)).collect();
    // The first name of the second half is that of a grandchild.
    bad.push((above(&mut writer, &[(low, "b", 2), (high, "x", 2)]), "b "));
    bad.push((above(&mut writer, &[(low, "b", 2), (high, "y", 2)]), "x"));
    bad.push((above(&mut writer, &[(low, "b", 3), (high, "x", 2)]), "a"));
    writer.commit(&manifest(written)).unwrap();
    let reader = repository.reader(CacheSizes::default());
    assert_eq!(walk(&reader, written, 0).unwrap(), 4);
    assert_eq!(walk(&reader, written, 3).unwrap(), 1);
    assert_eq!(compare(&reader, Some(written), None).unwrap(), 4);
    assert!(find(&reader, &written, b"x").unwrap().is_some());
    for (number, (id, name)) in bad.into_iter().enumerate() {
        let damaged = |error: StoreError| error.is_damage() && error.to_string().contains("directory node");
        assert!(walk(&reader, id, 0).is_err_and(damaged), "{number}");
        assert!(compare(&reader, Some(id), None).is_err_and(damaged), "{number}");
        assert!(find(&reader, &id, name.as_bytes()).is_err_and(damaged), "{number}: {name}");
    }
}
