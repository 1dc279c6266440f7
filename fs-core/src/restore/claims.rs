//! Names that a restore has used, as file systems compare them.
//!
//! If two names are one, the first in the walk wins, even if another thread is faster. A dry run predicts the
//! same.

use std::collections::HashMap;
use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};

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
#[derive(Debug, Default)]
pub(super) struct Claims {
    holders: HashMap<Claim, Holder>,
    hasher: RandomState,
}

impl Claims {
    /// The claim of a name in a folder.
    pub(super) fn of(&self, above: Claim, site: &Site, name: &CStr) -> Claim {
        Claim(self.hasher.hash_one((above.0, site.file_system().fold(name))))
    }

    pub(super) fn holder(&self, claim: Claim) -> Option<Holder> {
        self.holders.get(&claim).copied()
    }

    pub(super) fn give(&mut self, claim: Claim, holder: Holder) {
        self.holders.insert(claim, holder);
    }

    pub(super) fn free(&mut self, claim: Claim) {
        self.holders.remove(&claim);
    }
}
