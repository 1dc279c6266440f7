use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use fuser::{FileAttr, FileType, INodeNo};

/// The content of a folder. A file with several names is held once.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug)]
pub struct Node {
    pub attr: FileAttr,
    /// Bytes of a file, or target of a symbolic link.
    pub content: Vec<u8>,
    /// Entries of a folder, in the order of names.
    pub children: Vec<(OsString, INodeNo)>,
}

impl Tree {
    pub fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let mut known = HashMap::new();
        let mut todo: Vec<(PathBuf, INodeNo)> = vec![(root.to_owned(), tree.add(root)?)];
        while let Some((folder, number)) = todo.pop() {
            let mut children = Vec::new();
            for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                let identity = (metadata.dev(), metadata.ino());
                let number = match known.get(&identity) {
                    Some(number) if metadata.nlink() > 1 && !metadata.is_dir() => *number,
                    _ => tree.add(&entry.path())?,
                };
                known.insert(identity, number);
                if metadata.is_dir() {
                    todo.push((entry.path(), number));
                }
                children.push((entry.file_name(), number));
            }
            children.sort_unstable();
            if let Some(node) = tree.nodes.get_mut(at(number)) {
                node.children = children;
            }
        }
        Ok(tree)
    }

    pub fn get(&self, ino: INodeNo) -> Option<&Node> {
        self.nodes.get(at(ino))
    }

    fn add(&mut self, path: &Path) -> Result<INodeNo> {
        let node = self.read(path).with_context(|| format!("reading {}", path.display()))?;
        let number = node.attr.ino;
        self.nodes.push(node);
        Ok(number)
    }

    fn read(&self, path: &Path) -> Result<Node> {
        let metadata = fs::symlink_metadata(path)?;
        let kind = metadata.file_type();
        let (kind, content) = if kind.is_dir() {
            (FileType::Directory, Vec::new())
        } else if kind.is_file() {
            (FileType::RegularFile, fs::read(path)?)
        } else if kind.is_symlink() {
            (FileType::Symlink, fs::read_link(path)?.into_os_string().into_vec())
        } else if kind.is_fifo() {
            (FileType::NamedPipe, Vec::new())
        } else {
            (FileType::Socket, Vec::new())
        };
        let mtime = time(metadata.mtime(), metadata.mtime_nsec());
        let attr = FileAttr {
            // The inode number of the root is 1.
            ino: INodeNo(self.nodes.len() as u64 + 1),
            size: if kind == FileType::Directory { 0 } else { content.len() as u64 },
            blocks: metadata.blocks(),
            atime: mtime,
            mtime,
            ctime: mtime,
            crtime: mtime,
            kind,
            perm: u16::try_from(metadata.permissions().mode() & 0o7777)?,
            nlink: 1,
            uid: metadata.uid(),
            gid: metadata.gid(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        };
        Ok(Node { attr, content, children: Vec::new() })
    }
}

impl Node {
    pub fn child(&self, name: &OsStr) -> Option<INodeNo> {
        let found = self.children.binary_search_by(|(known, _)| known.as_os_str().cmp(name)).ok()?;
        Some(self.children[found].1)
    }
}

fn at(ino: INodeNo) -> usize {
    usize::try_from(ino.0.wrapping_sub(1)).unwrap_or(usize::MAX)
}

fn time(seconds: i64, nanos: i64) -> SystemTime {
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    UNIX_EPOCH + seconds + Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_and_links_share_a_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("sub/file"), "bytes").unwrap();
        fs::hard_link(path("sub/file"), path("again")).unwrap();
        std::os::unix::fs::symlink("target", path("link")).unwrap();
        let tree = Tree::load(folder.path()).unwrap();
        let root = tree.get(INodeNo(1)).unwrap();
        let child = |node: &Node, name: &str| tree.get(node.child(OsStr::new(name)).unwrap()).unwrap().attr;
        let sub = tree.get(root.child(OsStr::new("sub")).unwrap()).unwrap();
        assert_eq!(child(sub, "file"), child(root, "again"));
        assert_eq!(tree.get(child(sub, "file").ino).unwrap().content, b"bytes");
        assert_eq!(child(root, "link").size, 6);
        assert!(root.child(OsStr::new("none")).is_none() && tree.get(INodeNo(0)).is_none());
    }
}
