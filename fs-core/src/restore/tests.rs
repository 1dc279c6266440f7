use std::sync::Arc;

use jiff::tz::TimeZone;

use super::*;
use crate::clock::SystemClock;
use crate::format::Kind;
use crate::format::limits::MAX_DEPTH;
use crate::monitor::Silent;
use crate::store::{Access, DirectoryWriter, Repository};
use crate::testing::samples;
use crate::view::{Options, Scope};

#[test]
fn a_tree_that_no_import_can_have_made_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    let mut writer = repository.writer().unwrap();
    let mut id = DirectoryWriter::default().finish(&mut writer).unwrap();
    for _ in 0..2 * MAX_DEPTH {
        let (mut above, mut body) = (DirectoryWriter::default(), Vec::new());
        samples::entry(Kind::Directory(id)).encode(&mut body);
        above.push(&mut writer, b"deep", &body).unwrap();
        id = above.finish(&mut writer).unwrap();
    }
    writer.commit(&samples::manifest(id)).unwrap();
    let scope = Scope::Source(b"source".into());
    let repository = Repository::open(&root, Access::Read).unwrap();
    let options = Options::new(scope, TimeZone::UTC, Arc::new(SystemClock));
    let view = View::new(repository, options).unwrap();
    let node = view.lookup(&view.top(), b"@1970-01-01T00-00-00").unwrap();
    // A dry run, as otherwise the process may run out of open files first.
    let options = RestoreOptions { dry_run: true, ..RestoreOptions::default() };
    let target = directory.path().join("target");
    let mut restore = Restore::begin(&target, Shape::Whole, options).unwrap();
    let restored = restore.take_back(&view, node, None, &Silent, &Cancellation::default()).unwrap();
    assert_eq!((restored.directories, restored.troubled), (MAX_DEPTH as u64, 1));
}
