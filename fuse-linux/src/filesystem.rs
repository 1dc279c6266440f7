//! Answers the requests of FUSE from the view.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use fs_core::format::limits::MAX_NAME;
use fs_core::view::versions::is_numbered;
use fs_core::view::{Inodes, Node, View, ViewError};
use fuser::{
    AccessFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};

use crate::attr::{file_attr, file_type};
use crate::errno::errno;
use crate::settings::{FOR_EVER, negotiate};

/// Lifetime of an answer that may differ next time.
const NOT_AT_ALL: Duration = Duration::ZERO;
/// Lifetime of a canonical name, which disappears only with its snapshot.
const SHORT: Duration = Duration::from_secs(1);

/// Number of offsets used for `.` and `..`, which are 0 and 1.
const DOTS: u64 = 2;

#[derive(Debug)]
pub(crate) struct History {
    view: View,
    inodes: Arc<Inodes>,
    with_acls: bool,
    /// Requests that this kernel can do without.
    needless: InitFlags,
}

impl History {
    /// `with_acls` makes the kernel enforce ACLs for users other than the one who mounts.
    pub(crate) fn new(view: View, inodes: Arc<Inodes>, with_acls: bool) -> Self {
        Self { view, inodes, with_acls, needless: InitFlags::empty() }
    }

    fn node(&self, ino: INodeNo) -> Result<Node, Errno> {
        self.inodes.get(ino.0).map_err(|error| errno(&error))?.ok_or_else(|| {
            log::debug!("nothing has the inode number {ino} any more");
            Errno::ESTALE
        })
    }

    /// The view's answer about the node with this number.
    fn ask<T>(&self, ino: INodeNo, ask: impl FnOnce(&Node) -> Result<T, ViewError>) -> Result<T, Errno> {
        ask(&self.node(ino)?).map_err(|error| errno(&error))
    }
}

/// Whether `name` in `parent` always means the same node. The name of a version does not: it depends on the
/// snapshots.
fn is_fixed(parent: &Node, name: &[u8]) -> bool {
    parent.is_immutable() && !is_numbered(name)
}

/// Cache lifetimes of `name` of `node` in `parent`, and of the node's attributes.
fn lifetimes(parent: &Node, name: &[u8], node: &Node) -> (Duration, Duration) {
    match (is_fixed(parent, name), node.is_immutable()) {
        (true, _) => (FOR_EVER, FOR_EVER),
        (false, true) => (SHORT, FOR_EVER),
        (false, false) => (NOT_AT_ALL, NOT_AT_ALL),
    }
}

impl Filesystem for History {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.needless = config.capabilities();
        negotiate(config, self.with_acls)
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name.len() > MAX_NAME {
            return reply.error(Errno::ENAMETOOLONG);
        }
        let parent = match self.node(parent) {
            Ok(parent) => parent,
            Err(error) => return reply.error(error),
        };
        match self.view.lookup(&parent, name.as_bytes()) {
            Ok(node) => {
                let (of_name, of_attr) = lifetimes(&parent, name.as_bytes(), &node);
                let attr = self.view.attr(&node);
                let attr = file_attr(&attr, self.inodes.remember(&node));
                reply.entry_with_ttls(&of_attr, &of_name, &attr, Generation(0));
            }
            Err(ViewError::NotFound) if is_fixed(&parent, name.as_bytes()) => {
                // The inode number 0 says that the name does not exist, and that the kernel may cache this.
                let nothing = file_attr(&self.view.attr(&parent), 0);
                reply.entry_with_ttls(&FOR_EVER, &FOR_EVER, &nothing, Generation(0));
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn forget(&self, _request: &Request, ino: INodeNo, lookups: u64) {
        self.inodes.forget(ino.0, lookups);
    }

    fn getattr(&self, _request: &Request, ino: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.node(ino) {
            Ok(node) => {
                let lifetime = if node.is_immutable() { FOR_EVER } else { NOT_AT_ALL };
                reply.attr(&lifetime, &file_attr(&self.view.attr(&node), ino.0));
            }
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _request: &Request, ino: INodeNo, reply: ReplyData) {
        match self.ask(ino, |node| self.view.read_link(node).map(<[u8]>::to_vec)) {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _request: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        if self.needless.contains(InitFlags::FUSE_NO_OPEN_SUPPORT) {
            // The kernel sends no further open requests. It then keeps its cache, whose contents never
            // change.
            reply.error(Errno::ENOSYS);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        }
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
        match self.ask(ino, |node| self.view.read(node, offset, size as usize)) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn opendir(&self, _request: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        if self.view.lists_versions {
            // Any listing may change.
            reply.opened(FileHandle(0), FopenFlags::empty());
        } else if self.needless.contains(InitFlags::FUSE_NO_OPENDIR_SUPPORT) {
            // As for files. `watch` invalidates the folders that change.
            reply.error(Errno::ENOSYS);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE);
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
        let listed = self.ask(ino, |node| {
            let mut sent = false;
            for (at, name) in (1..).zip([".", ".."]).skip(offset.min(DOTS) as usize) {
                if reply.add(ino, at, FileType::Directory, name) {
                    return Ok(());
                }
            }
            let listed = self.view.read_directory(node, offset.saturating_sub(DOTS), &mut |entry| {
                let kind = file_type(self.view.attr(&entry.node).kind);
                let ino = INodeNo(self.inodes.number(&entry.node));
                let full = reply.add(ino, entry.next_offset + DOTS, kind, OsStr::from_bytes(entry.name));
                sent |= !full;
                !full
            });
            // An error would discard the entries before it. The next request starts with the error.
            if sent { Ok(()) } else { listed }
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn readdirplus(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let listed = self.ask(ino, |node| {
            let mut sent = false;
            let own = file_attr(&self.view.attr(node), ino.0);
            for (at, name) in (1..).zip([".", ".."]).skip(offset.min(DOTS) as usize) {
                if reply.add(ino, at, name, &NOT_AT_ALL, &own, Generation(0)) {
                    return Ok(());
                }
            }
            let listed = self.view.read_directory(node, offset.saturating_sub(DOTS), &mut |entry| {
                let (of_name, _) = lifetimes(node, entry.name, &entry.node);
                let attr = self.view.attr(&entry.node);
                // Each entry that is sent counts as a look-up.
                let ino = self.inodes.remember(&entry.node);
                let (name, next) = (OsStr::from_bytes(entry.name), entry.next_offset + DOTS);
                let attr = file_attr(&attr, ino);
                let full = reply.add(INodeNo(ino), next, name, &of_name, &attr, Generation(0));
                if full {
                    self.inodes.forget(ino, 1);
                }
                sent |= !full;
                !full
            });
            // An error would discard the entries already counted as sent. The next request starts with the
            // error.
            if sent { Ok(()) } else { listed }
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn lseek(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        // The kernel uses only these two values. Their numbers are from linux/fs.h.
        const SEEK_DATA: i32 = 3;
        const SEEK_HOLE: i32 = 4;
        let (Ok(from), SEEK_DATA | SEEK_HOLE) = (u64::try_from(offset), whence) else {
            return reply.error(Errno::EINVAL);
        };
        let found = self.ask(ino, |node| self.view.seek(node, from, whence == SEEK_HOLE));
        match found.map(|found| found.and_then(|at| i64::try_from(at).ok())) {
            Ok(Some(at)) => reply.offset(at),
            Ok(None) => reply.error(Errno::ENXIO),
            Err(error) => reply.error(error),
        }
    }

    /// Reports the disk of the repository: `df` shows how much room is left for history.
    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        match rustix::fs::statvfs(self.view.repository().root()) {
            Ok(disk) => {
                let block = u32::try_from(disk.f_frsize).unwrap_or(4096);
                let (blocks, free, available) = (disk.f_blocks, disk.f_bfree, disk.f_bavail);
                let longest = u32::try_from(MAX_NAME).unwrap_or(255);
                reply.statfs(blocks, free, available, 0, 0, block, longest, block);
            }
            Err(error) => {
                let folder = self.view.repository().root().display();
                log::error!("cannot tell how much room the disk of {folder} has: {error}");
                reply.error(Errno::from_i32(error.raw_os_error()));
            }
        }
    }

    fn getxattr(&self, _request: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        match self.ask(ino, |node| self.view.xattr(node, name.as_bytes())) {
            Ok(Some(value)) => sized(&value, size, reply),
            Ok(None) => reply.error(Errno::ENODATA),
            Err(error) => reply.error(error),
        }
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        match self.ask(ino, |node| self.view.all_xattrs(node)) {
            Ok(set) => {
                // xattr(7): only privileged users see trusted attributes.
                let visible = |name: &&[u8]| request.uid() == 0 || !name.starts_with(b"trusted.");
                let names: Vec<u8> =
                    set.names().filter(visible).flat_map(|name| [name, b"\0"].concat()).collect();
                sized(&names, size, reply);
            }
            Err(error) => reply.error(error),
        }
    }

    fn access(&self, _request: &Request, _ino: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        // The kernel asks only if no other user than the owner of the mount has access. The owner may see
        // everything.
        reply.error(Errno::ENOSYS);
    }
}

/// Answers with `value`, or with its size if the kernel asked for that.
fn sized(value: &[u8], size: u32, reply: ReplyXattr) {
    match u32::try_from(value.len()) {
        Ok(len) if size == 0 => reply.size(len),
        Ok(len) if len <= size => reply.data(value),
        _ => reply.error(Errno::ERANGE),
    }
}
