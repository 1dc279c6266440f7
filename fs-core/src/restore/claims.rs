//! Names that a restore has used, as file systems compare them.
//!
//! If two names are one, the first in the walk wins, even if another thread is faster. A dry run predicts the
//! same.

use std::collections::HashMap;
use std::ffi::CStr;
use std::hash::BuildHasher;

use super::disk::Site;

/// Hash of a path below the target. Paths that are equal to the file system have equal claims. Different
/// paths have equal claims only by chance, one in 2⁶⁴.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Claim(u64);

/// The kind of entry that holds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A folder; other folders of the name are merged with it.
    Folder,
    /// Anything else.
    Entry,
}

/// All names used by a restore.
pub(super) type Claims = HashMap<Claim, Holder>;

impl Claim {
    /// The claim of a name in the folder of this claim. Only claims of one restore can be compared.
    pub(super) fn below(self, claims: &Claims, site: &Site, name: &CStr) -> Self {
        Self(claims.hasher().hash_one((self.0, site.file_system().fold(name))))
    }
}
