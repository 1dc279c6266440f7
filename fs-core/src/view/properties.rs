//! Extended attributes in which a node describes itself. They are answered by name and never listed, so no
//! copy carries them.

use super::ViewError;
use super::filesystem::View;
use super::node::{Node, NodeKind};
use super::unread::lacking_xattrs;

const PREFIX: &[u8] = b"user.yester.";

impl View {
    /// The value of an extended attribute. A stored attribute wins over one that the view provides.
    ///
    /// # Errors
    ///
    /// If the stored attributes cannot be read, whatever the name. [`ViewError::NotRead`] if the attribute is
    /// not stored, and the import could not read all attributes.
    pub fn xattr(&self, node: &Node, name: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let kept = self.xattrs(node)?.get(name).map(<[u8]>::to_vec);
        match kept.or_else(|| self.own(node, name.strip_prefix(PREFIX)?)) {
            None if self.lacks_xattrs(node) => Err(lacking_xattrs()),
            found => Ok(found),
        }
    }

    fn own(&self, node: &Node, name: &[u8]) -> Option<Vec<u8>> {
        let value = match (&node.kind, name) {
            (NodeKind::Virtual(folder), b"source") => return folder.source().map(<[u8]>::to_vec),
            (NodeKind::Directory { tree, .. }, name) => {
                let (id, manifest) = (tree.snapshot.id, &tree.snapshot.manifest);
                match name {
                    b"source" => return Some(manifest.source.to_vec()),
                    b"snapshot" => id.to_string(),
                    b"time" => manifest.time.timestamp().to_string(),
                    b"status" => manifest.status.name().to_owned(),
                    b"tags" => {
                        let sources = self.sources();
                        let tags: Vec<_> = sources.get(&manifest.source)?.tags_of(id).collect();
                        if tags.is_empty() {
                            return None;
                        }
                        tags.join(" ")
                    }
                    _ => return None,
                }
            }
            (NodeKind::Version { .. }, b"version") => format!("{:024x}", node.identity()),
            _ => return None,
        };
        Some(value.into_bytes())
    }
}
