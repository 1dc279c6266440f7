//! A directory tree with every attribute that a backup must keep.

mod compare;
mod folder;
mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use compare::{assert_same, differences};
pub use folder::Folder;
pub use scan::{read_xattrs, scan};

/// A tree, keyed by path: bytes, with components joined by `/`. The root is the empty path.
pub type Tree = BTreeMap<Vec<u8>, Entry>;

/// The type of a node.
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

/// A name of a tree, and its node.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Type of the node.
    pub kind: Kind,
    /// Permission bits, including setuid, setgid and sticky.
    pub mode: u32,
    /// Id of the owner.
    pub uid: u32,
    /// Id of the group.
    pub gid: u32,
    /// Seconds and nanoseconds. Before 1970 the seconds are negative.
    pub mtime: (i64, u32),
    /// Size from `stat`; 0 for all but files and symbolic links.
    pub size: u64,
    /// Content of a file, or target of a symbolic link.
    pub data: Arc<[u8]>,
    /// Device number.
    pub rdev: u64,
    /// Number of names of the node; 0 for directories, for which file systems differ.
    pub nlink: u64,
    /// Equal for all names of one node, different for different nodes. Valid within one tree only.
    pub identity: u64,
    /// All extended attributes, including ACLs.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A name or path in printable form.
pub fn shown(path: &[u8]) -> String {
    let text: String = path.escape_ascii().to_string();
    if text.len() > 120 {
        format!("`{}…` ({} bytes)", &text[..120], path.len())
    } else {
        format!("`{text}`")
    }
}
