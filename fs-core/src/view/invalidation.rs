use std::sync::Arc;

use super::Scope;
use super::as_of;
use super::filesystem::View;
use super::top::SourceFolder;
use super::virtual_folder::VirtualFolder;
use crate::history::{Source, Sources};

/// An invalidation: a folder whose listing changed. Frontends need it if their kernel keeps listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalidation {
    /// Inode number of the folder.
    pub ino: u64,
    /// Names in the folder that mean nothing, or something else, now.
    pub gone: Vec<Box<[u8]>>,
}

impl View {
    /// Returns the folders that changed since `known`, and sets `known` to the present sources.
    pub fn invalidations(&self, known: &mut Arc<Sources>) -> Vec<Invalidation> {
        let now = self.sources();
        if Arc::ptr_eq(known, &now) {
            return Vec::new();
        }
        let then = std::mem::replace(known, Arc::clone(&now));
        match self.scope() {
            Scope::Source(name) => {
                changed(self.top().ino(), then.get(name), now.get(name)).into_iter().collect()
            }
            Scope::Repository => {
                let folder = |name| SourceFolder(Arc::clone(name)).identity(self.keys()).ino;
                let gone: Vec<_> = then.iter().filter(|source| now.get(&source.name).is_none()).collect();
                let added = now.iter().any(|source| then.get(&source.name).is_none());
                let names = now.iter().chain(gone.iter().copied()).map(|source| &source.name);
                let mut changes: Vec<Invalidation> =
                    names.filter_map(|name| changed(folder(name), then.get(name), now.get(name))).collect();
                if added || !gone.is_empty() {
                    let gone = gone.iter().map(|source| source.name.as_ref().into()).collect();
                    changes.push(Invalidation { ino: self.top().ino(), gone });
                }
                as_of::invalidate(self, &then, &now, &mut changes);
                changes
            }
        }
    }
}

/// Returns the invalidation of the folder `ino` of a source, if its listing changed.
fn changed(ino: u64, then: Option<&Arc<Source>>, now: Option<&Arc<Source>>) -> Option<Invalidation> {
    let list = |source: Option<&Arc<Source>>| -> Vec<(Box<[u8]>, _)> {
        let snapshots = source.into_iter().flat_map(|source| source.snapshots());
        snapshots.map(|(name, snapshot)| (name.as_bytes().into(), snapshot.id)).collect()
    };
    let (then, with) = (list(then), list(now));
    if then == with {
        return None;
    }
    let stays = |name: &[u8], id| now.and_then(|now| now.find(name)).is_some_and(|now| now.id == id);
    let gone = then.into_iter().filter(|(name, id)| !stays(name, *id)).map(|(name, _)| name).collect();
    Some(Invalidation { ino, gone })
}

#[cfg(all(test, unix))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::{Access, Repository};
    use crate::view::filesystem::MAX_AGE;
    use crate::view::fixtures::{add_snapshot, view};

    /// Applies `change` to the repository, and returns the invalidations that follow.
    fn after(view: &View, known: &mut Arc<Sources>, change: impl FnOnce(&Repository)) -> Vec<Invalidation> {
        assert!(view.invalidations(known).is_empty());
        // The view looks for new snapshots only after `MAX_AGE`.
        view.clock().sleep(MAX_AGE);
        change(&Repository::open(view.repository().root(), Access::Write).unwrap());
        view.invalidations(known)
    }

    #[test]
    fn the_folders_in_which_something_appears_change() {
        let (_folder, view) = view(&[(1, 8)], Scope::Repository);
        let mut known = view.sources();
        let folder = |name: &[u8]| view.lookup(&view.top(), name).unwrap().ino();
        let changes = after(&view, &mut known, |repository| add_snapshot(repository, b"source", 2, 9));
        // The day folder shows another snapshot. The folder of the second did not exist before.
        let new = |ino| Invalidation { ino, gone: Vec::new() };
        let of_day = |gone: &[&[u8]]| Invalidation {
            ino: folder(b"@1970-01-01"),
            gone: gone.iter().map(|name| (*name).into()).collect(),
        };
        let second = |name: &[u8]| new(folder(name));
        assert_eq!(changes, [new(folder(b"source")), of_day(&[b"source"]), second(b"@1970-01-01T00-00-02")]);
        let changes = after(&view, &mut known, |repository| add_snapshot(repository, b"other", 3, 9));
        let appeared = [new(folder(b"other")), new(view.top().ino())];
        assert_eq!(changes, [&appeared[..], &[of_day(&[]), second(b"@1970-01-01T00-00-03")]].concat());
        assert!(view.invalidations(&mut known).is_empty());
    }

    #[test]
    fn names_that_are_gone_are_listed() {
        let (_folder, view) = view(&[(1, 8), (2, 9)], Scope::Source(b"source".to_vec()));
        let mut known = view.sources();
        let (name, id) = {
            let (name, snapshot) = known.get(b"source").unwrap().snapshots().next().unwrap();
            (name.as_bytes().to_vec(), snapshot.id)
        };
        let changes = after(&view, &mut known, |repository| {
            repository.reset(&BTreeMap::from([(id, None)])).unwrap();
        });
        assert_eq!(changes, [Invalidation { ino: view.top().ino(), gone: vec![name.into()] }]);
    }
}
