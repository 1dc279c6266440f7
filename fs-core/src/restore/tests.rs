use super::*;
use crate::format::limits::MAX_DEPTH;
use crate::monitor::Silent;
use crate::testing::samples;

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
