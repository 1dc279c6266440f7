//! What can happen to a tree between two snapshots.

use proptest::sample::Index;

use super::bytes::Bytes;
use super::content::{Content, Segment};
use super::node::{Attributes, Node};
use super::state::{Id, Path};

/// A change to the model. Its indices choose among the names that suit, whatever those are when it happens.
#[derive(Clone, Debug)]
pub enum Edit {
    Create {
        parent: Index,
        name: Bytes,
        node: Node,
    },
    /// A folder with very many files.
    Crowd {
        parent: Index,
        name: Bytes,
        count: u16,
        mtime: (i64, u32),
    },
    /// Folders within folders.
    Nest {
        parent: Index,
        names: Vec<Bytes>,
        mtime: (i64, u32),
    },
    Rewrite {
        file: Index,
        content: Content,
        mtime: (i64, u32),
        in_place: bool,
    },
    /// Insert a segment, or take one out.
    Splice {
        file: Index,
        at: Index,
        segment: Option<Segment>,
        mtime: (i64, u32),
        in_place: bool,
    },
    Dress {
        node: Index,
        attributes: Attributes,
    },
    Touch {
        node: Index,
        mtime: (i64, u32),
    },
    Move {
        node: Index,
        parent: Index,
        name: Bytes,
    },
    /// A twin: equal in everything, yet another node.
    Copy {
        node: Index,
        parent: Index,
        name: Bytes,
    },
    Link {
        node: Index,
        parent: Index,
        name: Bytes,
    },
    Delete {
        node: Index,
    },
    Retype {
        node: Index,
        into: Node,
    },
}

/// What an edit means on the disk.
#[derive(Debug)]
pub enum Action {
    /// Create this node, in all but its time.
    Make(Path, Id),
    /// Write a file's content anew, into the same node.
    Write(Path, Id),
    /// Set all attributes but the time.
    Dress(Path, Id),
    Move(Path, Path),
    Link(Path, Path),
    /// Remove one name, that of an empty directory or not.
    Remove(Path, bool),
}
