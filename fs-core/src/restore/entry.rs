//! Restores one entry that is no folder.

use std::ffi::CStr;
use std::io;

use super::RelativePath;
use super::claims::Claim;
use super::disk::{self, Existing, FileId, Folder, LostAttribute, Site};
use super::restorer::Restorer;
use crate::format::SnapshotId;
use crate::view::{Attr, FileKind, Node, ViewError};

/// An entry to be created.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: RelativePath,
    pub(super) node: Node,
    pub(super) attr: Attr,
    /// An entry with exactly this name existed before the restore. Only such an entry may be replaced: a file
    /// system may treat other names as equal to those that this restore has created.
    pub(super) existed: bool,
    /// Its path, as the file system compares it.
    pub(super) claim: Claim,
    /// Its position in the walk.
    pub(super) order: u64,
}

/// Identifies a file with several names in a snapshot.
pub(super) type LinkKey = (Option<SnapshotId>, u128);

impl Entry {
    /// The file's identity, if it has other names.
    pub(super) fn link_key(&self) -> Option<LinkKey> {
        let is_shared = self.attr.kind != FileKind::Directory && self.attr.nlink > 1;
        is_shared.then(|| (self.node.snapshot_id(), self.node.identity()))
    }
}

/// A restored name of a file, to which its further names can be linked.
#[derive(Debug, Clone)]
pub(super) struct LinkTarget {
    pub(super) path: RelativePath,
    pub(super) id: Option<FileId>,
    /// Number of names that this restore has given the file.
    pub(super) links: u64,
}

/// The reason why an entry was not restored.
pub(super) enum Failure {
    /// Another entry has its name.
    Exists,
    /// Reading from history failed.
    Read(ViewError),
    /// Writing to the target failed.
    Write(io::Error),
    /// The user asked the restore to stop.
    Cancelled,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Exists,
            _ => Failure::Write(error),
        }
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        Failure::Read(error)
    }
}

/// The lost attributes of a created entry, and the identity of the file unless it is a hard link.
type Created = (Vec<LostAttribute>, Option<FileId>);

/// How to restore an entry.
enum Action {
    /// Create it. With `replace`, it replaces an existing entry.
    Create { replace: bool },
    /// Keep the existing entry.
    Keep(Option<FileId>),
}

impl Restorer<'_> {
    /// Restores an entry in the folder `site`, or predicts the result. `group` are the restored names of the
    /// same file. `is_taken` is true if an earlier entry is known to hold the name.
    pub(super) fn restore(&self, site: &Site, entry: &Entry, group: &[LinkTarget], is_taken: bool) {
        if let Err(failure) = self.try_restore(site, entry, group, is_taken) {
            if !is_taken && !matches!(failure, Failure::Exists) {
                self.state().freed.insert(entry.claim);
            }
            self.report_failure(entry, failure);
        }
    }

    fn try_restore(
        &self,
        site: &Site,
        entry: &Entry,
        group: &[LinkTarget],
        is_taken: bool,
    ) -> Result<(), Failure> {
        let Some((_, name)) = entry.path.split() else { return Ok(()) };
        let action = match site.existing().filter(|_| entry.existed) {
            Some(folder) => self.decide(folder, name, entry, group.last().and_then(|first| first.id))?,
            None => Action::Create { replace: false },
        };
        let replace = match action {
            Action::Create { replace } => replace,
            Action::Keep(id) => {
                self.count_kept(entry, id);
                return Ok(());
            }
        };
        let (lost, id) = match site.existing().filter(|_| !self.options.dry_run) {
            Some(folder) => self.link_or_create(folder, name, entry, group, replace)?,
            None => self.predict(site, name, entry, group, replace, is_taken)?,
        };
        if replace && self.options.dry_run {
            self.monitor.replaces(&self.path_of(&entry.path));
        }
        self.count_created(entry, replace, id);
        self.report_lost(entry.order, &entry.path, lost);
        Ok(())
    }

    /// Decides how to restore an entry whose name existed before. `linked` is the file that it is a hard link
    /// to.
    fn decide(
        &self,
        folder: &Folder,
        name: &CStr,
        entry: &Entry,
        linked: Option<FileId>,
    ) -> Result<Action, Failure> {
        let overwrite = self.options.overwrite;
        let target = match entry.attr.kind {
            FileKind::Symlink => self.view.read_link(&entry.node)?,
            _ => &[],
        };
        let xattrs = self.view.xattrs(&entry.node)?;
        match folder.existing(name, &entry.attr, &xattrs, target)? {
            Existing::Nothing => return Ok(Action::Create { replace: false }),
            Existing::Folder if overwrite => return Err(Failure::Write(io::ErrorKind::IsADirectory.into())),
            Existing::Folder => return Err(Failure::Exists),
            Existing::Different(id) | Existing::Identical(id, _) if linked.is_some() && linked == id => {
                return Ok(Action::Keep(id));
            }
            Existing::Identical(id, file) if linked.is_none() || !overwrite => {
                let is_identical = match file {
                    Some(mut file) => self.has_content(entry, &mut file)?,
                    None => true,
                };
                if is_identical {
                    return Ok(Action::Keep(id));
                }
            }
            Existing::Identical(..) | Existing::Different(_) => {}
        }
        if overwrite { Ok(Action::Create { replace: true }) } else { Err(Failure::Exists) }
    }

    /// Creates a hard link to the last of these names that allows one, else an entry of its own.
    fn link_or_create(
        &self,
        folder: &Folder,
        name: &CStr,
        entry: &Entry,
        group: &[LinkTarget],
        replace: bool,
    ) -> Result<Created, Failure> {
        let mut failed = None;
        for LinkTarget { path, id, .. } in group.iter().rev() {
            let (Some((above, first)), Some(target)) = (path.split(), self.target.existing()) else {
                continue;
            };
            let linked = target
                .below(above)
                .and_then(|above| folder.begin(|folder, name| folder.make_link(name, &above, first, *id)));
            match linked {
                Ok((link, ())) => {
                    link.finish(name, replace)?;
                    return Ok((Vec::new(), None));
                }
                Err(error) => failed = Some(error),
            }
        }
        let (mut lost, id) = self.create(folder, name, entry, replace)?;
        lost.extend(failed.as_ref().map(lost_link));
        Ok((lost, id))
    }

    /// Creates the entry as `name` in `folder`, with all its attributes.
    fn create(&self, folder: &Folder, name: &CStr, entry: &Entry, replace: bool) -> Result<Created, Failure> {
        let Entry { node, attr, .. } = entry;
        let xattrs = self.view.xattrs(node)?;
        if attr.kind == FileKind::File {
            let (temporary, mut file) = folder.begin(|folder, name| folder.make_file(name, &xattrs))?;
            self.write_content(entry, &mut file)?;
            let created = disk::set_file(&file, attr, &xattrs);
            temporary.finish(name, replace)?;
            disk::seal(&file, attr)?;
            return Ok(created);
        }
        let (temporary, ()) = if attr.kind == FileKind::Symlink {
            let target = self.view.read_link(node)?;
            folder.begin(|folder, name| folder.make_symlink(name, target, &xattrs))?
        } else {
            folder.begin(|folder, name| folder.make_special(name, attr))?
        };
        let created = disk::set_unopened(&temporary, attr, &xattrs)?;
        temporary.finish(name, replace)?;
        Ok(created)
    }

    /// Predicts the result of creating the entry in the folder `site`.
    fn predict(
        &self,
        site: &Site,
        name: &CStr,
        entry: &Entry,
        group: &[LinkTarget],
        replace: bool,
        is_taken: bool,
    ) -> Result<Created, Failure> {
        if let Some(folder) = site.existing() {
            // The restore changes the mode of a folder below the target first.
            let is_below = entry.path.split().is_some_and(|(above, _)| above.split().is_some());
            folder.check_writable(self.options.overwrite && is_below)?;
        }
        let check_name = || match site.check_given(name, replace) {
            Ok(()) if is_taken && !entry.existed => Err(Failure::Exists),
            checked => Ok(checked?),
        };
        let mut failed = None;
        for (nth, LinkTarget { path, links, .. }) in group.iter().enumerate().rev() {
            let Some((above, _)) = path.split() else { continue };
            match self.target.below(above).and_then(|first| disk::predict_link(&first, site, *links)) {
                Ok(()) => {
                    check_name()?;
                    self.count_link(entry, nth);
                    return Ok((Vec::new(), None));
                }
                Err(error) => failed = Some(error),
            }
        }
        let (mut lost, id) = disk::predict(site, &entry.attr, &self.view.xattrs(&entry.node)?)?;
        lost.extend(failed.as_ref().map(lost_link));
        check_name()?;
        Ok((lost, id))
    }
}

/// The entry is a copy, because a hard link failed.
fn lost_link(error: &io::Error) -> LostAttribute {
    LostAttribute::new("hard link", format!("it is a copy, as it cannot be linked: {error}"))
}
