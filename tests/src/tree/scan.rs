//! Reads a tree from disk or from a mount.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::{Entry, Folder, Kind, Tree, shown};

/// Reads the whole tree below a folder. The root is the folder itself, or the target if it is a symbolic
/// link.
#[track_caller]
pub fn scan(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let folder = Folder::open(root).unwrap_or_else(|error| panic!("cannot open {}: {error}", root.display()));
    let entry = read(&folder, b".").unwrap_or_else(|error| panic!("cannot read {}: {error}", root.display()));
    tree.insert(Vec::new(), entry);
    if let Err((path, error)) = descend(&folder, &[], &mut tree) {
        panic!("cannot read {} in {}: {error}", shown(&path), root.display());
    }
    tree
}

fn descend(folder: &Folder, path: &[u8], tree: &mut Tree) -> Result<(), (Vec<u8>, io::Error)> {
    let names = folder.names().map_err(|error| (path.to_vec(), error))?;
    for name in names {
        let mut inner = path.to_vec();
        if !inner.is_empty() {
            inner.push(b'/');
        }
        inner.extend(&name);
        let entry = read(folder, &name).map_err(|error| (inner.clone(), error))?;
        let is_directory = entry.kind == Kind::Directory;
        if tree.insert(inner.clone(), entry).is_some() {
            return Err((inner, io::Error::other("the name is listed twice")));
        }
        if is_directory {
            let deeper = folder.enter(&name).map_err(|error| (inner.clone(), error))?;
            descend(&deeper, &inner, tree)?;
        }
    }
    Ok(())
}

fn read(folder: &Folder, name: &[u8]) -> io::Result<Entry> {
    let path = folder.path(name);
    let meta = fs::symlink_metadata(&path)?;
    let of = meta.file_type();
    let kind = if of.is_dir() {
        Kind::Directory
    } else if of.is_file() {
        Kind::File
    } else if of.is_symlink() {
        Kind::Symlink
    } else if of.is_fifo() {
        Kind::Fifo
    } else if of.is_socket() {
        Kind::Socket
    } else if of.is_char_device() {
        Kind::CharDevice
    } else {
        Kind::BlockDevice
    };
    let data = match kind {
        Kind::File => fs::read(&path)?,
        Kind::Symlink => fs::read_link(&path)?.as_os_str().as_bytes().to_vec(),
        _ => Vec::new(),
    };
    let is_device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
    let has_size = matches!(kind, Kind::File | Kind::Symlink);
    Ok(Entry {
        kind,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        mtime: (meta.mtime(), u32::try_from(meta.mtime_nsec()).map_err(io::Error::other)?),
        size: if has_size { meta.size() } else { 0 },
        data: data.into(),
        rdev: if is_device { meta.rdev() } else { 0 },
        nlink: if kind == Kind::Directory { 0 } else { meta.nlink() },
        identity: meta.ino(),
        xattrs: read_xattrs(&path)?,
    })
}

/// All extended attributes of a node. Symbolic links are not followed.
pub fn read_xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut list = vec![0; 65536];
    let length = match rustix::fs::llistxattr(path, list.as_mut_slice()) {
        // The file system has no extended attributes.
        Err(rustix::io::Errno::NOTSUP) => return Ok(BTreeMap::new()),
        length => length?,
    };
    let mut xattrs = BTreeMap::new();
    let mut value = vec![0; 65536];
    for name in list[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice())?;
        xattrs.insert(name.to_vec(), value[..length].to_vec());
    }
    Ok(xattrs)
}
