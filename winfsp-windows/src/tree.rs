//! Finds nodes by path and lists directories. The case of names does not matter.

mod cache;

use std::sync::Arc;

use fs_core::view::{FileKind, Node, View, ViewError};
use fs_core::windows::attributes::{DosAttributes, NAME};
use fs_core::windows::names::{from_windows, to_windows};

use self::cache::Cache;
use crate::fold::is_same;
use crate::info::Info;
use crate::link::Link;
use crate::listed::{Listed, Offset};
use crate::pattern::Pattern;
use crate::status::Status;

const SEPARATOR: u16 = b'\\' as u16;
const DOT: &[u16] = &[b'.' as u16];
const DOTS: &[u16] = &[b'.' as u16, b'.' as u16];

/// The tree of a drive.
pub struct Tree {
    view: View,
    cache: Cache,
}

/// A file or directory at a path.
#[derive(Debug)]
pub struct Found {
    /// The directories from the top on, and the node itself. Never empty.
    nodes: Vec<Node>,
    /// The path from `\` on, in shown names. Windows caches by path, so a file must have only one.
    pub path: Vec<u16>,
    /// The info for Windows.
    pub info: Info,
    /// The form in which it is shown, if it is a symbolic link.
    pub link: Option<Link>,
}

/// The reason why nothing was found.
#[derive(Debug)]
pub enum Missing {
    /// The path does not exist, or cannot be read.
    Status(Status),
    /// A directory of the path is a link, which Windows must follow.
    Link,
}

/// An entry of a directory, with its shown name.
struct Child {
    name: Vec<u16>,
    node: Node,
}

impl From<ViewError> for Missing {
    fn from(error: ViewError) -> Self {
        Self::Status(error.into())
    }
}

impl Found {
    /// The node at the path.
    pub fn node(&self) -> &Node {
        self.nodes.last().expect("the top at least")
    }
}

impl Tree {
    /// The tree of `view`, in which time expressions become folders.
    pub fn new(mut view: View) -> Self {
        view.resolves_times = true;
        Self { view, cache: Cache::default() }
    }

    /// The view of the tree.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Finds the node at a path such as `\web1\@latest\etc`.
    pub fn find(&self, path: &[u16]) -> Result<Found, Missing> {
        let mut nodes = vec![(*self.view.top()).clone()];
        let mut shown = Vec::with_capacity(path.len());
        let mut names = path.split(|unit| *unit == SEPARATOR).filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            if nodes.len() > 1 {
                self.require_folder(&nodes)?;
            }
            let Some(child) = self.child(&nodes[nodes.len() - 1], name)? else {
                // Windows distinguishes a missing name from a missing directory of the path.
                let status = match names.peek() {
                    None => Status::OBJECT_NAME_NOT_FOUND,
                    Some(_) => Status::OBJECT_PATH_NOT_FOUND,
                };
                return Err(Missing::Status(status));
            };
            shown.push(SEPARATOR);
            shown.extend_from_slice(&child.name);
            nodes.push(child.node);
        }
        if shown.is_empty() {
            shown.push(SEPARATOR);
        }
        let (node, above) = nodes.split_last().expect("the top at least");
        let (info, link) = self.info(above, node)?;
        Ok(Found { nodes, path: shown, info, link })
    }

    /// Fails if the last node is no directory.
    fn require_folder(&self, nodes: &[Node]) -> Result<(), Missing> {
        let (node, above) = nodes.split_last().expect("the top at least");
        match self.view.attr(node).kind {
            FileKind::Directory => Ok(()),
            FileKind::Symlink if self.link(above, node)? != Some(Link::Text) => Err(Missing::Link),
            _ => Err(Missing::Status(Status::OBJECT_PATH_NOT_FOUND)),
        }
    }

    /// The entry of a directory that Windows calls `name`, with its shown name.
    pub fn entry(&self, directory: &Found, name: &[u16]) -> Result<Option<(Vec<u16>, Info)>, ViewError> {
        let Some(child) = self.child(directory.node(), name)? else { return Ok(None) };
        let (info, _) = self.info(&directory.nodes, &child.node)?;
        Ok(Some((child.name, info)))
    }

    /// The entry that is shown by this name, in any case. An entry with exactly this name of its own has no
    /// priority. The driver treats both as one name, and would answer for one from its cache of the other.
    fn child(&self, directory: &Node, name: &[u16]) -> Result<Option<Child>, ViewError> {
        let listed = self.listed(directory)?;
        if let Some((child, ..)) = self.listed_child(directory, &listed, name)? {
            return Ok(Some(child));
        }
        if let Some(at) = name.iter().rposition(|unit| *unit == u16::from(b';')).filter(|at| *at > 0)
            && let Some((child, own, _)) = self.listed_child(directory, &listed, &name[..at])?
        {
            // It may be a version of that entry, such as `;3`.
            let number = &name[at..];
            let Some(bytes) = from_windows(number) else { return Ok(None) };
            let node = found(self.view.lookup(directory, &[own, bytes].concat()))?;
            return Ok(node.map(|node| Child { name: [&*child.name, number].concat(), node }));
        }
        let Some(own) = from_windows(name) else { return Ok(None) };
        if let Some(node) = found(self.view.lookup(directory, &own))? {
            return Ok(Some(Child { name: name.to_vec(), node }));
        }
        // Folders such as `@versions` are not listed.
        if !own.starts_with(b"@") || directory.is_in_snapshot() {
            return Ok(None);
        }
        let own = own.to_ascii_lowercase();
        let node = found(self.view.lookup(directory, &own))?;
        Ok(node.map(|node| Child { name: to_windows(&own), node }))
    }

    /// The entry listed by this name, with its own name, and the offset behind it.
    fn listed_child(
        &self,
        directory: &Node,
        listed: &Listed,
        name: &[u16],
    ) -> Result<Option<(Child, Vec<u8>, Offset)>, ViewError> {
        for offset in listed.find(name) {
            if let Some((own, node, next)) = self.at(directory, offset)? {
                let shown = shown(listed, &own);
                if is_same(&shown, name) {
                    return Ok(Some((Child { name: shown, node }, own, next)));
                }
            }
        }
        Ok(None)
    }

    /// The first entry of a listing from `offset` on, and the offset after it.
    fn at(&self, directory: &Node, offset: Offset) -> Result<Option<(Vec<u8>, Node, Offset)>, ViewError> {
        let mut first = None;
        self.view.read_directory(directory, offset, &mut |entry| {
            first = Some((entry.name.to_vec(), entry.node, entry.next_offset));
            false
        })?;
        Ok(first)
    }

    /// The names of a directory.
    pub fn listed(&self, directory: &Node) -> Result<Arc<Listed>, ViewError> {
        self.cache.get(&self.view, directory, || {
            let mut failed = None;
            let listed = Listed::new(|add| {
                let mut offset = 0;
                let read = self.view.read_directory(directory, 0, &mut |entry| {
                    add(offset, &to_windows(entry.name));
                    offset = entry.next_offset;
                    true
                });
                failed = read.err();
            });
            match failed {
                // No later listing has what the import could not list.
                None | Some(ViewError::NotRead(_)) => Ok((listed, true)),
                // The names behind the damage can still be looked up by their own name. The next listing may
                // succeed.
                Some(ViewError::Store(error)) => {
                    log::error!("{error}");
                    Ok((listed, false))
                }
                Some(error) => Err(error),
            }
        })
    }

    /// Lists a directory from behind the name `after`, or from its beginning, until `emit` returns false.
    /// Returns whether the listing reached the end.
    ///
    /// `listed` must be as it was at the beginning of the listing, so that every returned name is found
    /// again.
    pub fn list(
        &self,
        directory: &Found,
        listed: &Listed,
        after: Option<&[u16]>,
        pattern: Option<&Pattern>,
        emit: &mut dyn FnMut(&[u16], &Info) -> bool,
    ) -> Result<bool, ViewError> {
        let wanted = |name: &[u16]| pattern.is_none_or(|pattern| pattern.matches(name));
        // The top has no folder above it, so it has neither `.` nor `..`.
        if let [.., above, _] = &*directory.nodes {
            let begins = after.is_none();
            if begins && wanted(DOT) && !emit(DOT, &directory.info) {
                return Ok(false);
            }
            let is_next = begins || after == Some(DOT);
            if is_next && wanted(DOTS) && !emit(DOTS, &self.info(&[], above)?.0) {
                return Ok(false);
            }
        }
        let is_dots = |name: &&[u16]| directory.nodes.len() > 1 && [DOT, DOTS].contains(name);
        let offset = match after.filter(|name| !is_dots(name)) {
            None => Some(0),
            Some(name) => self.behind(directory.node(), listed, name)?,
        };
        // The entry has disappeared, so the position behind it is unknown.
        let Some(offset) = offset else { return Ok(true) };
        let (mut full, mut failed) = (false, None);
        let read = self.view.read_directory(directory.node(), offset, &mut |entry| {
            let name = shown(listed, entry.name);
            if !wanted(&name) {
                return true;
            }
            match self.info(&directory.nodes, &entry.node) {
                Ok((info, _)) => full = !emit(&name, &info),
                Err(error) => failed = Some(error),
            }
            !full && failed.is_none()
        });
        read?;
        failed.map_or(Ok(!full), Err)
    }

    /// The offset behind the entry shown as `name`.
    fn behind(&self, directory: &Node, listed: &Listed, name: &[u16]) -> Result<Option<Offset>, ViewError> {
        if let Some((.., next)) = self.listed_child(directory, listed, name)? {
            return Ok(Some(next));
        }
        // A new snapshot, older than others, has changed the offsets.
        let mut found = None;
        self.view.read_directory(directory, 0, &mut |entry| {
            found = is_same(&shown(listed, entry.name), name).then_some(entry.next_offset);
            found.is_none()
        })?;
        Ok(found)
    }

    /// The modes from the top on, each with whether it is a folder's. They decide who may read.
    pub fn modes<'a>(&'a self, file: &'a Found) -> impl Iterator<Item = (u16, bool)> + 'a {
        file.nodes.iter().map(|node| {
            let attr = self.view.attr(node);
            (attr.mode, attr.kind == FileKind::Directory)
        })
    }

    /// Reads a file from `offset` on into the buffer. Returns the number of bytes.
    pub fn read(&self, file: &Found, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        if file.link == Some(Link::Text) {
            let text = self.view.read_link(file.node())?;
            let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            return Ok(len);
        }
        if !matches!(self.view.attr(file.node()).kind, FileKind::File | FileKind::Directory) {
            return Ok(0);
        }
        let bytes = self.view.read(file.node(), offset, buffer.len())?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn info(&self, above: &[Node], node: &Node) -> Result<(Info, Option<Link>), ViewError> {
        let link = self.link(above, node)?;
        // A file is shown even if its attribute cannot be read.
        let dos = self.view.xattr(node, NAME).inspect_err(|error| log::error!("{error}"));
        let dos = dos.ok().flatten().and_then(|value| DosAttributes::decode(&value));
        Ok((Info::new(&self.view.attr(node), dos, link.as_ref()), link))
    }

    fn link(&self, above: &[Node], node: &Node) -> Result<Option<Link>, ViewError> {
        if self.view.attr(node).kind != FileKind::Symlink {
            return Ok(None);
        }
        let naming = |directory: &Node, own: &[u8]| self.listed(directory).map(|names| shown(&names, own));
        let target = match self.view.read_link(node) {
            // It could not be read into the snapshot, so it is a file that cannot be read.
            Err(ViewError::NotRead(_)) => return Ok(Some(Link::Text)),
            target => target?,
        };
        match Link::new(&self.view, above, target, &naming) {
            // What is wrong at its target must hide neither the link nor its siblings.
            Err(error @ (ViewError::Store(_) | ViewError::NotRead(_))) => {
                log::error!("{error}");
                Ok(Some(Link::Text))
            }
            link => link.map(Some),
        }
    }
}

/// The shown name of the entry `own`, given the names of its directory.
fn shown(listed: &Listed, own: &[u8]) -> Vec<u16> {
    let own = to_windows(own);
    listed.renamed(&own).map(<[u16]>::to_vec).unwrap_or(own)
}

/// `None` if the name was not found.
fn found(looked_up: Result<Node, ViewError>) -> Result<Option<Node>, ViewError> {
    match looked_up {
        Ok(node) => Ok(Some(node)),
        Err(ViewError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(all(test, unix))]
mod tests;
