use crate::format::SnapshotId;
use crate::store::{Access, INDEX, Repository, StoreError};
use crate::view::fixtures::{add_numbered, add_snapshot, open, view};
use crate::view::{FileKind, Inodes, Node, Scope, View, ViewError};

const DAY: i64 = 86_400;

fn names(view: &View, folder: &Node, offset: u64) -> Vec<String> {
    let mut names = Vec::new();
    view.read_directory(folder, offset, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    })
    .unwrap();
    names
}

/// The target of the link `name` at the top; `None` if the name is the folder itself.
fn target(view: &View, name: &str) -> Result<Option<String>, ()> {
    let node = view.lookup(&view.top(), name.as_bytes()).map_err(drop)?;
    let link = view.attr(&node).kind == FileKind::Symlink;
    Ok(link.then(|| String::from_utf8_lossy(view.read_link(&node).unwrap()).into_owned()))
}

/// Snapshots of `source` on the first and third day, and two of `other` on the second.
fn three_days() -> (tempfile::TempDir, View) {
    let (folder, _) = view(&[(10, 1), (2 * DAY + 10, 4)], Scope::Repository);
    let root = folder.path().join("repository");
    let repository = Repository::open(&root, Access::Write).unwrap();
    add_snapshot(&repository, b"other", DAY + 10, 2);
    add_snapshot(&repository, b"other", DAY + 20, 3);
    (folder, open(Repository::open(&root, Access::Read).unwrap(), Scope::Repository))
}

#[test]
fn the_days_that_have_snapshots_are_listed_behind_the_sources() {
    let (_folder, view) = three_days();
    let all = ["other", "source", "@1970-01-01", "@1970-01-02", "@1970-01-03"];
    for offset in 0..=all.len() {
        assert_eq!(names(&view, &view.top(), offset as u64), all[offset..]);
    }
}

#[test]
fn each_source_is_as_it_was_then() {
    let (_folder, view) = three_days();
    let uid = |time: &str, source: &str| {
        let mut node = view.lookup(&view.top(), time.as_bytes()).unwrap();
        for name in [source, "small", "below"] {
            node = view.lookup(&node, name.as_bytes()).ok()?;
        }
        Some(view.attr(&node).uid)
    };
    assert_eq!((uid("@1970-01-01", "source"), uid("@1970-01-01", "other")), (Some(1), None));
    assert_eq!((uid("@1970-01-02", "source"), uid("@1970-01-02", "other")), (Some(1), Some(3)));
    assert_eq!((uid("@1970-01-03", "source"), uid("@1970-01-03", "other")), (Some(4), Some(3)));
    assert_eq!(uid("@1970-01-02T00-00-10", "other"), Some(2));
    let first = view.lookup(&view.top(), b"@1970-01-01").unwrap();
    assert_eq!(names(&view, &first, 0), ["source"]);
}

#[test]
fn expressions_lead_to_a_day_or_to_a_second_of_it() {
    let (_folder, view) = three_days();
    let is =
        |name: &str, expected: &str| assert_eq!(target(&view, name), Ok(Some(expected.into())), "{name}");
    is("@latest", "@1970-01-03");
    is("@today", "@1970-01-03");
    is("@1970-01-09", "@1970-01-03");
    is("@first", "@1970-01-01");
    is("@1970-01-02T00-00-15", "@1970-01-02T00-00-10");
    is("@latest~1", "@1970-01-02");
    assert_eq!(target(&view, "@1970-01-02T00-00-10"), Ok(None));
    assert_eq!(target(&view, "@1970-01-02"), Ok(None));
    for nothing in ["@1969", "@nonsense", "third", "@1970-02-30"] {
        assert_eq!(target(&view, nothing), Err(()), "{nothing}");
    }
}

#[test]
fn positions_within_a_second_have_folders_of_their_own() {
    let (folder, _) = view(&[(10, 1)], Scope::Repository);
    let root = folder.path().join("repository");
    let repository = Repository::open(&root, Access::Write).unwrap();
    // `source` gets more snapshots, out of order. `other` gets one at the time of the first snapshot of
    // `source`, and another.
    for (source, millis, number, uid) in
        [("source", 900, 2, 2), ("source", 100, 3, 3), ("other", 0, 1, 4), ("other", 950, 2, 5)]
    {
        add_numbered(&repository, source.as_bytes(), (10, millis * 1_000_000), number, uid);
    }
    drop(repository);
    let view = open(Repository::open(&root, Access::Read).unwrap(), Scope::Repository);
    let uids = |time: &str| {
        ["source", "other"].map(|source| {
            let mut node = view.lookup(&view.top(), time.as_bytes()).unwrap();
            for name in [source, "small", "below"] {
                node = view.lookup(&node, name.as_bytes()).ok()?;
            }
            Some(view.attr(&node).uid)
        })
    };
    assert_eq!(uids("@1970-01-01T00-00-10"), [Some(1), Some(4)]);
    assert_eq!(uids("@1970-01-01T00-00-10_2"), [Some(2), Some(4)]);
    assert_eq!(uids("@1970-01-01T00-00-10_3"), [Some(3), Some(4)]);
    assert_eq!(uids("@1970-01-01T00-00-10_4"), [Some(3), Some(5)]);
    assert_eq!(uids("@1970-01-01"), [Some(3), Some(5)]);
    assert_eq!(target(&view, "@latest~1"), Ok(Some("@1970-01-01T00-00-10_3".into())));
    assert_eq!(target(&view, "@latest"), Ok(Some("@1970-01-01".into())));
    // The id of each snapshot means the snapshot's folder.
    let sources = view.sources();
    for (source, index, expected) in [
        ("source", 0, "@1970-01-01T00-00-10"),
        ("source", 1, "@1970-01-01T00-00-10_2"),
        ("other", 0, "@1970-01-01T00-00-10"),
        ("other", 1, "@1970-01-01"),
    ] {
        let id = sources.get(source.as_bytes()).unwrap().snapshot(index).unwrap().id;
        assert_eq!(target(&view, &format!("@#{id}")), Ok(Some(expected.into())), "{source} {index}");
    }
}

#[test]
fn the_name_of_a_lost_snapshot_means_no_other() {
    let (folder, view) = three_days();
    let root = folder.path().join("repository");
    let lose = |lost: SnapshotId| {
        std::fs::remove_file(root.join("snapshots").join(lost.to_string())).unwrap();
        // The index has its manifest, too.
        std::fs::remove_file(root.join(INDEX)).unwrap();
        open(Repository::open(&root, Access::Read).unwrap(), Scope::Repository)
    };
    let is_lost = |found: Result<Node, ViewError>, lost: SnapshotId| matches!(found, Err(ViewError::Store(StoreError::LostSnapshot(id))) if id == lost);
    let other = view.sources().get(b"other").cloned().unwrap();
    let [first, second] = [0, 1].map(|index| other.snapshot(index).unwrap().id);
    let view = lose(first);
    for folder in [&*view.top(), &view.lookup(&view.top(), b"other").unwrap()] {
        assert!(is_lost(view.lookup(folder, b"@1970-01-02T00-00-10"), first));
    }
    // All other expressions mean a snapshot that exists.
    assert_eq!(target(&view, "@1970-01-02T00-00-15"), Ok(Some("@1970-01-01".into())));
    assert_eq!(target(&view, "@1970-01-02T00-00-20"), Ok(None));
    // The last snapshot of a source is not forgotten either.
    let view = lose(second);
    assert!(is_lost(view.lookup(&view.top(), b"@1970-01-02T00-00-20"), second));
    assert_eq!(target(&view, "@1970-01-02"), Ok(Some("@1970-01-01".into())));
}

#[test]
fn a_file_is_the_same_everywhere_and_a_folder_has_one_place() {
    let (_folder, view) = three_days();
    let inodes = Inodes::new(view.clone());
    let walk = |path: &[&str]| {
        path.iter().fold((*view.top()).clone(), |node, name| {
            inodes.remember(&node);
            view.lookup(&node, name.as_bytes()).unwrap()
        })
    };
    let snapshot = ["source", "@1970-01-01T00-00-10"];
    for path in [&["large", "00007"][..], &["large"], &[]] {
        let places = [&snapshot[..], &["@1970-01-01", "source"], &["@1970-01-02", "source"]];
        let nodes = places.map(|index| walk(&[index, path].concat()));
        let inos: std::collections::BTreeSet<_> = nodes.iter().map(Node::ino).collect();
        assert_eq!(inos.len(), if path.len() == 2 { 1 } else { 3 }, "{path:?}");
        for node in nodes {
            inodes.remember(&node);
            let again = inodes.get(node.ino()).unwrap().unwrap();
            assert_eq!((again.identity(), view.attr(&again)), (node.identity(), view.attr(&node)));
        }
    }
}
