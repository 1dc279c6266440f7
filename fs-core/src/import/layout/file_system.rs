//! Identities of file systems. A device number is no identity: after a reboot another file system may have
//! it.

use std::collections::HashMap;
use std::path::Path;

use rustix::fs::statvfs;

use crate::import::disk::lasting_identity;

/// Identities of file systems by device number. Each is looked up once.
#[derive(Debug, Default)]
pub(super) struct FileSystems(HashMap<u64, Box<[u8]>>);

impl FileSystems {
    /// Identity of the file system `device` that holds `folder`. Empty if it has no lasting one.
    pub(super) fn identity(&mut self, folder: &Path, device: u64) -> Box<[u8]> {
        let fsid = || statvfs(folder).ok().map(|told| told.f_fsid);
        let find = || lasting_identity(device, fsid()).unwrap_or_default();
        self.0.entry(device).or_insert_with(find).clone()
    }
}

/// Whether two identities are of one kind and certainly differ.
pub(crate) fn certainly_differ(one: &[u8], other: &[u8]) -> bool {
    one != other && !one.is_empty() && !other.is_empty() && one.get(..5) == other.get(..5)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_system_has_one_identity() {
        let directory = tempfile::tempdir().unwrap();
        let device = fs::metadata(directory.path()).unwrap().dev();
        let mut known = FileSystems::default();
        let first = known.identity(directory.path(), device);
        assert_eq!(known.identity(directory.path(), device), first);
        assert_eq!(FileSystems::default().identity(directory.path(), device), first);
        assert!(first.len() <= 64);
    }

    #[test]
    fn only_identities_of_one_kind_are_compared() {
        assert!(certainly_differ(b"fsid 1", b"fsid 2"));
        for (one, other) in
            [(&b"fsid 1"[..], &b"fsid 1"[..]), (b"", b"fsid 1"), (b"uuid 1", b"fsid 1"), (b"", b"")]
        {
            assert!(!certainly_differ(one, other) && !certainly_differ(other, one), "{one:?} {other:?}");
        }
    }
}
