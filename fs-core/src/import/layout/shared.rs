//! Detects whether two levels share files. If so, a change of a file's owner or mode in the newer level
//! changed the older one, too.

use std::ffi::CStr;
use std::io;
use std::path::Path;

use crate::format::limits::MAX_DEPTH;
use crate::import::disk::{Directory, FileType};

/// Whether `newer` has a file of `older` under the same name. If linked levels differ little, a few look-ups
/// answer this. Only if all entries differ are all examined.
pub(super) fn any_file(older: &Path, newer: &Path) -> bool {
    let (Ok(older), Ok(newer)) = (Directory::open(older), Directory::open(newer)) else { return false };
    let mut pairs = vec![Pair::new(older, newer)];
    while let Some(pair) = pairs.last_mut() {
        let Some(name) = pair.names.next() else {
            pairs.pop();
            continue;
        };
        match pair.look(&name) {
            Ok(Found::Shared) => return true,
            Ok(Found::Below(below)) if pairs.len() < MAX_DEPTH => pairs.push(*below),
            // The walk reports unreadable entries.
            _ => {}
        }
    }
    false
}

/// One folder in both levels.
struct Pair {
    older: Directory,
    newer: Directory,
    names: std::vec::IntoIter<std::ffi::CString>,
}

enum Found {
    Nothing,
    Shared,
    Below(Box<Pair>),
}

impl Pair {
    fn new(older: Directory, newer: Directory) -> Self {
        let (names, _) = older.names();
        Self { older, newer, names: names.into_iter() }
    }

    fn look(&self, name: &CStr) -> io::Result<Found> {
        let stat = self.older.stat(name)?;
        if stat.kind == FileType::Directory {
            let below = Pair::new(self.older.child(name)?, self.newer.child(name)?);
            return Ok(Found::Below(Box::new(below)));
        }
        let shared = stat.links > 1 && self.newer.stat(name)?.id == stat.id;
        Ok(if shared { Found::Shared } else { Found::Nothing })
    }
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
