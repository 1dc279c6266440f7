use std::fs;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::*;
use crate::clock::SystemClock;
use crate::import::{ImportOptions, import_tree};
use crate::monitor::{Cancellation, Silent};
use crate::view::{Options, Scope};

#[test]
fn a_snapshot_just_made_is_found_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let (root, tree) = (directory.path().join("repository"), directory.path().join("tree"));
    init(&root).unwrap();
    fs::create_dir(&tree).unwrap();
    let view =
        open_view(&root, Options::new(Scope::Source(b"tree".into()), TimeZone::UTC, Arc::new(SystemClock)))
            .unwrap();
    for version in 0..5 {
        fs::write(tree.join("file"), version.to_string().repeat(100)).unwrap();
        let options = ImportOptions::default();
        let imported =
            import_tree(&root, &tree, &options, &Silent, &Cancellation::default()).unwrap().unwrap();
        // Read at once, while the folder of snapshots still counts as fresh.
        let node = view.lookup(&view.top(), imported.snapshot.name.as_bytes()).unwrap();
        let file = view.lookup(&node, b"file").unwrap();
        assert_eq!(*view.read(&file, 0, 1).unwrap(), *version.to_string().as_bytes());
    }
}
