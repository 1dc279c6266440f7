//! Detects whether two levels share files. If so, a change of a file's owner or mode in the newer level
//! changed the older one, too.

use std::path::Path;

use crate::format::limits::MAX_DEPTH;
use crate::import::disk::{Directory, FileType};

/// Whether `newer` has a file of `older` under the same name. If linked levels differ little, a few look-ups
/// answer this. Only if all entries differ are all examined.
pub(super) fn any_file(older: &Path, newer: &Path) -> bool {
    let (Ok(older), Ok(newer)) = (Directory::open(older), Directory::open(newer)) else { return false };
    // One folder in both levels, with its names that were not examined yet.
    let pair = |older: Directory, newer: Directory| (older.names().0.into_iter(), older, newer);
    let mut pairs = vec![pair(older, newer)];
    while let Some((names, older, newer)) = pairs.last_mut() {
        let Some(name) = names.next() else {
            pairs.pop();
            continue;
        };
        // The walk reports unreadable entries.
        let Ok(stat) = older.stat(&name) else { continue };
        if stat.kind == FileType::Directory {
            let below = (older.child(&name), newer.child(&name));
            if let (Ok(older), Ok(newer)) = below
                && pairs.len() < MAX_DEPTH
            {
                pairs.push(pair(older, newer));
            }
        } else if stat.links > 1 && newer.stat(&name).is_ok_and(|other| other.id == stat.id) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_common_inode_is_enough() {
        let directory = tempfile::tempdir().unwrap();
        let (older, newer) = (directory.path().join("older"), directory.path().join("newer"));
        for level in [&older, &newer] {
            fs::create_dir_all(level.join("a/b")).unwrap();
            fs::write(level.join("a/b/file"), "copied").unwrap();
            fs::hard_link(level.join("a/b/file"), level.join("a/b/link")).unwrap();
        }
        assert!(!any_file(&older, &newer));
        fs::write(older.join("z"), "linked").unwrap();
        fs::hard_link(older.join("z"), newer.join("other name")).unwrap();
        assert!(!any_file(&older, &newer));
        fs::hard_link(older.join("z"), newer.join("z")).unwrap();
        assert!(any_file(&older, &newer));
        assert!(!any_file(&older, &directory.path().join("gone")));
    }
}
