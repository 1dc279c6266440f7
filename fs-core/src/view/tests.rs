//! Tags as names of times in a mount.

use super::filesystem::MAX_AGE;
use super::fixtures::{add_snapshot, view};
use super::{Scope, View, ViewError};
use crate::format::{SnapshotId, Time};
use crate::store::{Access, Repository};

/// Gives a tag to the snapshot at an index of a source.
fn give(view: &View, source: &[u8], index: usize, name: &str) -> SnapshotId {
    let sources = view.sources();
    let snapshot = sources.get(source).unwrap().snapshot(index).unwrap().id;
    let repository = Repository::open(view.repository().root(), Access::Write).unwrap();
    repository.tag(snapshot, name, Time::default()).unwrap();
    snapshot
}

fn link(view: &View, folder: &[u8], name: &[u8]) -> Result<String, ViewError> {
    let folder = if folder.is_empty() { (*view.top()).clone() } else { view.lookup(&view.top(), folder)? };
    let node = view.lookup(&folder, name)?;
    Ok(String::from_utf8(view.read_link(&node)?.to_vec()).unwrap())
}

const NAMES: [&str; 3] = ["@1970-01-01T00-00-01", "@1970-01-01T00-00-02", "@1970-01-01T00-00-03"];

#[test]
fn a_tag_means_the_last_snapshot_that_has_it() {
    let (_folder, view) = view(&[(1, 8), (2, 9), (3, 10)], Scope::Source(b"source".to_vec()));
    let is = |name: &str, expected: &str| {
        assert_eq!(link(&view, b"", name.as_bytes()).unwrap(), expected, "{name}");
    };
    give(&view, b"source", 0, "one");
    give(&view, b"source", 0, "both");
    is("@one", NAMES[0]);
    is("@both", NAMES[0]);
    let later = give(&view, b"source", 1, "both");
    is("@both", NAMES[1]);
    // A tag from another version of the program may mean a time. Then the time wins.
    give(&view, b"source", 0, "latest");
    is("@latest", NAMES[2]);
    for name in ["@o", "@onee", "one", "@One", "@"] {
        assert!(matches!(link(&view, b"", name.as_bytes()), Err(ViewError::NotFound)), "{name}");
    }
    let between = format!("{}..{}", NAMES[0], NAMES[1]);
    assert_eq!(link(&view, b"@changes", b"@one..@both").unwrap(), between);
    let source = view.sources().get(b"source").cloned().unwrap();
    assert!(view.walk(&source, b"@both", b"small/below").is_ok());
    assert_eq!(source.tags_of(source.snapshot(0).unwrap().id).collect::<Vec<_>>(), ["both", "latest", "one"]);
    let folder = view.lookup(&view.top(), NAMES[0].as_bytes()).unwrap();
    assert_eq!(view.xattr(&folder, b"user.yester.tags").unwrap().unwrap(), b"both latest one");
    let untagged = view.lookup(&view.top(), NAMES[2].as_bytes()).unwrap();
    assert_eq!(view.xattr(&untagged, b"user.yester.tags").unwrap(), None);

    let repository = Repository::open(view.repository().root(), Access::Write).unwrap();
    assert!(repository.untag(later, "both", Time::default()).unwrap());
    is("@both", NAMES[0]);
}

#[test]
fn in_a_mount_of_all_it_is_the_time_of_the_last_one() {
    let (_folder, view) = view(&[(1, 8), (90_000, 9)], Scope::Repository);
    {
        let repository = Repository::open(view.repository().root(), Access::Write).unwrap();
        add_snapshot(&repository, b"other", 50_000, 1);
        add_snapshot(&repository, b"other", 100_000, 1);
    }
    view.clock().sleep(MAX_AGE);
    give(&view, b"source", 0, "mark");
    assert_eq!(link(&view, b"source", b"@mark").unwrap(), NAMES[0]);
    assert_eq!(link(&view, b"", b"@mark").unwrap(), NAMES[0]);
    give(&view, b"other", 0, "mark");
    // The snapshot is the last one of that day.
    assert_eq!(link(&view, b"", b"@mark").unwrap(), "@1970-01-01");
    assert!(matches!(link(&view, b"", b"@marks"), Err(ViewError::NotFound)));
}
