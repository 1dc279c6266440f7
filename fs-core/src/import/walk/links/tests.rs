use proptest::prelude::*;

use super::*;
use crate::format::{Attributes, Gaps, Xattrs};

#[test]
fn a_file_that_was_changed_between_two_of_its_names_is_not_known() {
    let mut tracker = LinkTracker::default();
    let file = entry(Kind::File { size: 100, holes: 0, content: Content::Blob(BlobId([1; 32])) }, 5, false);
    tracker.add((1, 2), 3, Time::default(), PathKey([1; 16]), &file);
    let known = |ctime| tracker.known((1, 2), 100, file.attributes.mtime, ctime);
    assert_eq!(known(Time::default()), Some(file.kind.clone()));
    assert_eq!(known(Time::new(0, 1).unwrap()), None);
}

fn entry(kind: Kind, second: i64, changed_while_read: bool) -> Entry {
    let mtime = Time::new(second, 5).unwrap();
    let attributes = Attributes { mode: 0o644, uid: 0, gid: 0, mtime };
    Entry { attributes, kind, xattrs: Xattrs::None, changed_while_read, gaps: Gaps::default() }
}

fn kinds() -> impl Strategy<Value = Kind> {
    let id = any::<u8>().prop_map(|byte| BlobId([byte; 32]));
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..=MAX_INLINE).prop_map(|bytes| Content::Inline(bytes.into())),
        id.clone().prop_map(Content::Blob),
        id.prop_map(Content::Chunks),
    ];
    let file = (100..103u64, prop_oneof![Just(0), 1..9u64], content).prop_map(|(other, holes, content)| {
        let size = if let Content::Inline(bytes) = &content { bytes.len() as u64 } else { other };
        Kind::File { size, holes: holes.min(size), content }
    });
    prop_oneof![9 => file, 1 => Just(Kind::Fifo)]
}

/// A model of the tracker that keeps every entry as met.
#[derive(Default)]
struct Model {
    open: HashMap<FileId, (Entry, Vec<PathKey>)>,
    finished: LinkTableBuilder,
}

impl Model {
    fn known(&self, id: FileId, wanted: &Entry) -> Option<Kind> {
        let (last, _) = self.open.get(&id)?;
        let same = matches!(last.kind, Kind::File { .. })
            && !last.changed_while_read
            && last.size() == wanted.size()
            && last.attributes.mtime == wanted.attributes.mtime;
        same.then(|| last.kind.clone())
    }

    fn add(&mut self, id: FileId, names: u64, path: PathKey, entry: &Entry) {
        let (last, paths) = self.open.entry(id).or_insert_with(|| (entry.clone(), Vec::new()));
        if (last.size(), last.attributes.mtime) != (entry.size(), entry.attributes.mtime) {
            *last = entry.clone();
        }
        paths.push(path);
        if paths.len() as u64 >= names
            && let Some((_, paths)) = self.open.remove(&id)
        {
            self.finished.push(&paths);
        }
    }
}

proptest! {
    #[test]
    fn it_is_as_one_that_keeps_all(
        met in prop::collection::vec((0..3u64, 0..6u64, 2..5u64, kinds(), 0..2i64, prop::bool::weighted(0.1)), 0..200)
    ) {
        let (mut tracker, mut model) = (LinkTracker::default(), Model::default());
        for (number, (device, inode, names, kind, second, changing)) in met.into_iter().enumerate() {
            let (id, entry) = ((device, inode), entry(kind, second, changing));
            let known = tracker.known(id, entry.size(), entry.attributes.mtime, Time::default());
            prop_assert_eq!(known, model.known(id, &entry));
            let path = PathKey((number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes());
            tracker.add(id, names, Time::default(), path, &entry);
            model.add(id, names, path, &entry);
        }
        for (_, paths) in model.open.into_values() {
            model.finished.push(&paths);
        }
        prop_assert_eq!(tracker.finish(), model.finished.finish());
    }
}

#[test]
fn what_is_met_once_takes_little_memory() {
    assert_eq!(size_of::<Linked>(), 64);
    let mut tracker = LinkTracker::default();
    let fifo = entry(Kind::Fifo, 0, false);
    for inode in 0..10_000 {
        tracker.add((1, inode), 2, Time::default(), PathKey([1; 16]), &fifo);
        tracker.add((1, inode), 2, Time::default(), PathKey([2; 16]), &fifo);
    }
    // A file is forgotten once all its names were met.
    assert_eq!((tracker.files.len(), tracker.indices.len(), tracker.paths.len()), (1, 0, 0));
}
