//! Creates a repository.

use std::path::Path;
use std::sync::Arc;

use super::backend::folder::Folder;
use super::backend::local::LocalBackend;
use super::backend::lock::{FileLock, WriterLock};
use super::backend::repository_folder::RepositoryFolder;
use super::index::basis::Basis;
use super::index::live::LiveIndex;
use super::layout::{CONFIG, OF_INIT, PACKS, SNAPSHOTS};
use super::random::random;
use super::{Access, Backend, Object, Repository, StoreError};
use crate::format::{Config, RepositoryId, Secret, Version};

impl Repository {
    /// Creates a repository in `root`, a new or empty folder. Other users can never enter it, as snapshots
    /// hold everybody's files.
    pub fn init(root: &Path) -> Result<(), StoreError> {
        let folder = match Folder::create(root)? {
            Some(folder) => {
                // Another user may have replaced it by now.
                check(&folder)?;
                #[cfg(unix)]
                folder.check_owner()?;
                folder
            }
            None => close(root)?,
        };
        let folder = RepositoryFolder::new(folder);
        let backend = LocalBackend::new(&folder);
        backend.create_layout()?;
        let _lock = WriterLock::acquire(&folder, FileLock::acquire)?;
        // Checked again under the lock: another process may have been faster.
        if folder.current().entry(CONFIG)?.is_some() {
            return Err(StoreError::AlreadyExists(root.to_owned()));
        }
        let backend: Arc<dyn Backend> = Arc::new(backend);
        Self::init_on(&backend, Some(folder))
    }

    /// Creates a repository in an empty backend; for `state`, see [`open_on`](Self::open_on). The config is
    /// stored last, so that a backend with a config is a whole repository.
    pub fn init_on(
        backend: &Arc<dyn Backend>,
        state: Option<Arc<RepositoryFolder>>,
    ) -> Result<(), StoreError> {
        let root = state.as_ref().map_or(Path::new(""), |state| state.path()).to_owned();
        match backend.size(&Object::config()) {
            Err(StoreError::Missing(_)) => {}
            size => return Err(size.map_or_else(|error| error, |_| StoreError::AlreadyExists(root))),
        }
        let config = Config {
            version: Version::Two,
            id: RepositoryId(random()?),
            secret: Secret(random()?),
            created: jiff::Timestamp::now().into(),
        };
        LiveIndex::open(Basis::new(Arc::clone(backend), state, &config, Access::Write), true)?;
        backend.put(&Object::config(), &config.encode())
    }
}

/// Opens an existing folder, and closes it to other users.
fn close(root: &Path) -> Result<Folder, StoreError> {
    let folder = Folder::open(root)?;
    check(&folder)?;
    #[cfg(unix)]
    {
        folder.check_owner()?;
        folder.close_to_others()?;
        // Finds what others put there before it was closed.
        check(&folder)?;
    }
    Ok(folder)
}

/// Fails unless the folder is empty or holds only what an interrupted `init` has left.
fn check(folder: &Folder) -> Result<(), StoreError> {
    let names = folder.names()?;
    if names.iter().any(|name| name == CONFIG) {
        return Err(StoreError::AlreadyExists(folder.path().to_owned()));
    }
    // Stored data is unreadable without the secret in its config. A new config would not help.
    for name in [PACKS, SNAPSHOTS] {
        let holds_objects = match folder.folder(name).and_then(|found| found.names()) {
            // A link is refused below.
            Err(StoreError::Foreign { .. }) => false,
            Err(error) if error.is_not_found() => false,
            found => !found?.is_empty(),
        };
        if holds_objects {
            return Err(StoreError::Missing(Object::config()));
        }
    }
    for name in &names {
        if !OF_INIT.contains(&name.as_str()) {
            return Err(StoreError::NotEmpty(folder.path().to_owned()));
        }
        // An entry that others can open would let them read what will be stored.
        #[cfg(unix)]
        folder.check_private(name)?;
    }
    Ok(())
}
