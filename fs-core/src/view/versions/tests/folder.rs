//! Versions as nodes: below `@versions`, and by number.

use proptest::prelude::*;

use super::oracle::{self, PATHS, State, histories};
use super::{expected_files, numbered, view_of_files};
use crate::view::fixtures::{Files, add_files};
use crate::view::{FileKind, Inodes, Node, View, ViewError};

fn names(view: &View, node: &Node) -> Vec<(String, Node)> {
    let mut names = Vec::new();
    // A few entries are listed at a time, as kernels do.
    loop {
        let (mut some, from) = (0, names.last().map_or(0, |(_, _, next)| *next));
        view.read_directory(node, from, &mut |entry| {
            names.push((String::from_utf8(entry.name.to_vec()).unwrap(), entry.node, entry.next_offset));
            some += 1;
            some < 7
        })
        .unwrap();
        if some == 0 {
            return names.into_iter().map(|(name, node, _)| (name, node)).collect();
        }
    }
}

/// Collects everything below a folder, by path.
fn walk(view: &View, node: &Node, path: &str, found: &mut Vec<(String, Node)>) {
    for (name, node) in names(view, node) {
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if view.attr(&node).kind == FileKind::Directory {
            walk(view, &node, &path, found);
        }
        found.push((path, node));
    }
}

fn versions_of<'a>(history: &'a [Files], path: &str) -> impl Iterator<Item = (usize, u32)> + use<'a> {
    let states = oracle::states(history, path);
    let numbers = oracle::distinct(&expected_files(history, path));
    let first = move |number| states.iter().position(|state| *state == State::File(number)).unwrap();
    numbers.into_iter().map(move |number| (first(number), number))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_folder_holds_every_path_and_version(history in histories()) {
        let (_folder, view) = view_of_files(&history);
        let sources = view.sources();
        let timeline = &sources.get(b"source").unwrap().timeline;
        let top = view.lookup(&view.top(), b"@versions").unwrap();
        prop_assert!(names(&view, &view.top()).iter().all(|(name, _)| name != "@versions"));
        let mut found = Vec::new();
        walk(&view, &top, "", &mut found);
        let mut expected: Vec<String> = Vec::new();
        for path in oracle::all_paths(&history) {
            for (first, _) in versions_of(&history, &path) {
                expected.push(format!("{path}/{}", timeline.name(first).unwrap()));
            }
            expected.push(path);
        }
        expected.sort();
        let mut paths: Vec<String> = found.iter().map(|(path, _)| path.clone()).collect();
        paths.sort();
        prop_assert_eq!(paths, expected);

        let inodes = Inodes::new(view.clone());
        let source = sources.get(b"source").unwrap();
        for (path, node) in &found {
            // A look-up finds each listed node.
            let mut at = top.clone();
            for name in path.split('/') {
                at = view.lookup(&at, name.as_bytes()).unwrap();
            }
            prop_assert_eq!(at.ino(), node.ino());
            // A version is the same node in the snapshot.
            if node.is_immutable() {
                let (path, name) = path.rsplit_once('/').unwrap();
                let there = view.walk(source, name.as_bytes(), path.as_bytes()).unwrap();
                prop_assert_eq!(there.identity(), node.identity());
            }
            // A node that is read again is the same.
            inodes.remember(node);
            let again = inodes.get(node.ino()).unwrap().unwrap();
            prop_assert_eq!(again.identity(), node.identity());
            prop_assert_eq!(view.attr(&again), view.attr(node));
        }
        found.iter().for_each(|(_, node)| inodes.forget(node.ino(), 1));
        prop_assert_eq!(inodes.len(), 0);
    }

    #[test]
    fn numbers_mean_the_versions_that_there_are(history in histories()) {
        let (_folder, view) = view_of_files(&history);
        let sources = view.sources();
        let source = sources.get(b"source").unwrap();
        for path in PATHS {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            for index in 0..history.len() {
                let time = source.timeline.name(index).unwrap().as_bytes();
                let Ok(folder_node) = view.walk(source, time, folder.as_bytes()) else { continue };
                if view.attr(&folder_node).kind != FileKind::Directory {
                    continue;
                }
                for number in -3..=4_i32 {
                    let wanted = format!("{name};{number}");
                    let real = if folder.is_empty() { wanted.clone() } else { format!("{folder}/{wanted}") };
                    let count = number.unsigned_abs() as usize;
                    let expected = match oracle::at(&history[index], &real) {
                        State::File(real) => Some(real),
                        _ if number > 0 => {
                            versions_of(&history, path).nth(count - 1).map(|(_, number)| number)
                        }
                        _ if number < 0 => oracle::before(&history, path, index, count),
                        _ => None,
                    };
                    match (view.lookup(&folder_node, wanted.as_bytes()), expected) {
                        (Ok(node), Some(expected)) => {
                            prop_assert_eq!(view.attr(&node).uid, numbered(expected).attributes.uid, "{}", real);
                        }
                        (Err(ViewError::NotFound), None) => {}
                        (found, expected) => prop_assert!(false, "{real}: {found:?} {expected:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn listed_versions_are_those_that_are_looked_up(history in histories()) {
        let (_folder, mut view) = view_of_files(&history);
        view.lists_versions = true;
        let sources = view.sources();
        let source = sources.get(b"source").unwrap();
        for index in 0..history.len() {
            let root = view.walk(source, source.timeline.name(index).unwrap().as_bytes(), b"").unwrap();
            let listed = names(&view, &root);
            for (name, node) in &listed {
                prop_assert_eq!(view.lookup(&root, name.as_bytes()).unwrap().ino(), node.ino());
            }
            let mut expected: Vec<String> = history[index].keys().map(|path| path.split('/').next().unwrap().to_owned()).collect();
            for path in oracle::all_paths(&history).iter().filter(|path| !path.contains('/')) {
                expected.extend((1..).zip(versions_of(&history, path)).map(|(number, _)| format!("{path};{number}")));
            }
            expected.sort();
            expected.dedup();
            let mut names: Vec<String> = listed.into_iter().map(|(name, _)| name).collect();
            names.sort();
            prop_assert_eq!(names, expected);
        }
    }
}

fn files(list: &[(&str, u32)]) -> Files {
    list.iter().map(|(path, number)| ((*path).to_owned(), *number)).collect()
}

#[test]
fn an_expression_leads_to_the_version_of_its_time() {
    let (_folder, view) =
        view_of_files(&[files(&[("a", 1)]), files(&[("a", 1)]), files(&[("a", 2)]), files(&[("b", 3)])]);
    let folder = view.lookup(&view.lookup(&view.top(), b"@versions").unwrap(), b"a").unwrap();
    let first = b"@1970-01-01T00-00-01".as_slice();
    for (name, target) in [
        (&b"@first"[..], Some(first)),
        (b"@1970-01-01T00-00-02", Some(first)),
        (b"@latest~1", Some(b"@1970-01-01T00-00-03")),
        (b"@latest", None),
        (b"nothing", None),
    ] {
        let found = view.lookup(&folder, name);
        match target {
            Some(target) => assert_eq!(view.read_link(&found.unwrap()).unwrap(), target),
            None => assert!(matches!(found, Err(ViewError::NotFound))),
        }
    }
}

#[test]
fn a_new_snapshot_is_seen_at_once() {
    let (folder, view) = view_of_files(&[files(&[("a", 1)])]);
    let inodes = Inodes::new(view.clone());
    let versions = view.lookup(&view.top(), b"@versions").unwrap();
    let a = view.lookup(&versions, b"a").unwrap();
    inodes.remember(&a);
    let before = view.attr(&a).mtime;
    let repository = crate::store::Repository::open(folder.path(), crate::store::Access::Write).unwrap();
    add_files(&repository, b"source", 9, &files(&[("a", 2), ("new", 1)]));
    assert!(view.lookup(&a, b"@1970-01-01T00-00-09").is_ok());
    assert!(view.lookup(&versions, b"new").is_ok());
    assert_eq!(names(&view, &a).len(), 2);
    // Kernels list the folder again because its time has changed.
    assert_ne!(view.attr(&inodes.get(a.ino()).unwrap().unwrap()).mtime, before);
    // This snapshot is older than all others. The time in seconds stays the same.
    let before = view.attr(&a).mtime;
    add_files(&repository, b"source", 5, &files(&[("a", 3)]));
    assert!(view.lookup(&a, b"@1970-01-01T00-00-05").is_ok());
    assert_eq!(view.attr(&a).mtime.secs(), before.secs());
    assert_ne!(view.attr(&a).mtime, before);
}

#[test]
fn nodes_tell_where_they_are_from_when_asked_by_name() {
    let (_folder, view) = view_of_files(&[files(&[("d/a", 1)])]);
    let sources = view.sources();
    let source = sources.get(b"source").unwrap();
    let node = |path: &[u8]| view.walk(source, b"@latest", path).unwrap();
    let text = |node: &Node, name: &str| {
        let value = view.xattr(node, format!("user.yester.{name}").as_bytes()).unwrap();
        value.map(|value| String::from_utf8(value).unwrap())
    };
    for folder in [node(b""), node(b"d")] {
        assert_eq!(text(&folder, "source").as_deref(), Some("source"));
        assert_eq!(text(&folder, "snapshot"), Some(source.snapshot(0).unwrap().id.to_string()));
        assert_eq!(text(&folder, "time").as_deref(), Some("1970-01-01T00:00:01Z"));
        assert_eq!(text(&folder, "status").as_deref(), Some("complete"));
        assert_eq!(text(&folder, "version"), None);
    }
    let file = node(b"d/a");
    assert_eq!(text(&file, "version").map(|version| version.len()), Some(24));
    assert_eq!(text(&file, "source"), None);
    assert_eq!(text(&view.top(), "source").as_deref(), Some("source"));
    assert_eq!(view.xattrs(&file).unwrap().names().collect::<Vec<_>>(), [b"user.a"]);
    assert_eq!(view.xattr(&file, b"user.a").unwrap().as_deref(), Some(&b"value"[..]));
}
