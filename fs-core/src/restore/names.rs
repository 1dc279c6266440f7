use std::ffi::{CStr, CString};
use std::sync::Arc;

/// An entry's path below the target; without names, the target itself. All entries of a folder share the
/// folder's path.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Option<Arc<(Names, CString)>>);

impl Names {
    /// The path of the entry `name` in this folder.
    pub(super) fn with(&self, name: CString) -> Self {
        Self(Some(Arc::new((self.clone(), name))))
    }

    /// The folder's path, and the name in it.
    pub(super) fn split(&self) -> Option<(&Names, &CStr)> {
        self.0.as_deref().map(|(above, name)| (above, name.as_c_str()))
    }

    /// Equal for clones of one path. Different paths have different addresses as long as both exist.
    pub(super) fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |names| Arc::as_ptr(names).addr())
    }

    /// All names, from the target down.
    pub(super) fn down(&self) -> impl Iterator<Item = &CStr> {
        let mut names = Vec::new();
        let mut at = self;
        while let Some((above, name)) = at.split() {
            names.push(name);
            at = above;
        }
        names.into_iter().rev()
    }
}
