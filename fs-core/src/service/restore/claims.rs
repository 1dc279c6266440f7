//! Names that a restore has used, as file systems compare them.
//!
//! Where two names are one, the first in the walk wins, whichever thread is faster, and a dry run knows.

use std::collections::HashMap;
use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};

use super::disk::Site;

/// A path below the target. Equal paths of a file system have equal claims; other claims are equal by
/// chance, one in 2⁶⁴.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Claim(u64);

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A folder, which others are merged with.
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
