use super::*;
use crate::format::limits::MAX_DEPTH;
use crate::format::{BlobId, Content, Entry, Gaps, Kind, NotRead};
use crate::monitor::{Silent, Trouble};
use crate::store::{DirectoryWriter, Writer};
use crate::testing::samples;

#[derive(Default)]
struct Troubles(Mutex<Vec<String>>);

impl Monitor for Troubles {
    fn trouble(&self, trouble: &Trouble) {
        self.0.lock().unwrap().push(trouble.reason.clone());
    }
}

/// A directory, and in it a file and a directory of which neither content nor attributes were read.
fn unread(writer: &mut Writer) -> BlobId {
    let gaps = Gaps { content: Some(NotRead::new("refused", None)), xattrs: true, ..Gaps::default() };
    let add = |writer: &mut Writer, entries: &[(&str, Kind, Gaps)]| {
        let mut directory = DirectoryWriter::default();
        for (name, kind, gaps) in entries {
            let mut body = Vec::new();
            Entry { gaps: gaps.clone(), ..samples::entry(kind.clone()) }.encode(&mut body);
            directory.push(writer, name.as_bytes(), &body).unwrap();
        }
        directory.finish(writer).unwrap()
    };
    let closed = add(writer, &[]);
    let file = Kind::File { size: 0, holes: 0, content: Content::NotRead };
    let below = add(writer, &[("closed", Kind::Directory(closed), gaps.clone()), ("file", file, gaps)]);
    let gaps = Gaps { below: true, ..Gaps::default() };
    add(writer, &[("d", Kind::Directory(below), gaps)])
}

#[test]
fn an_entry_that_lacks_several_parts_is_counted_once() {
    let (folder, view, node) = samples::one_snapshot(unread);
    let target = folder.path().join("target");
    let mut restore = Restore::begin(&target, Shape::Whole, RestoreOptions::default()).unwrap();
    let troubles = Troubles::default();
    let restored = restore.restore(&view, node, None, &troubles, &Cancellation::default()).unwrap();
    assert_eq!((restored.directories, restored.troubled), (3, 2));
    let mut told = troubles.0.into_inner().unwrap();
    told.sort();
    let expected = [
        "d/closed could not be read into the snapshot: refused",
        "d/file could not be read into the snapshot: refused",
        "some extended attributes of d/closed could not be read into the snapshot",
    ];
    assert_eq!(told, expected);
}

/// The path in the snapshot, whatever its name in the target is.
#[test]
fn a_path_of_the_snapshot_is_named() {
    let (folder, view, node) = samples::one_snapshot(unread);
    let d = view.lookup(&node, b"d").unwrap();
    for (name, shape) in [("file", Shape::File), ("d", Shape::Named)] {
        let node = if name == "d" { d.clone() } else { view.lookup(&d, name.as_bytes()).unwrap() };
        let target = folder.path().join(name);
        let mut restore = Restore::begin(&target, shape, RestoreOptions::default()).unwrap();
        let (troubles, cancellation) = (Troubles::default(), Cancellation::default());
        restore.restore(&view, node, Some(name.as_bytes()), &troubles, &cancellation).unwrap();
        let told = troubles.0.into_inner().unwrap();
        assert!(told.iter().any(|reason| reason.starts_with("d/file could not be read")), "{told:?}");
    }
}

#[test]
fn a_tree_that_no_import_can_have_made_is_cut_off() {
    let (folder, view, node) = samples::one_snapshot(samples::too_deep_tree);
    // A dry run, as otherwise the process may run out of open files first.
    let options = RestoreOptions { dry_run: true, ..RestoreOptions::default() };
    let target = folder.path().join("target");
    let mut restore = Restore::begin(&target, Shape::Whole, options).unwrap();
    let restored = restore.restore(&view, node, None, &Silent, &Cancellation::default()).unwrap();
    assert_eq!((restored.directories, restored.troubled), (MAX_DEPTH as u64, 1));
}
