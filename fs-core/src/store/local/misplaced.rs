//! Misplaced packs: packs outside of the folder named by their first two digits. They are used where they
//! are.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use super::{LocalBackend, PACKS, Packs, fan, is_name};
use crate::store::StoreError;
use crate::store::folder::Folder;

/// Misplaced packs found by the last listing: from the pack's name to the name of its folder in `packs`. An
/// empty folder name stands for `packs` itself. `None` before the first listing.
#[derive(Debug, Default)]
pub(super) struct Misplaced(RwLock<Option<HashMap<String, String>>>);

impl Misplaced {
    /// The names of all packs, each once. Notes those that are misplaced.
    pub(super) fn list(&self, packs: &Packs) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let mut misplaced: HashMap<_, _> =
            packs.loose.iter().map(|name| (name.clone(), String::new())).collect();
        for (folder, open) in &packs.fans {
            for name in open.names()?.into_iter().filter(|name| is_name(name)) {
                if fan(&name) == folder {
                    names.push(name);
                } else {
                    misplaced.insert(name, folder.clone());
                }
            }
        }
        if !misplaced.is_empty() {
            let in_place: HashSet<&str> = names.iter().map(String::as_str).collect();
            misplaced.retain(|name, _| !in_place.contains(name.as_str()));
            names.extend(misplaced.keys().cloned());
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(misplaced);
        Ok(names)
    }

    /// The folder that holds a misplaced pack; `None` if no other folder holds it.
    pub(super) fn folder_of(&self, root: &Folder, pack: &str) -> Result<Option<Folder>, StoreError> {
        let known = || {
            let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
            places.as_ref().map(|places| places.get(pack).cloned())
        };
        if known().is_none() {
            self.list(&Packs::open(root)?)?;
        }
        let place = known().flatten();
        let open = |place: String| {
            let packs = root.folder(PACKS)?;
            if place.is_empty() { Ok(packs) } else { packs.folder(&place) }
        };
        place.map(open).transpose()
    }

    /// Forgets what the last listing found.
    pub(super) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl LocalBackend {
    /// The misplaced packs, each with the folder that holds it, below the repository.
    pub(in crate::store) fn misplaced(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.within(|root| self.misplaced.list(&Packs::open(root)?).map(drop))?;
        let places = self.misplaced.0.read().unwrap_or_else(PoisonError::into_inner);
        let below = |place: &String| {
            if place.is_empty() { PACKS.to_owned() } else { format!("{PACKS}/{place}") }
        };
        let mut packs: Vec<_> =
            places.iter().flatten().map(|(name, place)| (name.clone(), below(place))).collect();
        packs.sort_unstable();
        Ok(packs)
    }

    /// Moves a misplaced pack into its own folder. Durable on return.
    pub(in crate::store) fn move_to_own_folder(&self, name: &str) -> Result<(), StoreError> {
        let root = self.root();
        let Some(from) = self.misplaced.folder_of(&root, name)? else { return Ok(()) };
        let packs = root.folder(PACKS)?;
        let home = packs.make_folder(fan(name))?;
        if home.entry(name)?.is_none() {
            from.rename(name, &home, name)?;
            home.sync()?;
            packs.sync()?;
            from.sync()?;
        }
        Ok(())
    }
}
