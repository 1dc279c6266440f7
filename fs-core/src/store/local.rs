//! A repository in a directory. `docs/format.md` draws its layout.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::disk::{self, NewFile};
use super::patience::PATIENCE;
use super::{Backend, Object, ObjectKind, StoreError};
use crate::format::FormatError;

/// Objects as files below one directory.
#[derive(Debug)]
pub struct LocalBackend {
    root: PathBuf,
    next_temporary: AtomicU64,
}

/// The folder for what was set aside.
const DAMAGED: &str = "damaged";

/// A directory's time may stand still for this long while its content changes: the coarsest clock tick of a
/// common file system (FAT's two seconds).
const COARSEST_TICK: Duration = Duration::from_secs(2);

impl LocalBackend {
    /// The repository at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), next_temporary: AtomicU64::new(0) }
    }

    /// Makes the directories of an empty repository.
    pub fn create_layout(&self) -> Result<(), StoreError> {
        fs::create_dir_all(&self.root).map_err(StoreError::io("create", &self.root))?;
        for directory in [self.packs(), self.snapshots(), self.temporary()] {
            disk::create_directory(&directory).map_err(StoreError::io("create", &directory))?;
        }
        sync_directory(&self.root)?;
        if let Ok(root) = fs::canonicalize(&self.root) {
            // Its own name. Who may not read the folder above cannot do more.
            let _ = sync_directory(root.parent().unwrap_or(&root));
        }
        Ok(())
    }

    /// Removes what an interrupted writer left. Only the holder of the lock may call it.
    pub fn clear_temporary(&self) -> Result<(), StoreError> {
        let directory = self.temporary();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return disk::create_directory(&directory).map_err(StoreError::io("create", &directory));
            }
            entries => entries.map_err(StoreError::io("list", &directory))?,
        };
        for entry in entries {
            let path = entry.map_err(StoreError::io("list", &directory))?.path();
            disk::remove(&path).map_err(StoreError::io("remove", &path))?;
        }
        Ok(())
    }

    fn packs(&self) -> PathBuf {
        self.root.join("packs")
    }

    fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Made for the first tag.
    fn tags(&self) -> PathBuf {
        self.root.join("tags")
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The folders that hold packs.
    fn fans(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut names = Vec::new();
        list_names(&self.packs(), &mut names)?;
        Ok(names.iter().filter(|name| name.len() == 2).map(|name| self.packs().join(name)).collect())
    }

    fn path(&self, object: &Object) -> PathBuf {
        match object.kind {
            ObjectKind::Config => self.root.join("config"),
            // Two levels: many file systems are slow with 100,000 files in one directory.
            ObjectKind::Pack => self.packs().join(object.name.get(..2).unwrap_or("")).join(&object.name),
            ObjectKind::Snapshot => self.snapshots().join(&object.name),
            ObjectKind::Tag => self.tags().join(&object.name),
        }
    }

    /// Reads the bytes in the range that `choose` makes of the object's size, and tells that.
    fn read(
        &self,
        object: &Object,
        choose: impl Fn(u64) -> Option<Range<u64>>,
    ) -> Result<(Vec<u8>, u64), StoreError> {
        PATIENCE.read(|| self.read_once(object, &choose))
    }

    fn read_once(
        &self,
        object: &Object,
        choose: impl Fn(u64) -> Option<Range<u64>>,
    ) -> Result<(Vec<u8>, u64), StoreError> {
        let path = self.path(object);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => return Err(missing_or_io(object, path, error)),
        };
        let size = file.metadata().map_err(StoreError::io("read", &path))?.len();
        let Some(Range { start, end }) = choose(size).filter(|range| range.end <= size) else {
            return Err(StoreError::damaged(|| object)(FormatError::Truncated("object")));
        };
        let mut bytes = vec![0; (end - start) as usize];
        let found = if start == 0 { Ok(0) } else { file.seek(SeekFrom::Start(start)) };
        found.and_then(|_| file.read_exact(&mut bytes)).map_err(StoreError::io("read", &path))?;
        Ok((bytes, size))
    }
}

impl Backend for LocalBackend {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(object);
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.temporary().join(format!("{}-{number}", std::process::id()));
        let written = NewFile::create(&temporary).and_then(|mut file| {
            file.write(bytes)?;
            file.sync()
        });
        let published = written.map_err(StoreError::io("write", &path)).and_then(|()| {
            let directory = path.parent().unwrap_or(&self.root);
            // Where its folder's name is, when that is made on demand.
            let above = match object.kind {
                ObjectKind::Config | ObjectKind::Snapshot => None,
                ObjectKind::Pack => Some(self.packs()),
                ObjectKind::Tag => Some(self.root.clone()),
            };
            if above.is_some() {
                disk::create_directory(directory).map_err(StoreError::io("create", directory))?;
            }
            disk::rename(&temporary, &path).map_err(StoreError::io("write", &path))?;
            sync_directory(directory)?;
            // A folder that is there may have been made by a writer that was killed before it made it durable.
            above.map_or(Ok(()), |above| sync_directory(&above))
        });
        if published.is_err() {
            // Frees a full disk again; a failure here changes nothing about the error to report.
            let _ = disk::remove(&temporary);
        }
        published
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        let (bytes, _) = self.read(object, |_| Some(offset..offset.checked_add(len as u64)?))?;
        Ok(bytes)
    }

    fn get_end(&self, object: &Object, len: usize) -> Result<(Vec<u8>, u64), StoreError> {
        self.read(object, |size| Some(size.saturating_sub(len as u64)..size))
    }

    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        let path = self.path(object);
        PATIENCE.read(|| match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(missing_or_io(object, path.clone(), error)),
        })
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        match kind {
            ObjectKind::Config => {}
            ObjectKind::Snapshot => list_names(&self.snapshots(), &mut names)?,
            ObjectKind::Tag => match list_names(&self.tags(), &mut names) {
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                listed => listed?,
            },
            ObjectKind::Pack => {
                for fan in self.fans()? {
                    list_names(&fan, &mut names)?;
                }
            }
        }
        names.retain(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        Ok(names)
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        let path = self.path(object);
        match disk::remove(&path) {
            Ok(()) => sync_directory(path.parent().unwrap_or(&self.root)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("remove", path)(error)),
        }
    }

    fn set_aside(&self, object: &Object) -> Result<String, StoreError> {
        let path = self.path(object);
        // A new folder's name is made durable by the sync of the one above it.
        let above = self.root.join(DAMAGED);
        let kind = match object.kind {
            ObjectKind::Config => "config",
            ObjectKind::Pack => "packs",
            ObjectKind::Snapshot => "snapshots",
            ObjectKind::Tag => "tags",
        };
        let directory = above.join(kind);
        for (new, above) in [(&above, &self.root), (&directory, &above)] {
            disk::create_directory(new).map_err(StoreError::io("create", new))?;
            sync_directory(above)?;
        }
        let names = (1..).map(|copy| match copy {
            1 => object.name.clone(),
            copy => format!("{}.{copy}", object.name),
        });
        let is_free = |name: &String| {
            let found = fs::symlink_metadata(directory.join(name));
            found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let free = names.into_iter().find(is_free);
        let name = free.unwrap_or_default();
        disk::rename(&path, &directory.join(&name))
            .map_err(|error| missing_or_io(object, path.clone(), error))?;
        sync_directory(&directory)?;
        sync_directory(path.parent().unwrap_or(&self.root))?;
        Ok(format!("{DAMAGED}/{kind}/{name}"))
    }

    fn settle(&self, kind: ObjectKind) -> Result<(), StoreError> {
        match kind {
            ObjectKind::Config => sync_directory(&self.root),
            ObjectKind::Snapshot => sync_directory(&self.snapshots()),
            ObjectKind::Tag => match disk::sync_directory(&self.tags()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(StoreError::io("sync", self.tags())(error)),
                // Its own name may not be durable yet.
                Ok(()) => sync_directory(&self.root),
            },
            ObjectKind::Pack => {
                self.fans()?.iter().try_for_each(|fan| sync_directory(fan))?;
                sync_directory(&self.packs())
            }
        }
    }

    fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        let snapshots = directory_stamp(&self.snapshots())?;
        let tags = match directory_stamp(&self.tags()) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Some(0),
            stamp => stamp?,
        };
        Ok(snapshots.zip(tags).map(|(snapshots, tags)| u128::from(snapshots) << 64 | u128::from(tags)))
    }
}

/// Changes whenever the directory's names may have; `None` when only listing can tell.
fn directory_stamp(directory: &Path) -> Result<Option<u64>, StoreError> {
    let modified = fs::metadata(directory)
        .and_then(|metadata| metadata.modified())
        .map_err(StoreError::io("read", directory))?;
    let settled = SystemTime::now().duration_since(modified).is_ok_and(|age| age > COARSEST_TICK);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(settled.then_some(since.as_nanos() as u64))
}

fn missing_or_io(object: &Object, path: PathBuf, error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::NotFound {
        StoreError::Missing(object.clone())
    } else {
        StoreError::io("open", path)(error)
    }
}

fn list_names(directory: &Path, names: &mut Vec<String>) -> Result<(), StoreError> {
    let listed = PATIENCE.read(|| {
        let entries = fs::read_dir(directory).map_err(StoreError::io("list", directory))?;
        let entries = entries.map(|entry| Ok(entry?.file_name()));
        entries.collect::<Result<Vec<_>, _>>().map_err(StoreError::io("list", directory))
    })?;
    names.extend(listed.into_iter().filter_map(|name| name.into_string().ok()));
    Ok(())
}

pub(super) fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    disk::sync_directory(directory).map_err(StoreError::io("sync", directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        let directory = tempfile::tempdir().unwrap();
        let backend = LocalBackend::new(directory.path().join("repository"));
        backend.create_layout().unwrap();
        super::super::backend::tests::conforms(&backend);
        assert_eq!(fs::read_dir(directory.path().join("repository/tmp")).unwrap().count(), 0);
    }
}
