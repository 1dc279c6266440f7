use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ViewError;
use super::access::without_acl;
use super::attr::{Attr, FileKind};
use super::difference::Changes;
use super::node::{Home, Node, Place, What};
use super::read_ahead::ReadAhead;
use super::versions::Recent;
use crate::format::{Entry, Keys, Kind, Time, XattrSet, Xattrs};
use crate::history::{CHANGES, Snapshot, Source, Sources, VERSIONS, components};
use crate::store::{self, Bytes, CacheSizes, FileReader, LinkTable, Reader, Repository};

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
    /// User and group id of the folders that are in no snapshot.
    pub owner: (u32, u32),
    /// Sizes of the caches.
    pub caches: CacheSizes,
}

/// A read-only file system of all snapshots. It is cheap to clone, and threads share it.
#[derive(Debug, Clone)]
pub struct View {
    shared: Arc<Shared>,
    lists_versions: bool,
    resolves_times: bool,
    is_shared: bool,
    parents: Parents,
}

/// Effect of the directories above a tree in a view for several users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parents {
    /// Excludes from the tree all users whom these directories excluded.
    Close,
    Ignored,
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
    pub fn new(repository: Repository, options: Options) -> Result<Self, ViewError> {
        let stamp = repository.snapshots_stamp()?;
        let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
        let stamp = stamp.filter(|_| !sources.is_incomplete());
        let top = match &options.scope {
            Scope::Repository => What::Root,
            Scope::Source(name) => What::Source(Arc::from(name.as_slice())),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                reader: repository.reader(options.caches),
                repository,
                top: Arc::new(Node::top(top)),
                sources: RwLock::new(Arc::new(sources)),
                checked: Mutex::new(Checked { at: Instant::now(), stamp }),
                read_ahead: ReadAhead::default(),
                recent: Recent::new(options.caches.nodes / 4),
                options,
            }),
            lists_versions: false,
            resolves_times: false,
            is_shared: false,
            parents: Parents::Close,
        })
    }

    /// Returns the same view, in which folders of snapshots list the versions that can be looked up in them,
    /// such as `passwd;3`.
    #[must_use]
    pub fn listing_versions(self) -> Self {
        Self { lists_versions: true, ..self }
    }

    /// Returns the same view, in which a time expression is the folder that it means instead of a link. This
    /// is for systems whose programs handle links badly.
    #[must_use]
    pub fn resolving_times(self) -> Self {
        Self { resolves_times: true, ..self }
    }

    /// Returns the same view for a mount, whose threads must not wait for long.
    #[must_use]
    pub fn for_mount(self) -> Self {
        self.reader().limit_search_waits();
        self
    }

    /// Returns the same view for several users, of whom not everyone may see everything.
    #[must_use]
    pub fn for_many_users(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// Returns the same view, ignoring the directories that were above each tree when it was imported.
    #[must_use]
    pub fn opening_parents(self) -> Self {
        Self { parents: Parents::Ignored, ..self }
    }

    /// Whether folders of snapshots list versions. If they do, their listings change.
    pub fn lists_versions(&self) -> bool {
        self.lists_versions
    }

    pub(super) fn resolves_times(&self) -> bool {
        self.resolves_times
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(super) fn opens_parents(&self) -> bool {
        self.parents == Parents::Ignored
    }

    /// User and group id of the folders that are in no snapshot.
    pub(super) fn owner(&self) -> (u32, u32) {
        self.shared.options.owner
    }

    pub(super) fn recent(&self) -> &Recent {
        &self.shared.recent
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
        if checked.at.elapsed() < age {
            return Ok(());
        }
        checked.at = Instant::now();
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
    pub fn lookup(&self, parent: &Node, name: &[u8]) -> Result<Node, ViewError> {
        let node = self.lookup_itself(parent, name)?;
        match &node.what {
            // The target is a name in the same folder, and no expression.
            What::Alias(target) if self.resolves_times => self.lookup_itself(parent, target),
            _ => Ok(node),
        }
    }

    /// Looks up an entry without following the link of an expression.
    fn lookup_itself(&self, parent: &Node, name: &[u8]) -> Result<Node, ViewError> {
        match &parent.what {
            What::Root => {
                // An unknown name may be a source whose first snapshot was just made, so the newest sources
                // are searched next.
                if let Some(source) = self.sources().get(name) {
                    return Ok(Node::source(self.keys(), &source.name));
                }
                let sources = self.newest_sources();
                match sources.get(name) {
                    Some(source) => Ok(Node::source(self.keys(), &source.name)),
                    None => self.lookup_as_of(&sources, name),
                }
            }
            What::AsOf(time) => self.lookup_in_as_of(time, name),
            What::Changes(changes) => self.lookup_changes(changes, name),
            What::Source(source) if name == CHANGES => Ok(Node::changes_of(self.keys(), source)),
            What::Source(source) if name == VERSIONS => self.versions_folder(source, b""),
            What::Source(source) => {
                if let Some(snapshot) = self.sources().get(source).and_then(|source| source.find(name)) {
                    return Ok(Node::snapshot(self.keys(), snapshot));
                }
                // The name may be that of a snapshot just made. Taken for an expression, it would mean the
                // snapshot before.
                let sources = self.sources_since(Duration::ZERO);
                let source = sources.get(source).ok_or(ViewError::NotFound)?;
                self.lookup_time(source, name)
            }
            What::Directory { snapshot, key, path, entry } => {
                let Kind::Directory(id) = entry.kind else { return Err(ViewError::NotADirectory) };
                let Some(found) = store::find(self.reader(), &id, name)? else {
                    return self.lookup_numbered(snapshot, path, name);
                };
                let path = Arc::clone(path);
                let home = Home { snapshot: snapshot.clone(), directory: *key, path, leaf: found.leaf };
                let place = Place { home, at: found.at as u32 };
                let links = self.links(snapshot);
                Ok(Node::child(self.keys(), links, place, name, found.body(), found.entry()?)?)
            }
            What::Versions { source, path, .. } => self.lookup_in_versions(source, path, name),
            What::Alias(_) | What::Version { .. } => Err(ViewError::NotADirectory),
        }
    }

    fn lookup_time(&self, source: &Source, name: &[u8]) -> Result<Node, ViewError> {
        if let Some(snapshot) = source.find(name) {
            return Ok(Node::snapshot(self.keys(), snapshot));
        }
        let place = source.resolve(name, Timestamp::now())?.ok_or(ViewError::NotFound)?;
        let target = source.timeline.name(place).ok_or(ViewError::NotFound)?;
        Ok(Node::alias(self.keys(), &source.name, name, target.as_bytes()))
    }

    /// Returns the file at `path` in the snapshot of `source` that `time` means. Components are separated by
    /// `/`; empty ones and `.` are ignored. Symbolic links are not followed.
    pub fn walk(&self, source: &Source, time: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        let place = source.resolve(time, Timestamp::now())?.ok_or(ViewError::NotFound)?;
        let snapshot = source.snapshot(place).ok_or(ViewError::NotFound)?;
        let root = Node::snapshot(self.keys(), snapshot);
        components(path).try_fold(root, |node, name| self.lookup(&node, name))
    }

    /// The attributes of a node, as `stat` shows them.
    pub fn attr(&self, node: &Node) -> Attr {
        let attr = self.own_attr(node);
        self.narrowed(node).map_or(attr, |access| self.let_in(attr, access))
    }

    fn own_attr(&self, node: &Node) -> Attr {
        let (entry, nlink) = match &node.what {
            What::Root | What::Source(_) | What::AsOf(_) => return self.folder_attr(node),
            What::Versions { source, access, .. } => {
                return self.versions_attr(self.folder_attr(node), source, *access);
            }
            What::Changes(changes) => match changes.entry() {
                Some(entry) => (entry, 1),
                None => return self.folder_attr(node),
            },
            What::Alias(target) => {
                let attr = self.folder_attr(node);
                return Attr { kind: FileKind::Symlink, mode: 0o777, size: target.len() as u64, ..attr };
            }
            What::Directory { entry, .. } => (entry, 1),
            What::Version { entry, names } => (entry, *names),
        };
        let (blocks, rdev) = match &entry.kind {
            Kind::File { size, holes, .. } => ((size - holes).div_ceil(512), (0, 0)),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => (0, (*major, *minor)),
            _ => (0, (0, 0)),
        };
        Attr {
            ino: node.ino(),
            kind: FileKind::from(&entry.kind),
            size: entry.size(),
            blocks,
            mode: entry.attributes.mode,
            nlink,
            uid: entry.attributes.uid,
            gid: entry.attributes.gid,
            mtime: entry.attributes.mtime,
            rdev,
        }
    }

    /// Attributes of a folder that is in no snapshot. It is as new as the newest snapshot below it.
    fn folder_attr(&self, node: &Node) -> Attr {
        let sources = self.sources();
        let newest = |source: &Arc<Source>| source.snapshots().next_back().map(|(_, s)| s.manifest.time);
        let mtime: Option<Time> = match &node.what {
            What::Source(name) | What::Versions { source: name, .. } => sources.get(name).and_then(newest),
            What::AsOf(name) => Self::time_as_of(&sources, name),
            What::Changes(changes) => match &**changes {
                Changes::Top(source) => sources.get(source).and_then(newest),
                Changes::Between(before, after) => Some(before.manifest.time.max(after.manifest.time)),
                Changes::Both(both) => Some(both.entry().attributes.mtime),
            },
            _ => sources.iter().filter_map(newest).max(),
        };
        let (uid, gid) = self.owner();
        Attr {
            ino: node.ino(),
            kind: FileKind::Directory,
            size: 0,
            blocks: 0,
            mode: 0o755,
            nlink: 1,
            uid,
            gid,
            mtime: mtime.unwrap_or_default(),
            rdev: (0, 0),
        }
    }

    /// Reads `len` bytes of a file at `offset`, or fewer at the end of the file.
    pub fn read(&self, node: &Node, offset: u64, len: usize) -> Result<Bytes, ViewError> {
        let file = self.file(node)?;
        self.shared.read_ahead.note(&file, node.place.as_ref(), offset, len);
        Ok(file.bytes(offset, len)?)
    }

    /// Returns the start of the next data in a file at or after `offset`, as `lseek` does. If `hole` is set,
    /// returns the start of the next hole. `None` if there is none.
    pub fn seek(&self, node: &Node, offset: u64, hole: bool) -> Result<Option<u64>, ViewError> {
        Ok(self.file(node)?.seek(offset, hole)?)
    }

    fn file<'a>(&'a self, node: &'a Node) -> Result<FileReader<'a>, ViewError> {
        match &node.what {
            What::Version { entry: Entry { kind: Kind::File { size, content, .. }, .. }, .. } => {
                Ok(FileReader { reader: self.reader(), content, size: *size })
            }
            What::Root
            | What::Source(_)
            | What::Versions { .. }
            | What::Directory { .. }
            | What::AsOf(_)
            | What::Changes(_) => Err(ViewError::IsADirectory),
            What::Alias(_) | What::Version { .. } => Err(ViewError::WrongKind),
        }
    }

    /// The target of a symbolic link.
    pub fn read_link<'a>(&self, node: &'a Node) -> Result<&'a [u8], ViewError> {
        match &node.what {
            What::Alias(target) | What::Version { entry: Entry { kind: Kind::Symlink(target), .. }, .. } => {
                Ok(target)
            }
            _ => Err(ViewError::WrongKind),
        }
    }

    /// The extended attributes of a node.
    pub fn xattrs(&self, node: &Node) -> Result<XattrSet, ViewError> {
        let entry = match &node.what {
            What::Directory { entry, .. } | What::Version { entry, .. } => Some(entry),
            What::Changes(changes) => changes.entry(),
            What::Root | What::Source(_) | What::Versions { .. } | What::AsOf(_) | What::Alias(_) => None,
        };
        let set = match entry.map_or(&Xattrs::None, |entry| &entry.xattrs) {
            Xattrs::None => XattrSet::default(),
            Xattrs::Inline(set) => set.clone(),
            Xattrs::Blob(id) => self.reader().xattrs(id)?,
        };
        Ok(if self.narrowed(node).is_some() { without_acl(set) } else { set })
    }

    pub(super) fn keys(&self) -> &Keys {
        self.shared.reader.keys()
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    pub(super) fn links<'a>(&'a self, snapshot: &'a Snapshot) -> LinkTable<'a> {
        LinkTable::new(self.reader(), &snapshot.manifest.links, snapshot.manifest.links_len)
    }
}

#[cfg(all(test, unix))]
mod tests;
