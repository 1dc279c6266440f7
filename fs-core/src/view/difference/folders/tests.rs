use std::collections::BTreeMap;

use crate::view::fixtures::view;
use crate::view::{FileKind, Inodes, Node, Scope, View, ViewError};

/// Collects the nodes below a node, by path.
fn tree(view: &View, inodes: &Inodes, node: &Node, path: &str, found: &mut BTreeMap<String, Node>) {
    let mut below = Vec::new();
    // The entries are listed one at a time, as for a kernel with a small buffer.
    let (mut offset, mut more) = (0, true);
    while more {
        more = false;
        view.read_directory(node, offset, &mut |entry| {
            let name = String::from_utf8_lossy(entry.name).into_owned();
            let looked_up = view.lookup(node, entry.name).unwrap();
            assert_eq!(looked_up.identity(), entry.node.identity());
            below.push((format!("{path}/{name}"), entry.node));
            (offset, more) = (entry.next_offset, true);
            false
        })
        .unwrap();
    }
    for (path, node) in below {
        inodes.remember(&node);
        let again = inodes.get(node.ino()).unwrap().unwrap();
        assert_eq!((again.identity(), view.attr(&again)), (node.identity(), view.attr(&node)));
        assert!(node.is_immutable());
        if view.attr(&node).kind == FileKind::Directory {
            tree(view, inodes, &again, &path, found);
        }
        found.insert(path, node);
    }
}

fn changes(view: &View, name: &str) -> Result<Node, ViewError> {
    let top = view.lookup(&view.top(), b"@changes").unwrap();
    view.lookup(&top, name.as_bytes())
}

const BETWEEN: &str = "@1970-01-01T00-00-01..@1970-01-01T00-00-02";

#[test]
fn only_what_differs_is_there() {
    let (_folder, view) = view(&[(1, 8), (2, 9)], Scope::Source(b"source".to_vec()));
    let inodes = Inodes::new(view.clone());
    let mut found = BTreeMap::new();
    tree(&view, &inodes, &changes(&view, BETWEEN).unwrap(), "", &mut found);
    let paths: Vec<&str> = found.keys().map(String::as_str).collect();
    // `small` is in all three folders, as something below it differs.
    let expected = [
        "/added",
        "/added/small",
        "/deleted",
        "/deleted/small",
        "/modified",
        "/modified/small",
        "/modified/small/below",
    ];
    assert_eq!(paths, expected);
    let after = view.walk(view.sources().get(b"source").unwrap(), b"@latest", b"small/below").unwrap();
    assert_eq!(found["/modified/small/below"].identity(), after.identity());
    let modified = view.lookup(&changes(&view, BETWEEN).unwrap(), b"modified").unwrap();
    for equal in [&b"large"[..], b"link", b"nothing"] {
        assert!(matches!(view.lookup(&modified, equal), Err(ViewError::NotFound)));
    }
}

#[test]
fn what_both_have_as_it_is_is_nowhere() {
    let (_folder, view) = view(&[(1, 8), (2, 8)], Scope::Source(b"source".to_vec()));
    let inodes = Inodes::new(view.clone());
    let mut found = BTreeMap::new();
    tree(&view, &inodes, &changes(&view, BETWEEN).unwrap(), "", &mut found);
    assert_eq!(found.len(), 3, "{:?}", found.keys());
}

#[test]
fn expressions_lead_to_canonical_names() {
    let (_folder, view) = view(&[(1, 8), (2, 9)], Scope::Source(b"source".to_vec()));
    for name in ["@first..@latest", "@1970-01-01T00-00-01..@today", "@1970-01-01T00:00:01..@latest"] {
        let node = changes(&view, name).unwrap();
        assert!(!node.is_immutable());
        assert_eq!(view.read_link(&node).unwrap(), BETWEEN.as_bytes(), "{name}");
    }
    let back = changes(&view, "@latest..@first").unwrap();
    assert_eq!(view.read_link(&back).unwrap(), b"@1970-01-01T00-00-02..@1970-01-01T00-00-01");
    for nothing in ["@first", "..", "@first..", "..@first", "@first..latest", "@1969..@latest", "added"] {
        assert!(matches!(changes(&view, nothing), Err(ViewError::NotFound)), "{nothing}");
    }
    // `@changes` can be looked up, but is not listed.
    let mut names = Vec::new();
    view.read_directory(&view.top(), 0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })
    .unwrap();
    assert!(!names.contains(&b"@changes".to_vec()));
}
