//! A repository in a folder. `docs/format.md` shows the layout.

mod misplaced;
mod open_packs;

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::misplaced::Misplaced;
use self::open_packs::{OpenPacks, read_range};
use crate::format::FormatError;
use crate::store::backend::folder::Folder;
use crate::store::backend::patience::PATIENCE;
use crate::store::backend::repository_folder::RepositoryFolder;
use crate::store::backend::survey::{self, Exposed};
use crate::store::error::is_of_medium;
use crate::store::index::basis::{Access, Basis, read_config};
use crate::store::layout::{CONFIG, DAMAGED, FOLDERS, LOG, PACKS, SNAPSHOTS, STATE, TAGS, TEMPORARY};
use crate::store::{Backend, Listed, LocalStore, Object, ObjectKind, Put, StoreError};

/// Objects as files below one folder.
#[derive(Debug)]
pub struct LocalBackend {
    folder: Arc<RepositoryFolder>,
    misplaced: Misplaced,
    open: OpenPacks,
    next_temporary: AtomicU64,
}

/// A folder's time may stand still for this long while its content changes: the coarsest clock tick of a
/// common file system (FAT's two seconds).
const COARSEST_TICK: Duration = Duration::from_secs(2);

impl LocalBackend {
    /// The objects in a repository's folder.
    pub fn new(folder: &Arc<RepositoryFolder>) -> Self {
        Self {
            folder: Arc::clone(folder),
            misplaced: Misplaced::default(),
            open: OpenPacks::default(),
            next_temporary: AtomicU64::new(0),
        }
    }

    /// Creates the folders of an empty repository.
    pub fn create_layout(&self) -> Result<(), StoreError> {
        let root = self.root();
        for name in FOLDERS {
            root.make_folder(name)?;
        }
        root.sync()?;
        if let Ok(path) = std::fs::canonicalize(self.folder.path()) {
            // Syncs the name of the repository's folder. A user who cannot open the folder above cannot sync
            // it, so errors are ignored.
            let _ = Folder::open(path.parent().unwrap_or(&path)).and_then(|above| above.sync());
        }
        Ok(())
    }

    /// Whether there are packs or snapshots.
    pub(in crate::store) fn holds_objects(&self) -> Result<bool, StoreError> {
        for kind in [ObjectKind::Snapshot, ObjectKind::Pack] {
            if StoreError::if_there(self.list(kind))?.is_some_and(|names| !names.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn root(&self) -> Arc<Folder> {
        self.folder.current()
    }

    /// Name of a new temporary file.
    fn temporary(&self) -> String {
        format!("{}-{}", std::process::id(), self.next_temporary.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs `work` in the repository's folder. If it fails and the path now leads to another folder, runs it
    /// there: a disk that was away comes back as another folder.
    fn within<T>(&self, work: impl Fn(&Arc<Folder>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let used = self.root();
        PATIENCE.read(|| work(&used)).or_else(|error| {
            self.follow();
            let now = self.root();
            // Another thread may have switched to it.
            if Arc::ptr_eq(&now, &used) { Err(error) } else { work(&now).map_err(|_| error) }
        })
    }

    /// Switches to the folder that the path leads to now.
    fn follow(&self) {
        if self.folder.follow() {
            self.misplaced.forget();
            self.open.close_all();
        }
    }

    /// Runs `work` in the folder that holds the object: its own folder, or the one that holds a misplaced
    /// pack.
    fn at<T>(
        &self,
        root: &Arc<Folder>,
        object: &Object,
        work: impl Fn(&Folder, &str) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = place(root, object).and_then(|(folder, name)| work(&folder, name));
        let may_be_elsewhere = |error: &StoreError| error.is_not_found() && object.kind == ObjectKind::Pack;
        let done = match done {
            Err(error) if may_be_elsewhere(&error) => {
                let folder = self.misplaced.folder_of(root, &object.name);
                folder.and_then(|folder| folder.map_or(Err(error), |folder| work(&folder, &object.name)))
            }
            done => done,
        };
        match done {
            Err(error) if error.is_not_found() => Err(StoreError::Missing(object.clone())),
            done => done,
        }
    }

    /// Opens the object and reads the range that `choose` makes of its size. Also returns the size. A pack
    /// stays open.
    fn read(
        &self,
        object: &Object,
        choose: impl Fn(u64) -> Option<Range<u64>>,
    ) -> Result<(Vec<u8>, u64), StoreError> {
        self.within(|root| {
            self.at(root, object, |folder, name| {
                let file = folder.file(name)?;
                let read = StoreError::io("read", folder.path_of(name));
                let size = file.metadata().map_err(&read)?.len();
                let range = choose(size)
                    .filter(|range| range.end <= size)
                    .ok_or_else(|| StoreError::damaged(|| object)(FormatError::Truncated("object")))?;
                let len = (range.end - range.start) as usize;
                let bytes = read_range(&file, range.start, len).map_err(read)?;
                if object.kind == ObjectKind::Pack {
                    self.open.keep(name, file);
                }
                Ok((bytes, size))
            })
        })
    }
}

/// Opens the repository in the folder at `root`.
pub(in crate::store) fn in_folder(root: &Path, access: Access) -> Result<Basis, StoreError> {
    let not_a_repository = || StoreError::NotARepository(root.to_owned());
    let folder = match RepositoryFolder::open(root) {
        Err(StoreError::Io { source, .. }) if is_no_folder(&source) => return Err(not_a_repository()),
        opened => opened?,
    };
    let backend = LocalBackend::new(&folder);
    let config = match read_config(&backend, &root.display()) {
        Err(StoreError::Missing(_)) if !backend.holds_objects()? => return Err(not_a_repository()),
        config => config?,
    };
    Ok(Basis::new(Arc::new(backend), Some(folder), &config, access))
}

/// Whether the path does not exist, or leads to or through something that is not a folder.
fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns the folder where an object belongs, and its name there.
fn place<'a>(root: &Arc<Folder>, object: &'a Object) -> Result<(Arc<Folder>, &'a str), StoreError> {
    let folder = match object.kind {
        ObjectKind::Config => return Ok((Arc::clone(root), CONFIG)),
        ObjectKind::Pack => root.folder(PACKS)?.folder(fan(&object.name))?,
        ObjectKind::Snapshot => root.folder(SNAPSHOTS)?,
        ObjectKind::Tag => root.folder(TAGS)?,
        ObjectKind::Record => root.folder(LOG)?,
        ObjectKind::Checkpoint => root.folder(STATE)?,
    };
    Ok((Arc::new(folder), &object.name))
}

/// The folder of a pack. Many file systems are slow with 100,000 files in one folder.
fn fan(name: &str) -> &str {
    name.get(..2).unwrap_or_default()
}

/// The folder of packs, and its content.
struct Packs {
    folder: Folder,
    /// The folders in it that hold packs, by their names.
    fans: Vec<(String, Folder)>,
    /// Packs directly in `packs`.
    loose: Vec<Listed>,
}

impl Packs {
    /// Opens all folders of packs. Warns of an entry that has the name of one but is no folder, and skips it.
    fn open(root: &Folder) -> Result<Self, StoreError> {
        let folder = root.folder(PACKS)?;
        let (mut fans, mut loose) = (Vec::new(), Vec::new());
        for entry in folder.listed()? {
            let name = &entry.name;
            if ObjectKind::Pack.is_name(name) {
                loose.push(entry);
            } else if name.len() == 2 {
                match folder.folder(name) {
                    Err(foreign @ StoreError::Foreign { .. }) => log::warn!("{foreign}"),
                    fan => fans.push((entry.name, fan?)),
                }
            }
        }
        Ok(Self { folder, fans, loose })
    }
}

/// Lists a folder that only some versions have.
fn listed_if_there(root: &Folder, name: &str) -> Result<Vec<Listed>, StoreError> {
    StoreError::if_there(root.folder(name))?.map_or(Ok(Vec::new()), |folder| folder.listed())
}

/// Lists a folder without the sizes of its files. The log is listed often, and has many.
fn named_if_there(root: &Folder, name: &str) -> Result<Vec<Listed>, StoreError> {
    let names = StoreError::if_there(root.folder(name))?.map_or(Ok(Vec::new()), |folder| folder.names())?;
    Ok(names.into_iter().map(|name| Listed { name, size: None }).collect())
}

/// Writes a file that will get another name, and makes its bytes durable.
fn write_temporary(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = folder.new_file(name)?;
    let written = file.write(bytes).and_then(|()| file.sync());
    written.map_err(StoreError::io("write", folder.path_of(name)))
}

/// Whether an operation may have succeeded on a server, whose reply was lost.
fn is_of_network(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut
            | ErrorKind::StaleNetworkFileHandle
            | ErrorKind::HostUnreachable
            | ErrorKind::Interrupted
    )
}

impl Backend for LocalBackend {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        let root = self.root();
        let temporary = self.temporary();
        let folder = root.make_folder(TEMPORARY)?;
        let put = || {
            write_temporary(&folder, &temporary, bytes)?;
            // The second folder holds the name of the first one, if that is created on demand.
            let (place, above) = match object.kind {
                ObjectKind::Config => (Arc::clone(&root), None),
                ObjectKind::Snapshot => (Arc::new(root.folder(SNAPSHOTS)?), None),
                ObjectKind::Record => (Arc::new(root.folder(LOG)?), None),
                ObjectKind::Checkpoint => (Arc::new(root.folder(STATE)?), None),
                ObjectKind::Tag => (Arc::new(root.make_folder(TAGS)?), Some(Arc::clone(&root))),
                ObjectKind::Pack => {
                    let packs = Arc::new(root.folder(PACKS)?);
                    (Arc::new(packs.make_folder(fan(&object.name))?), Some(packs))
                }
            };
            let name = if object.kind == ObjectKind::Config { CONFIG } else { &object.name };
            folder.rename(&temporary, &place, name)?;
            place.sync()?;
            // An existing folder may have been created by a writer that was killed before the folder was
            // durable.
            above.map_or(Ok(()), |above| above.sync())
        };
        let published = put();
        self.open.close(&object.name);
        if published.is_err() {
            // Frees the space, in case the disk is full. A failure here does not change the error to report.
            let _ = folder.remove(&temporary);
        }
        published
    }

    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError> {
        let root = self.root();
        let (place, name) = place(&root, object)?;
        let temporary = self.temporary();
        let folder = root.make_folder(TEMPORARY)?;
        let put = || {
            write_temporary(&folder, &temporary, bytes)?;
            let failed = StoreError::io("write", place.path_of(name));
            Ok(match folder.link(&temporary, &place, name) {
                Ok(true) => place.sync().map_or_else(Put::Unknown, |()| Put::Stored),
                Ok(false) => Put::Exists,
                Err(error) if is_of_medium(&error) || is_of_network(&error) => Put::Unknown(failed(error)),
                Err(error) => return Err(failed(error)),
            })
        };
        let published = put();
        let removed = folder.remove(&temporary);
        if published.is_ok() {
            // A name that stays is removed by a later writer.
            removed.unwrap_or_else(|error| log::debug!("{error}"));
        }
        published
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        if object.kind == ObjectKind::Pack
            && let Some(bytes) = self.open.read(&object.name, offset, len)
        {
            return Ok(bytes);
        }
        let (bytes, _) = self.read(object, |_| Some(offset..offset.checked_add(len as u64)?))?;
        Ok(bytes)
    }

    fn get_end(&self, object: &Object, len: usize) -> Result<(Vec<u8>, u64), StoreError> {
        self.read(object, |size| Some(size.saturating_sub(len as u64)..size))
    }

    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        self.within(|root| self.at(root, object, Folder::size))
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.within(|root| match kind {
            ObjectKind::Config => Ok(Vec::new()),
            ObjectKind::Snapshot => root.folder(SNAPSHOTS)?.listed(),
            ObjectKind::Record => named_if_there(root, LOG),
            ObjectKind::Checkpoint => named_if_there(root, STATE),
            ObjectKind::Tag => listed_if_there(root, TAGS),
            ObjectKind::Pack => self.misplaced.list(&Packs::open(root)?),
        })?;
        listed.retain(|object| kind.is_name(&object.name));
        Ok(listed)
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        let root = self.root();
        let removed = self.at(&root, object, |folder, name| {
            folder.remove(name)?;
            folder.sync()
        });
        self.open.close(&object.name);
        if let Err(StoreError::Missing(_)) = removed { Ok(()) } else { removed }
    }

    fn local(&self) -> Option<&dyn LocalStore> {
        Some(self)
    }
}

impl LocalStore for LocalBackend {
    fn quarantine(&self, object: &Object) -> Result<String, StoreError> {
        let root = self.root();
        let name = if object.kind == ObjectKind::Config { CONFIG } else { &object.name };
        let kind = match object.kind {
            ObjectKind::Config => CONFIG,
            ObjectKind::Pack => PACKS,
            ObjectKind::Snapshot => SNAPSHOTS,
            ObjectKind::Tag => TAGS,
            ObjectKind::Record => LOG,
            ObjectKind::Checkpoint => STATE,
        };
        // The name of a new folder becomes durable when its parent is synced.
        let above = root.make_folder(DAMAGED)?;
        root.sync()?;
        let folder = above.make_folder(kind)?;
        above.sync()?;
        let mut free = name.to_owned();
        let mut copy = 1;
        while folder.entry(&free)?.is_some() {
            copy += 1;
            free = format!("{name}.{copy}");
        }
        self.at(&root, object, |from, name| {
            from.rename(name, &folder, &free)?;
            folder.sync()?;
            from.sync()
        })?;
        self.open.close(&object.name);
        Ok(format!("{DAMAGED}/{kind}/{free}"))
    }

    fn sync(&self, kind: ObjectKind) -> Result<(), StoreError> {
        let root = self.root();
        match kind {
            ObjectKind::Config => root.sync(),
            ObjectKind::Snapshot => root.folder(SNAPSHOTS)?.sync(),
            ObjectKind::Record => root.folder(LOG)?.sync(),
            ObjectKind::Checkpoint => root.folder(STATE)?.sync(),
            ObjectKind::Tag => {
                let Some(tags) = StoreError::if_there(root.folder(TAGS))? else { return Ok(()) };
                tags.sync()?;
                // The folder's own name may not be durable yet.
                root.sync()
            }
            ObjectKind::Pack => {
                let packs = Packs::open(&root)?;
                packs.fans.iter().try_for_each(|(_, fan)| fan.sync())?;
                packs.folder.sync()
            }
        }
    }

    fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        // A different folder at the path has other snapshots, even if the open folder can still be read.
        self.follow();
        // A mount asks for the stamp again and again, so a pack that is removed meanwhile soon frees its room.
        self.open.close_all();
        self.within(|root| {
            if let Some(log) = StoreError::if_there(root.folder(LOG))? {
                return Ok(stamp(&log)?.map(u128::from));
            }
            let snapshots = stamp(&root.folder(SNAPSHOTS)?)?;
            let tags = StoreError::if_there(root.folder(TAGS))?;
            let tags = tags.map_or(Ok(Some(0)), |tags| stamp(&tags))?;
            Ok(snapshots.zip(tags).map(|(snapshots, tags)| u128::from(snapshots) << 64 | u128::from(tags)))
        })
    }

    fn misplaced_packs(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.within(|root| self.misplaced.list(&Packs::open(root)?).map(drop))?;
        Ok(self.misplaced.folders())
    }

    fn move_to_own_folder(&self, pack: &str) -> Result<(), StoreError> {
        self.misplaced.move_to_own_folder(&self.root(), pack)
    }

    fn foreign(&self) -> Vec<StoreError> {
        survey::foreign(&self.root())
    }

    fn exposed(&self) -> Exposed {
        survey::exposed(&self.root())
    }
}

/// Returns a stamp that changes whenever the folder's names may have changed; `None` if only a listing can
/// show it.
fn stamp(folder: &Folder) -> Result<Option<u64>, StoreError> {
    let modified = folder.modified()?;
    let settled = SystemTime::now().duration_since(modified).is_ok_and(|age| age > COARSEST_TICK);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(settled.then_some(since.as_nanos() as u64))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn create(path: &Path) -> (LocalBackend, Arc<RepositoryFolder>) {
        let folder = RepositoryFolder::new(Folder::create(path).unwrap().unwrap());
        let backend = LocalBackend::new(&folder);
        backend.create_layout().unwrap();
        (backend, folder)
    }

    /// An open repository whose path now leads to another one.
    fn moved() -> (tempfile::TempDir, LocalBackend, Arc<RepositoryFolder>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("repository");
        let (backend, folder) = create(&path);
        fs::rename(&path, directory.path().join("moved")).unwrap();
        create(&path);
        (directory, backend, folder)
    }

    fn fail(root: &Folder) -> StoreError {
        StoreError::io("read", root.path())(io::Error::other("gone"))
    }

    #[test]
    fn a_thread_tries_the_folder_that_another_has_switched_to() {
        let (_directory, backend, _) = moved();
        let first = backend.root().identity().unwrap();
        let read = backend.within(|root| {
            if root.identity()? == first {
                backend.follow();
                return Err(fail(root));
            }
            root.identity()
        });
        assert_ne!(read.unwrap(), first);
    }

    #[test]
    fn a_pinned_backend_stays_with_its_folder() {
        let (_directory, backend, folder) = moved();
        let first = backend.root().identity().unwrap();
        let pin = folder.pin();
        assert!(backend.within(|root| Err::<(), _>(fail(root))).is_err());
        assert_eq!(backend.root().identity().unwrap(), first);
        drop(pin);
        assert!(backend.within(|root| Err::<(), _>(fail(root))).is_err());
        assert_ne!(backend.root().identity().unwrap(), first);
    }

    #[cfg(unix)]
    #[test]
    fn a_pack_stays_open_until_it_is_cut_or_removed_or_somebody_looks_for_snapshots() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("repository");
        let (backend, _) = create(&path);
        let pack = Object { kind: ObjectKind::Pack, name: "ab".repeat(32) };
        let (file, new) = (path.join("packs/ab").join(&pack.name), directory.path().join("new"));
        let read = || backend.get_range(&pack, 2, 4);
        backend.put(&pack, b"0123456789").unwrap();
        assert_eq!(read().unwrap(), b"2345");
        fs::write(&file, b"0123").unwrap();
        assert!(matches!(read(), Err(StoreError::Damaged { .. })));
        fs::write(&file, b"abcdefgh").unwrap();
        assert_eq!(read().unwrap(), b"cdef");
        fs::write(&new, b"repaired").unwrap();
        fs::rename(&new, &file).unwrap();
        assert_eq!(read().unwrap(), b"cdef");
        backend.snapshots_stamp().unwrap();
        assert_eq!(read().unwrap(), b"pair");
        backend.put(&pack, b"9876543210").unwrap();
        assert_eq!(read().unwrap(), b"7654");
        backend.quarantine(&pack).unwrap();
        assert!(matches!(read(), Err(StoreError::Missing(_))));
    }

    #[test]
    fn conforms() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("repository");
        let (backend, _) = create(&path);
        crate::store::backend::tests::conforms(&backend);
        crate::store::backend::tests::conforms_locally(&backend);
        assert_eq!(fs::read_dir(path.join("tmp")).unwrap().count(), 0);
    }
}
