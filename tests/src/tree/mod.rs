//! A directory tree in every attribute that a backup must keep.

mod compare;
mod folder;
mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use compare::{assert_same, differences};
pub use folder::Folder;
pub use scan::{read_xattrs, scan};

/// A tree: paths as bytes, components joined by `/`, the root being the empty path.
pub type Tree = BTreeMap<Vec<u8>, Entry>;

/// What kind of node a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the kinds are what POSIX calls them")]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
}

/// One name of a tree, and the node that it stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its type.
    pub kind: Kind,
    /// The permission bits, setuid, setgid and sticky among them.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Seconds and nanoseconds; before 1970 the seconds are negative.
    pub mtime: (i64, u32),
    /// What `stat` says the size is; 0 for all but files and symbolic links.
    pub size: u64,
    /// A file's content, a symbolic link's target.
    pub data: Arc<[u8]>,
    /// A device's number.
    pub rdev: u64,
    /// How many names the node has; 0 for directories, where file systems differ.
    pub nlink: u64,
    /// The same for all names of one node, different for different nodes. Comparable within one tree only.
    pub identity: u64,
    /// All extended attributes, ACLs among them.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A name or path for people.
pub fn shown(path: &[u8]) -> String {
    let text: String = path.escape_ascii().to_string();
    if text.len() > 120 {
        format!("`{}…` ({} bytes)", &text[..120], path.len())
    } else {
        format!("`{text}`")
    }
}
