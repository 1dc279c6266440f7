use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::attr::{Attr, FileKind};
use super::node::{Node, NodeKind, Tree};
use super::read_ahead::ReadAhead;
use super::top::{Root, SourceFolder};
use super::unread::not_read;
use super::versions::Recent;
use super::virtual_folder::{Emit, VirtualFolder};
use super::{DirEntry, ViewError};
use crate::clock::Clock;
use crate::format::{Attributes, Entry, Keys, Kind, Time, XattrSet, Xattrs, acl};
use crate::history::{Source, Sources, components};
use crate::store::{self, Bytes, CacheSizes, DirectoryCursor, FileReader, Reader, Repository, StoreError};

/// The content of a view's top directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A folder for each source.
    Repository,
    /// The snapshots of one source, which need not have any yet.
    Source(Vec<u8>),
}

/// Options of a view.
#[derive(Debug, Clone)]
pub struct Options {
    /// Content of the top directory.
    pub scope: Scope,
    /// Time zone of the names.
    pub zone: TimeZone,
    /// The clock that decides what a time expression means.
    pub clock: Arc<dyn Clock>,
    /// User and group id of the folders that are in no snapshot.
    pub owner: (u32, u32),
    /// Sizes of the caches.
    pub caches: CacheSizes,
}

impl Options {
    /// Options with caches of the usual sizes, and root as the owner.
    pub fn new(scope: Scope, zone: TimeZone, clock: Arc<dyn Clock>) -> Self {
        Self { scope, zone, clock, owner: (0, 0), caches: CacheSizes::default() }
    }
}

/// A read-only file system of all snapshots. It is cheap to clone, and threads share it. A new view has none
/// of the properties below.
///
/// ```
/// use std::sync::Arc;
///
/// use fs_core::clock::SystemClock;
/// use fs_core::store::{Access, Repository};
/// use fs_core::view::{Options, Scope, View};
///
/// # use fs_core::import::{ImportOptions, import_tree};
/// # use fs_core::monitor::{Cancellation, Silent};
/// # let folder = tempfile::tempdir()?;
/// # let (root, tree) = (folder.path().join("repository"), folder.path().join("tree"));
/// # fs_core::service::init(&root)?;
/// # std::fs::create_dir(&tree)?;
/// # std::fs::write(tree.join("file"), "content")?;
/// # import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())?;
/// let options = Options::new(Scope::Repository, jiff::tz::TimeZone::UTC, Arc::new(SystemClock));
/// let mut view = View::new(Repository::open(&root, Access::Read)?, options)?;
/// view.resolves_times = true;
/// let mut node = (*view.top()).clone();
/// for name in ["tree", "@latest", "file"] {
///     node = view.lookup(&node, name.as_bytes())?;
/// }
/// assert_eq!(&*view.read(&node, 3, 100)?, b"tent");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own, named where it is made")]
pub struct View {
    shared: Arc<Shared>,
    /// Folders of snapshots list the versions that can be looked up in them, such as `passwd;3`. So their
    /// listings change.
    pub lists_versions: bool,
    /// A time expression is the folder that it means instead of a link. This is for systems whose programs
    /// handle links badly.
    pub resolves_times: bool,
    /// The view is for several users, of whom not everyone may see everything.
    pub is_shared: bool,
    /// In such a view, the directories that were above a tree when it was imported exclude nobody from it.
    pub opens_parents: bool,
}

#[derive(Debug)]
struct Shared {
    repository: Repository,
    reader: Reader,
    options: Options,
    top: Arc<Node>,
    sources: RwLock<Arc<Sources>>,
    checked: Mutex<Checked>,
    read_ahead: ReadAhead,
    recent: Recent,
}

/// The last query of the repository for its snapshots.
#[derive(Debug)]
struct Checked {
    at: Instant,
    /// Stamp of the repository at that time; `None` if the next query must read the snapshots again.
    stamp: Option<u128>,
}

/// Maximum age of listed snapshots. Nobody notices such a delay, and a busy walk over the folders asks the
/// disk at most ten times a second.
pub(super) const MAX_AGE: Duration = Duration::from_millis(100);

impl View {
    /// Creates a view of `repository`.
    ///
    /// # Errors
    ///
    /// If the snapshots cannot be listed. One that cannot be read is left out.
    pub fn new(repository: Repository, options: Options) -> Result<Self, ViewError> {
        let stamp = repository.snapshots_stamp()?;
        let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
        let stamp = stamp.filter(|_| !sources.is_incomplete());
        let top = match &options.scope {
            Scope::Repository => Node::top(Root),
            Scope::Source(name) => Node::top(SourceFolder(Arc::from(name.as_slice()))),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                reader: repository.reader(options.caches),
                repository,
                top: Arc::new(top),
                sources: RwLock::new(Arc::new(sources)),
                checked: Mutex::new(Checked { at: options.clock.instant(), stamp }),
                read_ahead: ReadAhead::default(),
                recent: Recent::new(options.caches.nodes / 4),
                options,
            }),
            lists_versions: false,
            resolves_times: false,
            is_shared: false,
            opens_parents: false,
        })
    }

    /// Returns the same view for a mount, whose threads must not wait for long.
    #[must_use]
    pub fn for_mount(self) -> Self {
        self.reader().limit_search_waits();
        self
    }

    /// User and group id of the folders that are in no snapshot.
    pub(super) fn owner(&self) -> (u32, u32) {
        self.shared.options.owner
    }

    pub(super) fn recent(&self) -> &Recent {
        &self.shared.recent
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.options.clock
    }

    /// The present time, for which time expressions are resolved.
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// The top directory.
    pub fn top(&self) -> Arc<Node> {
        Arc::clone(&self.shared.top)
    }

    /// Content of the top directory.
    pub fn scope(&self) -> &Scope {
        &self.shared.options.scope
    }

    /// The repository that the view shows.
    pub fn repository(&self) -> &Repository {
        &self.shared.repository
    }

    /// Returns the sources as they were a moment ago, with all their snapshots. If the repository does not
    /// answer, returns the known sources.
    pub fn sources(&self) -> Arc<Sources> {
        self.sources_since(MAX_AGE)
    }

    /// Returns the sources as they were at most `age` ago.
    pub(super) fn sources_since(&self, age: Duration) -> Arc<Sources> {
        if let Err(error) = self.refresh(age) {
            log::error!("cannot look for new snapshots: {error}");
        }
        self.known_sources()
    }

    /// Returns the sources as they are now.
    pub(super) fn newest_sources(&self) -> Arc<Sources> {
        self.sources_since(Duration::ZERO)
    }

    fn known_sources(&self) -> Arc<Sources> {
        Arc::clone(&self.shared.sources.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings the known sources up to date, unless they were checked less than `age` ago.
    fn refresh(&self, age: Duration) -> Result<(), ViewError> {
        // One thread at a time refreshes, so that an older listing never replaces a newer one.
        let mut checked = self.shared.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock().instant();
        if now.saturating_duration_since(checked.at) < age {
            return Ok(());
        }
        checked.at = now;
        let stamp = self.shared.repository.snapshots_stamp()?;
        if stamp.is_some() && stamp == checked.stamp {
            return Ok(());
        }
        let old = self.known_sources();
        let new = Sources::load(&self.shared.repository, &self.shared.options.zone, &old)?;
        checked.stamp = stamp.filter(|_| !new.is_incomplete());
        self.shared.reader.refresh();
        *self.shared.sources.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    /// Looks up the entry `name` of the directory `parent`.
    ///
    /// # Errors
    ///
    /// [`ViewError::NotFound`], [`ViewError::NotADirectory`], and [`ViewError::NotRead`] if the entry may
    /// have existed. [`StoreError::LostSnapshot`] for the name of a lost snapshot.
    pub fn lookup(&self, parent: &Node, name: &[u8]) -> Result<Node, ViewError> {
        let node = self.lookup_itself(parent, name)?;
        match &node.kind {
            // The target is a name in the same folder, and no expression.
            NodeKind::Alias(target) if self.resolves_times => self.lookup_itself(parent, target),
            _ => Ok(node),
        }
    }

    /// Looks up an entry without following the link of an expression.
    fn lookup_itself(&self, parent: &Node, name: &[u8]) -> Result<Node, ViewError> {
        match &parent.kind {
            NodeKind::Virtual(folder) => folder.lookup(self, name),
            NodeKind::Directory { tree, entry } => match store::find(self.reader(), &tree.id, name)? {
                Some(found) => Ok(self.child(tree, &found)?),
                None => self.lookup_absent(tree, entry, name),
            },
            NodeKind::Alias(_) | NodeKind::Version { .. } => Err(ViewError::NotADirectory),
        }
    }

    /// Lists a directory, without `.` and `..`. The listing starts at `offset`: 0, or the `next_offset` of an
    /// entry. It continues until the end, or until `emit` returns false.
    ///
    /// # Errors
    ///
    /// If a part of the directory cannot be read. The entries before it were emitted. [`ViewError::NotRead`]
    /// after the last entry if the import could not list the directory completely.
    pub fn read_directory(&self, node: &Node, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        match &node.kind {
            NodeKind::Virtual(folder) => folder.list(self, offset, emit),
            NodeKind::Directory { tree, entry } => self.list_directory(tree, entry, offset, emit),
            NodeKind::Alias(_) | NodeKind::Version { .. } => Err(ViewError::NotADirectory),
        }
    }

    fn list_directory(
        &self,
        tree: &Tree,
        entry: &Entry,
        offset: u64,
        emit: Emit<'_>,
    ) -> Result<(), ViewError> {
        let mut cursor = DirectoryCursor::new(self.reader().clone(), tree.id, offset);
        let mut next_offset = offset;
        while let Some((leaf, id, at)) = cursor.advance()? {
            next_offset += 1;
            if leaf.is_absent(at) {
                continue;
            }
            let (name, body) = (leaf.name(at), leaf.body(at));
            let entry = leaf.entry(at).map_err(StoreError::damaged(|| format!("directory node {id}")))?;
            let node = Node::child(self, tree.entry_ref(id, at), name, body, entry)?;
            if !emit(DirEntry { name, node, next_offset }) {
                return Ok(());
            }
        }
        if self.lists_versions && !self.list_numbered(tree, next_offset, emit)? {
            return Ok(());
        }
        // A copy of the directory must not look complete.
        self.first_unread(tree, entry)?.map_or(Ok(()), |not_read| Err(ViewError::NotRead(not_read.reason)))
    }

    /// Returns the file at `path` in the snapshot of `source` that `time` means. Components are separated by
    /// `/`; empty ones and `.` are ignored. Symbolic links are not followed.
    ///
    /// # Errors
    ///
    /// Those of [`lookup`](Self::lookup) and of [`Source::resolve`].
    pub fn walk(&self, source: &Source, time: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        let index = source.resolve(time, self.now())?.ok_or(ViewError::NotFound)?;
        let snapshot = source.snapshot(index).ok_or(ViewError::NotFound)?;
        let root = Node::snapshot(self.keys(), snapshot);
        components(path).try_fold(root, |node, name| self.lookup(&node, name))
    }

    /// The attributes of a node, as `stat` shows them.
    pub fn attr(&self, node: &Node) -> Attr {
        let attr = self.own_attr(node);
        let Some(access) = self.narrowed(node) else { return attr };
        let (uid, gid) = access.owner.unwrap_or(self.owner());
        Attr { mode: attr.mode & !0o777 | access.mode, uid, gid, ..attr }
    }

    fn own_attr(&self, node: &Node) -> Attr {
        let ino = node.ino();
        // A node that is in no snapshot.
        let outside = |kind, mode, size, time: Option<Time>| {
            let ((uid, gid), mtime) = (self.owner(), time.unwrap_or_default());
            Attr {
                ino,
                kind,
                size,
                blocks: 0,
                mode,
                nlink: 1,
                uid,
                gid,
                mtime,
                rdev: (0, 0),
                is_unread: false,
            }
        };
        let (entry, nlink) = match &node.kind {
            NodeKind::Virtual(folder) => match folder.entry() {
                Some(entry) => (entry, 1),
                None => return outside(FileKind::Directory, 0o755, 0, folder.time(&self.sources())),
            },
            NodeKind::Alias(target) => {
                // A link is as new as all that may change its meaning.
                let time = Root.time(&self.sources());
                return outside(FileKind::Symlink, 0o777, target.len() as u64, time);
            }
            NodeKind::Directory { entry, .. } => (entry, 1),
            NodeKind::Version { entry, names } => (entry, *names),
        };
        let (blocks, rdev) = match &entry.kind {
            Kind::File { size, holes, .. } => ((size - holes).div_ceil(512), (0, 0)),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => (0, (*major, *minor)),
            _ => (0, (0, 0)),
        };
        let (kind, size) = (FileKind::from(&entry.kind), entry.size());
        let Attributes { mut mode, uid, gid, mtime } = entry.attributes;
        if entry.gaps.xattrs {
            // An ACL may be missing, which closed the entry to some who are in these classes.
            mode &= 0o7700;
        }
        let is_unread = entry.not_read().is_some();
        Attr { ino, kind, size, blocks, mode, nlink, uid, gid, mtime, rdev, is_unread }
    }

    /// Reads `len` bytes of a file at `offset`, or fewer at the end of the file.
    ///
    /// # Errors
    ///
    /// [`ViewError::IsADirectory`] and [`ViewError::WrongKind`] for a node without bytes.
    pub fn read(&self, node: &Node, offset: u64, len: usize) -> Result<Bytes, ViewError> {
        let file = self.file(node)?;
        self.shared.read_ahead.note(&file, node.entry_ref.as_ref(), offset, len);
        Ok(file.bytes(offset, len)?)
    }

    /// Returns the start of the next data in a file at or after `offset`, as `lseek` does. If `hole` is set,
    /// returns the start of the next hole. `None` if there is none.
    pub fn seek(&self, node: &Node, offset: u64, hole: bool) -> Result<Option<u64>, ViewError> {
        Ok(self.file(node)?.seek(offset, hole)?)
    }

    fn file<'a>(&'a self, node: &'a Node) -> Result<FileReader<'a>, ViewError> {
        match &node.kind {
            NodeKind::Version { entry, .. } if entry.not_read().is_some() => Err(not_read(entry)),
            NodeKind::Version { entry: Entry { kind: Kind::File { size, content, .. }, .. }, .. } => {
                Ok(FileReader { reader: self.reader(), content, size: *size })
            }
            NodeKind::Virtual(_) | NodeKind::Directory { .. } => Err(ViewError::IsADirectory),
            NodeKind::Alias(_) | NodeKind::Version { .. } => Err(ViewError::WrongKind),
        }
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    ///
    /// [`ViewError::WrongKind`] for any other node.
    pub fn read_link<'a>(&self, node: &'a Node) -> Result<&'a [u8], ViewError> {
        match &node.kind {
            NodeKind::Version { entry, .. } if entry.not_read().is_some() => Err(not_read(entry)),
            NodeKind::Alias(target)
            | NodeKind::Version { entry: Entry { kind: Kind::Symlink(target), .. }, .. } => Ok(target),
            _ => Err(ViewError::WrongKind),
        }
    }

    /// The extended attributes of a node.
    pub fn xattrs(&self, node: &Node) -> Result<XattrSet, ViewError> {
        let mut set = match node.entry().map_or(&Xattrs::None, |entry| &entry.xattrs) {
            Xattrs::None => XattrSet::default(),
            Xattrs::Inline(set) => set.clone(),
            Xattrs::Blob(id) => self.reader().xattrs(id)?,
        };
        if self.narrowed(node).is_some() {
            // The ACL would override the mode.
            set.remove(acl::ACCESS);
        }
        Ok(set)
    }

    pub(super) fn keys(&self) -> &Keys {
        self.shared.reader.keys()
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.shared.reader
    }
}

#[cfg(all(test, unix))]
mod tests;
