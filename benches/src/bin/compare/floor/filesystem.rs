use std::ffi::OsStr;
use std::io;

use fuse_linux::{FOR_EVER, negotiate};
use fuser::{
    Errno, FileHandle, Filesystem, Generation, INodeNo, KernelConfig, LockOwner, OpenFlags, ReplyAttr,
    ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry, ReplyOpen, ReplyXattr, Request,
};

use super::tree::{Node, Tree};

/// A file system that shows a constant tree.
pub struct Floor(pub Tree);

impl Floor {
    fn node(&self, ino: INodeNo) -> Result<&Node, Errno> {
        self.0.get(ino).ok_or(Errno::ESTALE)
    }

    /// The entries of a listing from `offset` on, each with the offset of the next.
    fn entries<'a>(
        &'a self,
        folder: &'a Node,
        offset: u64,
    ) -> impl Iterator<Item = (u64, &'a OsStr, &'a Node)> {
        let dots = [".", ".."].map(|name| (OsStr::new(name), folder));
        let children =
            folder.children.iter().filter_map(|(name, ino)| Some((name.as_os_str(), self.0.get(*ino)?)));
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        (1..).zip(dots.into_iter().chain(children)).skip(skip).map(|(next, (name, node))| (next, name, node))
    }
}

impl Filesystem for Floor {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        negotiate(config, false)
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.node(parent).ok().and_then(|parent| parent.child(name));
        match found.and_then(|ino| self.0.get(ino)) {
            Some(node) => reply.entry(&FOR_EVER, &node.attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _request: &Request, ino: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.node(ino) {
            Ok(node) => reply.attr(&FOR_EVER, &node.attr),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _request: &Request, ino: INodeNo, reply: ReplyData) {
        match self.node(ino) {
            Ok(node) => reply.data(&node.content),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _request: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn opendir(&self, _request: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn read(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.node(ino) {
            Ok(Node { content, .. }) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
                let end = start.saturating_add(size as usize).min(content.len());
                reply.data(&content[start..end]);
            }
            Err(error) => reply.error(error),
        }
    }

    fn readdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let Ok(folder) = self.node(ino) else { return reply.error(Errno::ESTALE) };
        for (next, name, node) in self.entries(folder, offset) {
            if reply.add(node.attr.ino, next, node.attr.kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let Ok(folder) = self.node(ino) else { return reply.error(Errno::ESTALE) };
        for (next, name, node) in self.entries(folder, offset) {
            if reply.add(node.attr.ino, next, name, &FOR_EVER, &node.attr, Generation(0)) {
                break;
            }
        }
        reply.ok();
    }

    fn getxattr(&self, _request: &Request, _ino: INodeNo, _name: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENODATA);
    }

    fn listxattr(&self, _request: &Request, _ino: INodeNo, _size: u32, reply: ReplyXattr) {
        reply.size(0);
    }
}
