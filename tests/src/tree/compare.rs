//! Describes the differences between two trees.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::{Entry, Tree, shown};

/// Maximum number of differences reported. More would not help.
const LIMIT: usize = 25;

/// Fails and names the differences, unless the trees are equal.
#[track_caller]
pub fn assert_same(what: &str, expected: &Tree, seen: &Tree) {
    let found = differences(expected, seen);
    assert!(found.is_empty(), "{what}: {} differences:\n  {}", found.len(), found.join("\n  "));
}

/// All differences, up to a limit. Empty if the trees are equal in every attribute and byte.
pub fn differences(expected: &Tree, seen: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for path in seen.keys().filter(|path| !expected.contains_key(*path)) {
        found.push(format!("{}: should not be there", shown(path)));
    }
    // Hard links: the two trees must group their names in the same way.
    let mut there: BTreeMap<u64, u64> = BTreeMap::new();
    let mut back: BTreeMap<u64, u64> = BTreeMap::new();
    for (path, wanted) in expected {
        let Some(entry) = seen.get(path) else {
            found.push(format!("{}: missing ({:?})", shown(path), wanted.kind));
            continue;
        };
        compare(path, wanted, entry, &mut found);
        let same = *there.entry(wanted.identity).or_insert(entry.identity) == entry.identity;
        let only = *back.entry(entry.identity).or_insert(wanted.identity) == wanted.identity;
        if !same {
            found.push(format!("{}: not the same node as its other names", shown(path)));
        }
        if !only {
            found.push(format!("{}: the same st_ino {} as another node", shown(path), entry.identity));
        }
    }
    found.truncate(LIMIT);
    found
}

fn compare(path: &[u8], wanted: &Entry, entry: &Entry, found: &mut Vec<String>) {
    let mut check = |what: &str, wanted: &dyn Debug, entry: &dyn Debug| {
        let (wanted, entry) = (format!("{wanted:?}"), format!("{entry:?}"));
        if wanted != entry {
            found.push(format!("{}: {what} is {entry}, not {wanted}", shown(path)));
        }
    };
    check("type", &wanted.kind, &entry.kind);
    check("mode", &format_args!("{:o}", wanted.mode), &format_args!("{:o}", entry.mode));
    check("uid", &wanted.uid, &entry.uid);
    check("gid", &wanted.gid, &entry.gid);
    check("mtime", &wanted.mtime, &entry.mtime);
    check("size", &wanted.size, &entry.size);
    check("rdev", &wanted.rdev, &entry.rdev);
    check("nlink", &wanted.nlink, &entry.nlink);
    let names = |entry: &Entry| entry.xattrs.keys().map(|name| shown(name)).collect::<Vec<_>>();
    check("the list of xattrs", &names(wanted), &names(entry));
    for (name, value) in &wanted.xattrs {
        if let Some(other) = entry.xattrs.get(name) {
            check(&format!("xattr {}", shown(name)), &shown(value), &shown(other));
            if value != other && shown(value) == shown(other) {
                check(&format!("value of xattr {}", shown(name)), &"equal", &"different");
            }
        }
    }
    if wanted.data != entry.data {
        let same = wanted.data.iter().zip(entry.data.iter()).take_while(|(a, b)| a == b).count();
        let near = |data: &[u8]| shown(&data[same..data.len().min(same + 16)]);
        found.push(format!(
            "{}: content has {} bytes, not {}, and differs from byte {same}: {}, not {}",
            shown(path),
            entry.data.len(),
            wanted.data.len(),
            near(&entry.data),
            near(&wanted.data),
        ));
    }
}
