//! Which tree a source belongs to. A source has the history of one tree, so another tree is refused by
//! default.

use std::fs;
use std::path::{Component, Path, PathBuf, Prefix};

use super::disk::{Directory, path_of};
use super::opening::open_existing;
use super::{ImportError, ImportOptions};
use crate::format::{Origin, is_source_name};
use crate::history::{Snapshot, Sources};
use crate::platform::host;
use crate::store::{Repository, StatCache};

/// Files that Docker and Podman create in each container.
const CONTAINER: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// A plain tree, and the source that its snapshots belong to.
pub(super) struct PlainTree<'a> {
    pub(super) source: Vec<u8>,
    /// The absolute path of the tree.
    pub(super) path: PathBuf,
    /// The path that its snapshots record: a frozen copy stands for the tree that it names.
    pub(super) origin: PathBuf,
    options: &'a ImportOptions,
}

impl<'a> PlainTree<'a> {
    /// The tree at this absolute path.
    pub(super) fn new(path: PathBuf, options: &'a ImportOptions) -> Result<Self, ImportError> {
        let origin = options.origin.as_deref().map_or_else(|| path.clone(), path_of);
        let source = options.given_source()?.map_or_else(|| name_of(&origin), |name| Ok(name.to_vec()))?;
        Ok(Self { source, path, origin, options })
    }

    pub(super) fn stat_cache(&self) -> StatCacheKey {
        StatCacheKey::of_tree(&self.source, &self.path, self.options)
    }

    /// Fails unless `last`, the source's last snapshot, is from the plain tree at this path, on this machine
    /// or file system. It also succeeds if the options allow another tree.
    pub(super) fn check(&self, last: &Snapshot, repository: &Repository) -> Result<(), ImportError> {
        let manifest = &last.manifest;
        let is_run = manifest.extensions.run.is_some();
        // An old copy is always elsewhere; the user gives its time and its source.
        let is_old_copy = !is_run && self.options.time.is_some() && self.options.source.is_some();
        let is_path = !is_run && *manifest.origin.path == *recorded_path(&self.origin);
        if self.options.allow_other_tree
            || is_old_copy
            || is_path && (is_here(&manifest.origin) || self.is_same_directory(repository))
        {
            return Ok(());
        }
        let more = if is_run { ", a run of rsnapshot or dirvish" } else { "" };
        Err(other_tree(&self.source, &manifest.origin, more))
    }

    /// Whether this is a recreated container with another host name, in which the last import found the same
    /// directory. Other machines keep their names, and cloned machines have the same file systems.
    fn is_same_directory(&self, repository: &Repository) -> bool {
        let is_container = CONTAINER.iter().any(|mark| Path::new(mark).exists());
        let is_same = || {
            let cache = self.stat_cache().open(repository)?;
            let directory = Directory::open(&self.path).ok()?;
            let (device, inode) = directory.stat_self().ok()?.id;
            Some(cache.root_identity() == (Some(&*directory.file_system(device)), inode))
        };
        is_container && is_same() == Some(true)
    }
}

/// The name that an import of `tree` would give its source.
///
/// # Errors
///
/// If the options name no valid source, and neither does the tree's folder.
pub fn source_name(tree: &Path, options: &ImportOptions) -> Result<Vec<u8>, ImportError> {
    match options.given_source()? {
        Some(name) => Ok(name.to_vec()),
        None => Ok(PlainTree::new(absolute(tree)?, options)?.source),
    }
}

/// Fails if an import of `tree` would be refused because its source has the history of another tree. The tree
/// need not exist yet.
///
/// # Errors
///
/// [`ImportError::OtherTree`] for another tree, and those of [`source_name`].
pub fn check_other_tree(root: &Path, tree: &Path, options: &ImportOptions) -> Result<(), ImportError> {
    let tree = PlainTree::new(expected(tree)?, options)?;
    let Some(repository) = open_existing(root)? else { return Ok(()) };
    let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
    sources.last(&tree.source).map_or(Ok(()), |(_, last)| tree.check(last, &repository))
}

/// The absolute path of an existing tree, without links.
pub(super) fn absolute(tree: &Path) -> Result<PathBuf, ImportError> {
    fs::canonicalize(tree).map_err(|reason| ImportError::Tree { path: tree.to_owned(), reason })
}

/// The absolute path that `tree` has, or will have once it is made.
fn expected(tree: &Path) -> Result<PathBuf, ImportError> {
    let failed = |reason| ImportError::Tree { path: tree.to_owned(), reason };
    let path = std::path::absolute(tree).map_err(failed)?;
    let made = path.ancestors().find_map(|there| {
        let rest = path.strip_prefix(there).ok()?;
        Some(fs::canonicalize(there).ok()?.join(rest))
    });
    // A join with an empty path would add a slash.
    Ok(made.unwrap_or(path).components().collect())
}

/// The default source of the tree at an absolute path: the name of its folder. A root has the name of its
/// drive, where there are several.
fn name_of(path: &Path) -> Result<Vec<u8>, ImportError> {
    let name = match (path.file_name(), path.components().next()) {
        (Some(name), _) => name.as_encoded_bytes().to_vec(),
        (None, Some(Component::Prefix(prefix))) => match prefix.kind() {
            Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => vec![letter],
            _ => b"root".to_vec(),
        },
        (None, _) => b"root".to_vec(),
    };
    if is_source_name(&name) { Ok(name) } else { Err(ImportError::SourceName(path.to_owned())) }
}

/// The key of a stat cache. All imports of one tree have the same, and so have all runs of a source.
#[derive(Debug, Clone)]
pub(crate) struct StatCacheKey {
    pub(super) source: Vec<u8>,
    pub(super) tree: Vec<u8>,
}

impl StatCacheKey {
    /// The key of the tree at this absolute path.
    pub(crate) fn of_tree(source: &[u8], path: &Path, options: &ImportOptions) -> Self {
        let tree = match &options.origin {
            Some(name) => [b"origin ", name.as_slice()].concat(),
            None => [b"tree ", recorded_path(path).as_slice()].concat(),
        };
        Self { source: source.to_vec(), tree }
    }

    /// The key of a source's runs. Any run of a farm may share inodes with any other, wherever the farm is:
    /// the cache itself records the file systems.
    #[cfg(unix)]
    pub(crate) fn of_runs(source: &[u8]) -> Self {
        Self { source: source.to_vec(), tree: b"runs".to_vec() }
    }

    pub(crate) fn open(&self, repository: &Repository) -> Option<StatCache> {
        repository.stat_cache(&self.source, &self.tree)
    }
}

/// Whether the origin is this machine, as far as is known.
pub(super) fn is_here(origin: &Origin) -> bool {
    origin.host.is_empty() || *origin.host == *host()
}

/// The error for a refused tree. `more` is a further remark about the history's tree.
pub(super) fn other_tree(source: &[u8], origin: &Origin, more: &str) -> ImportError {
    let path = path_of(&origin.path);
    let host = if is_here(origin) {
        String::new()
    } else {
        format!(" on {}", String::from_utf8_lossy(&origin.host))
    };
    ImportError::OtherTree {
        name: String::from_utf8_lossy(source).into_owned(),
        whose: format!("{}{host}{more}", path.display()),
    }
}

/// The origin that a snapshot of the tree at this absolute path records.
pub(super) fn origin(tree: &Path) -> Origin {
    Origin { host: host().into(), path: recorded_path(tree).into() }
}

/// The bytes of a tree's absolute path, as its snapshots record them.
pub(super) fn recorded_path(tree: &Path) -> Vec<u8> {
    #[cfg(unix)]
    {
        tree.as_os_str().as_encoded_bytes().to_vec()
    }
    #[cfg(windows)]
    {
        use std::os::windows::ffi::OsStrExt;

        use crate::windows::{names, paths};
        names::plain(&paths::without_verbatim(&tree.as_os_str().encode_wide().collect::<Vec<_>>()))
    }
}
