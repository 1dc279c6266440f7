//! What else there is in a repository's folder: things that do not belong there, and what other users can get at.

use super::folder::Folder;
use super::local::{PACKS, SNAPSHOTS, TAGS, TEMPORARY};
use super::stat_cache::FOLDER as STAT_CACHE;
use super::{Repository, StoreError};

/// Entries that other users can get at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposed {
    /// Paths below the repository, the first of them; empty for the repository itself.
    pub paths: Vec<String>,
    /// All of them.
    pub count: u64,
    /// Whether some can be changed.
    pub can_write: bool,
}

/// Paths that are kept.
#[cfg(unix)]
const KEPT: usize = 10;
/// Files and folders beside the objects.
const FILES: [&str; 3] = ["lock", "watch.lock", "watch.json"];
const FOLDERS: [&str; 5] = [PACKS, SNAPSHOTS, TAGS, TEMPORARY, STAT_CACHE];

impl Repository {
    /// What has the name of a file or folder of the repository and is none, objects left out.
    pub fn foreign(&self) -> Vec<StoreError> {
        let root = self.local.root();
        let mut found = Vec::new();
        // Other errors are told by whatever needs the entry.
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

    /// What other users can get at.
    #[cfg(unix)]
    pub fn exposed(&self) -> Result<Exposed, StoreError> {
        let mut exposed = Exposed::default();
        self.local.root().exposed("", &mut |path, exposure| {
            exposed.count += 1;
            exposed.can_write |= exposure == super::folder::Exposure::Write;
            if exposed.paths.len() < KEPT {
                exposed.paths.push(path.to_owned());
            }
        })?;
        Ok(exposed)
    }

    /// Nothing is told of systems without modes.
    #[cfg(windows)]
    pub fn exposed(&self) -> Result<Exposed, StoreError> {
        Ok(Exposed::default())
    }
}

fn fan(packs: &Folder, name: &str) -> Result<(), StoreError> {
    if name.len() == 2 { packs.folder(name).map(drop) } else { Ok(()) }
}
