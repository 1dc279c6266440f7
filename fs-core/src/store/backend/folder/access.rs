//! Access of other users to a repository's folder.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;

use cap_std::fs::{MetadataExt as _, OpenOptions};

use super::{Folder, StoreError};

/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Permission bits of group and others, by kind of access.
const READ: u32 = 0o044;
const WRITE: u32 = 0o022;
const ENTER: u32 = 0o011;

/// Levels of folders that a repository has below its own: `packs/xx`, `damaged/packs`. Anyone who can write
/// to it could nest more, and each level takes an open handle and a part of the stack.
const LEVELS: u32 = 2;

/// Receives an entry's path, and its exposure or the error of examining it.
type Report<'a> = dyn FnMut(&str, Result<Exposure, StoreError>) + 'a;

/// Access that other users have to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Other users can read the entry.
    Read,
    /// Other users can change the entry.
    Write,
}

/// Returns the access that users other than `owner` and root have to an entry that they can reach. Access
/// control lists need no extra look: the group bits of the mode are their upper bound.
fn exposure(entry: &cap_std::fs::Metadata, owner: u32) -> Option<Exposure> {
    let mode = entry.mode();
    let is_own = entry.uid() == owner || entry.uid() == 0;
    if mode & WRITE != 0 || !is_own {
        Some(Exposure::Write)
    } else if mode & READ != 0 {
        Some(Exposure::Read)
    } else {
        None
    }
}

impl Folder {
    /// Reports all files and folders that other users can read or change, this one included, with their paths
    /// below it. Skips folders that others cannot enter, and entries deeper than any of a repository. An
    /// entry that cannot be examined is reported with its error, and the others are still examined.
    pub(in crate::store) fn exposed(&self, report: &mut Report<'_>) {
        match self.dir.dir_metadata() {
            Ok(own) => {
                if let Some(exposure) = exposure(&own, own.uid()) {
                    report("", Ok(exposure));
                }
                if own.mode() & ENTER != 0 {
                    self.exposed_below("", own.uid(), LEVELS, report);
                }
            }
            Err(error) => report("", Err(StoreError::io("read", &self.path)(error))),
        }
    }

    fn exposed_below(&self, path: &str, owner: u32, levels: u32, report: &mut Report<'_>) {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => return report(path, Err(error)),
        };
        for name in names {
            let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            match self.exposed_entry(&name, &below, owner, levels, report) {
                // Entries of `tmp` come and go.
                Err(error) if !error.is_not_found() => report(&below, Err(error)),
                _ => {}
            }
        }
    }

    fn exposed_entry(
        &self,
        name: &str,
        path: &str,
        owner: u32,
        levels: u32,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        let Some(entry) = self.entry(name)?.filter(|entry| entry.is_dir() || entry.is_file()) else {
            return Ok(());
        };
        if let Some(exposure) = exposure(&entry, owner) {
            report(path, Ok(exposure));
        }
        if entry.is_dir() && entry.mode() & ENTER != 0 && levels > 0 {
            self.folder(name)?.exposed_below(path, owner, levels - 1, report);
        }
        Ok(())
    }

    /// Removes all access of other users to the folder.
    pub(in crate::store) fn close_to_others(&self) -> Result<(), StoreError> {
        let closed = self.itself().and_then(|folder| folder.set_permissions(Permissions::from_mode(0o700)));
        closed.map_err(StoreError::io("restrict access to", &self.path))
    }

    /// Gives an entry that root has created here to the owner of this folder. Otherwise the owner could no
    /// longer use the repository.
    pub(super) fn give_to_owner(&self, created: &File) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let Ok(own) = self.dir.dir_metadata() else { return };
        if own.uid() != 0
            && let Err(error) = std::os::unix::fs::fchown(created, Some(own.uid()), Some(own.gid()))
        {
            log::debug!("cannot give what was created in {} to its owner: {error}", self.path.display());
        }
    }

    /// Fails if the folder belongs to another user, who could open it to others at any time.
    pub(in crate::store) fn check_owner(&self) -> Result<(), StoreError> {
        let read = StoreError::io("read", &self.path);
        let owner = self.dir.dir_metadata().map_err(&read)?.uid();
        if owner == rustix::process::geteuid().as_raw() {
            return Ok(());
        }
        // On FAT all files have one owner, so a new file shows another user, too. Then the folder is
        // accepted.
        let probe = format!(".yester-{}", std::process::id());
        let file = self.dir.open_with(&probe, OpenOptions::new().write(true).create_new(true));
        let file = file.map_err(StoreError::io("write to", &self.path))?;
        let metadata = file.metadata().map_err(read);
        self.remove(&probe)?;
        if metadata?.uid() == owner {
            return Ok(());
        }
        Err(StoreError::NotYours { path: self.path.clone(), owner })
    }

    /// Fails if this entry is neither a file nor a folder, belongs to another user, or is open to others.
    pub(in crate::store) fn check_private(&self, name: &str) -> Result<(), StoreError> {
        let Some(entry) = self.entry(name)? else { return Ok(()) };
        let root = self.dir.dir_metadata().map_err(StoreError::io("read", &self.path))?;
        let is_ours = entry.is_file() || entry.is_dir();
        if is_ours && entry.uid() == root.uid() && entry.mode() & OTHERS == 0 {
            return Ok(());
        }
        Err(StoreError::NotEmpty(self.path.clone()))
    }
}
