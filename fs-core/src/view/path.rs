use super::filesystem::View;
use super::node::Node;
use super::{Source, ViewError};

impl View {
    /// The file at `path` (components separated by `/`, empty ones ignored) in the snapshot of `source` that
    /// `time` means. Symbolic links are not followed.
    pub fn walk(&self, source: &Source, time: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        source.check_lost(time)?;
        let place = source.timeline.resolve(time, jiff::Timestamp::now()).ok_or(ViewError::NotFound)?;
        let snapshot = source.snapshot(place).ok_or(ViewError::NotFound)?;
        let mut node = Node::snapshot(self.keys(), snapshot);
        for name in path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")) {
            node = self.lookup(&node, name)?;
        }
        Ok(node)
    }
}
