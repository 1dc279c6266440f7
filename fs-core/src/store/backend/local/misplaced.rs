//! Misplaced packs: packs outside of the folder named by their first two digits. They are used where they
//! are.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use super::{Packs, fan};
use crate::store::backend::folder::Folder;
use crate::store::layout::PACKS;
use crate::store::{Listed, ObjectKind, StoreError};

/// Misplaced packs found by the last listing: from the pack's name to the name of its folder in `packs`. An
/// empty folder name stands for `packs` itself. `None` before the first listing.
#[derive(Debug, Default)]
pub(super) struct Misplaced(RwLock<Option<HashMap<String, String>>>);

impl Misplaced {
    /// The names of all packs, each once. Notes those that are misplaced.
    pub(super) fn list(&self, packs: &Packs) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        let mut elsewhere: HashMap<String, (Listed, String)> =
            packs.loose.iter().map(|pack| (pack.name.clone(), (pack.clone(), String::new()))).collect();
        for (folder, open) in &packs.fans {
            for pack in open.listed()?.into_iter().filter(|pack| ObjectKind::Pack.is_name(&pack.name)) {
                if fan(&pack.name) == folder {
                    listed.push(pack);
                } else {
                    elsewhere.insert(pack.name.clone(), (pack, folder.clone()));
                }
            }
        }
        let mut misplaced = HashMap::new();
        if !elsewhere.is_empty() {
            let in_place: HashSet<&str> = listed.iter().map(|pack| pack.name.as_str()).collect();
            elsewhere.retain(|name, _| !in_place.contains(name.as_str()));
            for (name, (pack, folder)) in elsewhere {
                listed.push(pack);
                misplaced.insert(name, folder);
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(misplaced);
        Ok(listed)
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

    /// The misplaced packs of the last listing, each with the folder that holds it, below the repository.
    pub(super) fn folders(&self) -> Vec<(String, String)> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let below = |place: &String| {
            if place.is_empty() { PACKS.to_owned() } else { format!("{PACKS}/{place}") }
        };
        let mut packs: Vec<_> =
            places.iter().flatten().map(|(name, place)| (name.clone(), below(place))).collect();
        packs.sort_unstable();
        packs
    }

    /// Moves a misplaced pack into its own folder. Durable on return.
    pub(super) fn move_to_own_folder(&self, root: &Folder, name: &str) -> Result<(), StoreError> {
        let Some(from) = self.folder_of(root, name)? else { return Ok(()) };
        let packs = root.folder(PACKS)?;
        let own = packs.make_folder(fan(name))?;
        if own.entry(name)?.is_none() {
            from.rename(name, &own, name)?;
            own.sync()?;
            packs.sync()?;
            from.sync()?;
        }
        Ok(())
    }
}
