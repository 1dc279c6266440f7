use super::filesystem::View;
use super::node::Node;
use super::{Source, ViewError};

impl View {
    /// Returns the file at `path` in the snapshot of `source` that `time` means. Components are separated by
    /// `/`; empty ones and `.` are ignored. Symbolic links are not followed.
    pub fn walk(&self, source: &Source, time: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        source.check_lost(time)?;
        let place = source.resolve(time, jiff::Timestamp::now()).ok_or(ViewError::NotFound)?;
        let snapshot = source.snapshot(place).ok_or(ViewError::NotFound)?;
        let mut node = Node::snapshot(self.keys(), snapshot);
        for name in components(path) {
            node = self.lookup(&node, name)?;
        }
        Ok(node)
    }
}

/// The path of the entry `name` of the directory `path`.
pub(super) fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// Splits a path without needless slashes into its directory and the name in it.
pub(super) fn parted(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// The components of a path, without empty ones and `.`.
pub fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."))
}
