use std::sync::Mutex;

use jiff::tz::TimeZone;

use super::*;
use crate::format::limits::MAX_DEPTH;
use crate::format::{BlobId, Content, Kind};
use crate::monitor::{Cancellation, Monitor, Trouble};
use crate::store::Writer;
use crate::testing::samples::{directory, one_snapshot, too_deep_tree};

#[derive(Default)]
struct Reported(Mutex<Vec<String>>);

impl Monitor for Reported {
    fn trouble(&self, trouble: &Trouble) {
        let path = String::from_utf8_lossy(&trouble.path);
        self.0.lock().unwrap().push(format!("{path} {}", trouble.reason));
    }
}

/// Exports a tree. Returns the result, the messages and the archive.
fn exported(make: impl FnOnce(&mut Writer) -> BlobId, archive: Archive) -> (Exported, Vec<String>, Vec<u8>) {
    let (_folder, view, node) = one_snapshot(make);
    let (reported, mut out) = (Reported::default(), Vec::new());
    let done = export(&view, &node, None, archive, &mut out, &reported, &Cancellation::default()).unwrap();
    (done, reported.0.into_inner().unwrap(), out)
}

#[test]
fn a_tree_that_no_import_can_have_made_is_cut_off() {
    let (done, reported, _) = exported(too_deep_tree, Archive::Tar);
    assert_eq!((done.entries, done.left_out), (MAX_DEPTH as u64, 1));
    assert!(reported[0].ends_with("is nested too deeply"), "{reported:?}");
}

#[test]
fn a_zip_archive_has_no_name_that_leaves_a_folder_on_windows() {
    let file = Kind::File { size: 0, holes: 0, content: Content::empty() };
    let tree = |writer: &mut Writer| {
        let below = directory(writer, &[("x", file.clone())]);
        directory(
            writer,
            &[
                ("..\\up", file.clone()),
                ("C:", Kind::Directory(below)),
                ("nul", file.clone()),
                ("plain", file),
            ],
        )
    };
    let (done, reported, archive) = exported(tree, Archive::Zip(TimeZone::UTC));
    assert_eq!((done.entries, done.left_out, reported.len()), (6, 0, 3), "{reported:?}");
    let archive = ::zip::ZipArchive::new(io::Cursor::new(archive)).unwrap();
    let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(["plain", "C\u{f03a}/x"].iter().all(|name| names.iter().any(|other| other == name)), "{names:?}");
    assert!(names.iter().all(|name| !name.contains(['\\', ':']) && *name != "nul"), "{names:?}");
}
