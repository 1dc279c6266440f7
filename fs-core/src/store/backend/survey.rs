//! Surveys a repository's folder: entries that do not belong there, and what other users can read or change.

use crate::store::StoreError;
use crate::store::backend::folder::Folder;
use crate::store::layout::{LOCK, PACKS, SNAPSHOTS, STAT_CACHE, TAGS, TEMPORARY};

/// Entries that other users can read or change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposed {
    /// The first such paths, below the repository; empty for the repository itself.
    pub paths: Vec<String>,
    /// Number of all such entries.
    pub count: u64,
    /// Whether other users can change any of them.
    pub can_write: bool,
}

/// Maximum number of paths kept, and of errors reported.
#[cfg(unix)]
const KEPT: usize = 10;
/// Files and folders of a repository that are not objects.
const FILES: [&str; 3] = [LOCK, "watch.lock", "watch.json"];
const FOLDERS: [&str; 5] = [PACKS, SNAPSHOTS, TAGS, TEMPORARY, STAT_CACHE];

/// Errors for entries that have the name of a file or folder of the repository but are of another type.
/// Objects are left out.
pub(in crate::store) fn foreign(root: &Folder) -> Vec<StoreError> {
    let mut found = Vec::new();
    // Other errors are reported when the entry is used.
    let mut note = |result: Result<(), StoreError>| {
        if let Err(foreign @ StoreError::Foreign { .. }) = result {
            found.push(foreign);
        }
    };
    for name in FILES {
        note(root.size(name).map(drop));
    }
    for name in FOLDERS {
        note(root.folder(name).map(drop));
    }
    for (name, is_folder) in [(PACKS, true), (TEMPORARY, false), (STAT_CACHE, false)] {
        let Ok(folder) = root.folder(name) else { continue };
        for name in folder.names().unwrap_or_default() {
            note(if is_folder { fan(&folder, &name) } else { folder.size(&name).map(drop) });
        }
    }
    found
}

/// Entries that other users can read or change.
#[cfg(unix)]
pub(in crate::store) fn exposed(root: &Folder) -> Exposed {
    let (mut exposed, mut unknown) = (Exposed::default(), 0);
    root.exposed(&mut |path, exposure| match exposure {
        Ok(exposure) => {
            exposed.count += 1;
            exposed.can_write |= exposure == crate::store::backend::folder::Exposure::Write;
            if exposed.paths.len() < KEPT {
                exposed.paths.push(path.to_owned());
            }
        }
        Err(error) => {
            unknown += 1;
            if unknown <= KEPT {
                log::warn!("{error}; it is unknown who can access it");
            }
        }
    });
    if unknown > KEPT {
        log::warn!("it is unknown who can access {} further entries", unknown - KEPT);
    }
    exposed
}

/// Reports nothing, as Windows has no modes.
#[cfg(windows)]
pub(in crate::store) fn exposed(_: &Folder) -> Exposed {
    Exposed::default()
}

fn fan(packs: &Folder, name: &str) -> Result<(), StoreError> {
    if name.len() == 2 { packs.folder(name).map(drop) } else { Ok(()) }
}
