use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;

use super::*;
use crate::clock::SystemClock;
use crate::format::limits::MAX_DEPTH;
use crate::format::{Content, Kind};
use crate::monitor::{Cancellation, Monitor, Trouble};
use crate::store::{Access, DirectoryWriter, Repository, Writer};
use crate::testing::samples;
use crate::view::{Options, Scope};

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Monitor for Told {
    fn trouble(&self, trouble: &Trouble) {
        let path = String::from_utf8_lossy(&trouble.path);
        self.0.lock().unwrap().push(format!("{path} {}", trouble.reason));
    }
}

/// Exports a tree. Returns the result, the messages and the archive.
fn exported(
    make: impl FnOnce(&mut Writer) -> crate::format::BlobId,
    archive: Archive,
) -> (Exported, Vec<String>, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    let mut writer = repository.writer().unwrap();
    let id = make(&mut writer);
    writer.commit(&samples::manifest(id)).unwrap();
    let scope = Scope::Source(b"source".into());
    let repository = Repository::open(&root, Access::Read).unwrap();
    let options = Options::new(scope, TimeZone::UTC, Arc::new(SystemClock));
    let view = View::new(repository, options).unwrap();
    let node = view.lookup(&view.top(), b"@1970-01-01T00-00-00").unwrap();
    let (told, mut out) = (Told::default(), Vec::new());
    let done = export(&view, &node, None, archive, &mut out, &told, &Cancellation::default()).unwrap();
    (done, told.0.into_inner().unwrap(), out)
}

fn folder(writer: &mut Writer, entries: &[(&str, Kind)]) -> crate::format::BlobId {
    let mut folder = DirectoryWriter::default();
    for (name, kind) in entries {
        let mut body = Vec::new();
        samples::entry(kind.clone()).encode(&mut body);
        folder.push(writer, name.as_bytes(), &body).unwrap();
    }
    folder.finish(writer).unwrap()
}

#[test]
fn a_tree_that_no_import_can_have_made_is_cut_off() {
    let deep = |writer: &mut Writer| {
        let empty = folder(writer, &[]);
        (0..2 * MAX_DEPTH).fold(empty, |id, _| folder(writer, &[("d", Kind::Directory(id))]))
    };
    let (done, told, _) = exported(deep, Archive::Tar);
    assert_eq!((done.entries, done.left_out), (MAX_DEPTH as u64, 1));
    assert!(told[0].ends_with("is nested too deeply"), "{told:?}");
}

#[test]
fn a_zip_archive_has_no_name_that_leaves_a_folder_on_windows() {
    let file = Kind::File { size: 0, holes: 0, content: Content::empty() };
    let tree = |writer: &mut Writer| {
        let below = folder(writer, &[("x", file.clone())]);
        folder(
            writer,
            &[
                ("..\\up", file.clone()),
                ("C:", Kind::Directory(below)),
                ("nul", file.clone()),
                ("plain", file),
            ],
        )
    };
    let (done, told, archive) = exported(tree, Archive::Zip(TimeZone::UTC));
    assert_eq!((done.entries, done.left_out, told.len()), (6, 0, 3), "{told:?}");
    let archive = ::zip::ZipArchive::new(io::Cursor::new(archive)).unwrap();
    let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(["plain", "C\u{f03a}/x"].iter().all(|name| names.iter().any(|other| other == name)), "{names:?}");
    assert!(names.iter().all(|name| !name.contains(['\\', ':']) && *name != "nul"), "{names:?}");
}
