//! What `@versions` must hold, found by looking at each snapshot of the model.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fs_tests::tree::{Entry, Folder, Kind, Tree, shown};

/// How the folders of versions differ from what the snapshots say.
pub fn differences(mount: &Path, snapshots: &[(String, Tree)]) -> io::Result<Vec<String>> {
    let mut below: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    for path in snapshots.iter().flat_map(|(_, tree)| tree.keys()).filter(|path| !path.is_empty()) {
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], &path[..]),
        };
        below.entry(folder).or_default().insert(name);
        below.entry(path).or_default();
    }
    let top = Folder::open(&mount.join("@versions"))?;
    let mut found = Vec::new();
    for (path, children) in below.iter().filter(|(path, _)| !path.is_empty()) {
        let (parent, name) = top.reach(path)?;
        let folder = parent.enter(name)?;
        let versions = versions(snapshots, path);
        let expected: BTreeSet<&[u8]> =
            children.iter().copied().chain(versions.iter().map(|name| name.as_bytes())).collect();
        let listed = folder.names()?;
        let listed: BTreeSet<&[u8]> = listed.iter().map(Vec::as_slice).collect();
        if listed != expected {
            let show =
                |names: &BTreeSet<&[u8]>| names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(" ");
            found.push(format!("{}: {} instead of {}", shown(path), show(&listed), show(&expected)));
            continue;
        }
        for name in versions.into_iter().filter(|name| !children.contains(name.as_bytes())) {
            let version = folder.path(name.as_bytes()).symlink_metadata()?;
            let snapshot = Folder::open(&mount.join(name))?;
            let (there, last) = snapshot.reach(path)?;
            if version.ino() != there.path(last).symlink_metadata()?.ino() {
                found.push(format!("{}: {name} is not the node of that snapshot", shown(path)));
            }
        }
    }
    Ok(found)
}

/// The snapshots that are the first to have a version of a path.
fn versions<'a>(snapshots: &'a [(String, Tree)], path: &[u8]) -> Vec<&'a str> {
    let mut seen: Vec<&Entry> = Vec::new();
    let mut names = Vec::new();
    for (name, tree) in snapshots {
        if let Some(entry) = tree.get(path)
            && entry.kind != Kind::Directory
            && !seen.iter().any(|other| same(other, entry))
        {
            seen.push(entry);
            names.push(name.as_str());
        }
    }
    names
}

/// Whether two are one version: how many names they have does not count.
fn same(a: &Entry, b: &Entry) -> bool {
    let plain = |entry: &Entry| Entry { nlink: 0, identity: 0, ..entry.clone() };
    plain(a) == plain(b)
}
