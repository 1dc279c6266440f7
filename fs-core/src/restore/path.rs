use std::ffi::{CStr, CString};
use std::sync::Arc;

/// An entry's path below the target; without names, the target itself. All entries of a folder share the
/// folder's path.
#[derive(Debug, Clone, Default)]
pub(super) struct RelativePath(Option<Arc<(RelativePath, CString)>>);

impl RelativePath {
    /// The path of the entry `name` in this folder.
    pub(super) fn join(&self, name: CString) -> Self {
        Self(Some(Arc::new((self.clone(), name))))
    }

    /// The folder's path, and the name in it.
    pub(super) fn split(&self) -> Option<(&Self, &CStr)> {
        self.0.as_deref().map(|(folder, name)| (folder, name.as_c_str()))
    }

    /// Equal for clones of one path. Different paths have different addresses as long as both exist.
    pub(super) fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |path| Arc::as_ptr(path).addr())
    }

    /// All names, from the target down.
    pub(super) fn names(&self) -> impl Iterator<Item = &CStr> {
        let mut names = Vec::new();
        let mut at = self;
        while let Some((folder, name)) = at.split() {
            names.push(name);
            at = folder;
        }
        names.into_iter().rev()
    }
}
