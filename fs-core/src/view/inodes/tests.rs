use super::*;
use crate::format::Time;
use crate::view::Scope;
use crate::view::fixtures::{FILES, view};

impl Inodes {
    /// Number of known nodes, without the top.
    pub(in crate::view) fn len(&self) -> usize {
        self.known.read().unwrap().len()
    }
}

/// Makes `inodes` remember every node below `node`, and collects these nodes.
fn tell_all(view: &View, inodes: &Inodes, node: &Node, told: &mut Vec<Node>) {
    let mut below = Vec::new();
    view.read_directory(node, 0, &mut |entry| {
        below.push(entry.node);
        true
    })
    .unwrap();
    for node in below {
        assert_eq!(inodes.remember(&node), node.ino());
        if matches!(node.kind, NodeKind::Directory { .. }) {
            tell_all(view, inodes, &node, told);
        }
        told.push(node);
    }
}

#[test]
fn a_node_that_is_read_again_is_the_same() {
    let (_folder, view) = view(&[(1, 8), (2, 9)], Scope::Source(b"source".to_vec()));
    let inodes = Inodes::new(view.clone());
    assert_eq!(inodes.len(), 0);
    let mut told = Vec::new();
    tell_all(&view, &inodes, &view.top(), &mut told);
    // `@latest`; for each snapshot its root, two folders and a file of its own; and the entries that both
    // share.
    assert_eq!(inodes.len(), 1 + 2 * 4 + FILES as usize + 1);
    for node in &told {
        let again = inodes.get(node.ino()).unwrap().unwrap();
        assert_eq!(again.identity, node.identity);
        assert_eq!(view.attr(&again), view.attr(node));
        assert_eq!(view.xattrs(&again).unwrap(), view.xattrs(node).unwrap());
        if matches!(node.kind, NodeKind::Directory { .. }) {
            let names = |node: &Node| {
                let mut names = Vec::new();
                view.read_directory(node, 0, &mut |entry| {
                    names.push((entry.name.to_vec(), entry.node.ino()));
                    true
                })
                .unwrap();
                names
            };
            assert_eq!(names(&again), names(node));
        }
    }
    told.iter().for_each(|node| inodes.forget(node.ino(), 1));
    assert_eq!(inodes.len(), 0);
    assert!(inodes.get(view.top().ino()).unwrap().is_some());
}

#[test]
fn a_version_is_read_where_it_was_seen_last() {
    let (_folder, view) = view(&[(1, 8), (2, 9)], Scope::Source(b"source".to_vec()));
    let inodes = Inodes::new(view.clone());
    let file = |time: &[u8]| view.walk(view.sources().get(b"source").unwrap(), time, b"link").unwrap();
    let (older, newer) = (file(b"@latest~1"), file(b"@latest"));
    assert_eq!(older.ino(), newer.ino());
    let leaf = || inodes.get(older.ino()).unwrap().unwrap().entry_ref.unwrap().leaf.snapshot.manifest.time;
    inodes.remember(&older);
    assert_eq!(leaf(), Time::new(1, 0).unwrap());
    inodes.remember(&newer);
    inodes.remember(&older);
    assert_eq!(leaf(), Time::new(2, 0).unwrap());
}
