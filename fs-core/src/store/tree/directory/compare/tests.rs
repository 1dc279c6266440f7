use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::format::{Absence, Entry, Kind, NotRead};
use crate::store::{Access, CacheSizes, DirectoryWriter, Repository, Writer};
use crate::testing::samples::{self, manifest};

type Model = BTreeMap<Vec<u8>, u32>;
/// Each changed name, with its values before and after.
type Changes = BTreeMap<Vec<u8>, (Option<u32>, Option<u32>)>;

fn numbered(count: u32) -> Model {
    (0..count).map(|number| (name(number), number)).collect()
}

fn name(number: u32) -> Vec<u8> {
    format!("file {number:07}").into_bytes()
}

/// In place of a uid: names without an entry.
const EXCLUDED: u32 = u32::MAX - 1;
const NOT_READ: u32 = u32::MAX;

fn write(writer: &mut Writer, model: &Model) -> BlobId {
    let mut directory = DirectoryWriter::default();
    for (name, uid) in model {
        let mut entry: Entry = samples::entry(Kind::Fifo);
        entry.attributes.uid = *uid;
        let item = match *uid {
            NOT_READ => Item::Absent(Absence::NotRead(NotRead::new("refused", None))),
            EXCLUDED => Item::Absent(Absence::Excluded),
            _ => Item::Entry(entry),
        };
        let mut body = Vec::new();
        item.encode(&mut body);
        directory.push(writer, name, &body).unwrap();
    }
    directory.finish(writer).unwrap()
}

/// Returns the differences, and the number of nodes that were read to find them.
fn compare(before: Option<&Model>, after: Option<&Model>) -> (Changes, usize) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    let mut writer = repository.writer().unwrap();
    let ids = [before, after].map(|model| model.map(|model| write(&mut writer, model)));
    writer.commit(&manifest(ids[0].or(ids[1]).unwrap())).unwrap();
    let mut comparison = Comparison::new(repository.reader(CacheSizes::default()), ids[0], ids[1]);
    let (mut changes, mut last) = (Changes::new(), Vec::new());
    while let Some(differing) = comparison.advance().unwrap() {
        let uid = |found: &Option<Found>| Some(found.as_ref()?.entry().unwrap().attributes.uid);
        let name = differing.name().to_vec();
        assert!(name > last, "names come in order");
        last.clone_from(&name);
        let Differing { before, after, not_read } = &differing;
        assert_eq!(not_read.is_some(), before.is_none() && after.is_none());
        changes.insert(name, (uid(before), uid(after)));
    }
    (changes, comparison.before.opened + comparison.after.opened)
}

fn expected(before: &Model, after: &Model) -> Changes {
    let names = before.keys().chain(after.keys());
    let entry = |model: &Model, name| model.get(name).copied().filter(|uid| *uid < EXCLUDED);
    let is_not_read = |model: &Model, name| model.get(name) == Some(&NOT_READ);
    let changed = names.filter(|name| match (entry(before, *name), entry(after, *name)) {
        (None, None) => is_not_read(before, *name) != is_not_read(after, *name),
        (one, other) => one != other,
    });
    changed.map(|name| (name.clone(), (entry(before, name), entry(after, name)))).collect()
}

#[test]
fn a_change_among_a_hundred_thousand_entries_opens_few_nodes() {
    let before = numbered(100_000);
    let edits: [fn(&mut Model); 4] = [
        |model| {
            model.insert(name(50_000), 7);
        },
        |model| {
            model.remove(&name(70_000));
        },
        |model| {
            model.insert(b"file 0030000 and more".into(), 7);
        },
        // Enough entries to fill nodes of their own.
        |model| model.extend((0..2000).map(|number| (format!("file 0040000 {number:04}").into_bytes(), 1))),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut after = before.clone();
        edit(&mut after);
        for (one, other) in [(&before, &after), (&after, &before)] {
            let (changes, opened) = compare(Some(one), Some(other));
            assert_eq!(changes, expected(one, other), "edit {number}");
            assert!(opened < 40, "edit {number}: {opened} nodes were opened");
        }
    }
}

#[test]
fn what_is_equal_is_not_opened_and_what_is_alone_is_told_whole() {
    let (model, empty) = (numbered(5000), Model::new());
    assert_eq!(compare(Some(&model), Some(&model)), (Changes::new(), 0));
    assert_eq!(compare(Some(&model), None).0, expected(&model, &empty));
    assert_eq!(compare(None, Some(&model)).0, expected(&empty, &model));
    assert_eq!(compare(Some(&empty), Some(&model)).0, expected(&empty, &model));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_two_directories_are_compared_as_their_models(
        count in 0u32..6000,
        lacks in prop::collection::vec((0u32..7000, EXCLUDED..=NOT_READ), 0..30),
        sets in prop::collection::vec((0u32..7000, prop_oneof![0u32..3, EXCLUDED..=NOT_READ]), 0..30),
        gone in prop::collection::vec((0u32..6000, 0u32..900), 0..3),
    ) {
        let mut before = numbered(count);
        before.extend(lacks.into_iter().map(|(number, uid)| (name(number), uid)));
        let mut after = before.clone();
        after.extend(sets.into_iter().map(|(number, uid)| (name(number), uid)));
        for (from, len) in gone {
            (from..from + len).for_each(|number| {
                after.remove(&name(number));
            });
        }
        prop_assert_eq!(compare(Some(&before), Some(&after)).0, expected(&before, &after));
    }
}
