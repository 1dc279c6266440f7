//! Restores one entry that is no folder.

use std::ffi::CStr;
use std::io;

use super::disk::{self, Created, Existing, FileId, Folder, LostAttribute, Site, TemporaryEntry};
use super::entry::{Entry, Failure, LinkTarget};
use super::restorer::Restorer;
use crate::view::FileKind;

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
        let Some((above, name)) = entry.path.split() else { return Ok(()) };
        let dry_run = self.options.dry_run;
        let linked = group.last().and_then(|first| first.id);
        let replace = match site.existing().filter(|_| entry.existed) {
            Some(folder) => self.replaces(folder, name, entry, linked)?,
            None => Some(false),
        };
        let Some(replace) = replace else { return Ok(()) };
        if dry_run && let Some(folder) = site.existing() {
            // The restore changes the mode of a folder below the target first.
            folder.check_writable(self.options.overwrite && above.split().is_some())?;
        }
        // `None` if the folder is planned, or if a dry run must not change it.
        let folder = site.existing().filter(|_| !dry_run);
        let check_name = || match site.check_name(name, replace) {
            Ok(()) if is_taken && !entry.existed => Err(Failure::Exists),
            checked => Ok(checked?),
        };
        let mut failed = None;
        let linked = group.iter().enumerate().rev().find_map(|(nth, first)| {
            let made = self.link(site, first).map_err(|error| failed = Some(error)).ok()?;
            Some((nth, made))
        });
        let (lost, id) = match (linked, folder) {
            (Some((_, Some(link))), _) => {
                link.finish(name, replace)?;
                (Vec::new(), None)
            }
            (Some((nth, None)), _) => {
                check_name()?;
                self.count_link(entry, nth);
                (Vec::new(), None)
            }
            (None, Some(folder)) => with_lost_link(self.create(folder, name, entry, replace)?, failed),
            (None, None) => {
                let predicted = disk::predict(site, &entry.attr, &self.view.xattrs(&entry.node)?)?;
                check_name()?;
                with_lost_link(predicted, failed)
            }
        };
        if replace && dry_run {
            self.monitor.replaces(&self.path_of(&entry.path));
        }
        self.count_created(entry, replace, id);
        self.report_lost(entry.order, &entry.path, lost);
        Ok(())
    }

    /// Whether an entry whose name existed before replaces the existing one. Returns `None` if the existing
    /// one is kept, and counts it. `linked` is the file that it is a hard link to.
    fn replaces(
        &self,
        folder: &Folder,
        name: &CStr,
        entry: &Entry,
        linked: Option<FileId>,
    ) -> Result<Option<bool>, Failure> {
        let overwrite = self.options.overwrite;
        let target = match entry.attr.kind {
            FileKind::Symlink => self.view.read_link(&entry.node)?,
            _ => &[],
        };
        let xattrs = self.view.xattrs(&entry.node)?;
        let kept = match folder.existing(name, &entry.attr, &xattrs, target)? {
            Existing::Nothing => return Ok(Some(false)),
            Existing::Folder if overwrite => return Err(Failure::Write(io::ErrorKind::IsADirectory.into())),
            Existing::Folder => return Err(Failure::Exists),
            Existing::Different(id) | Existing::Identical(id, _) if linked.is_some() && linked == id => {
                Some(id)
            }
            Existing::Identical(id, file) if linked.is_none() || !overwrite => {
                let is_identical = file.map_or(Ok(true), |mut file| self.has_content(entry, &mut file))?;
                is_identical.then_some(id)
            }
            Existing::Identical(..) | Existing::Different(_) => None,
        };
        match kept {
            Some(id) => {
                self.count_kept(entry, id);
                Ok(None)
            }
            None if overwrite => Ok(Some(true)),
            None => Err(Failure::Exists),
        }
    }

    /// Creates a hard link to `first` under a temporary name in the folder `site`. If the folder is planned,
    /// or a dry run must not change it, only predicts whether a link can be made.
    fn link(&self, site: &Site, first: &LinkTarget) -> io::Result<Option<TemporaryEntry>> {
        let (above, name) = first.path.split().ok_or(io::ErrorKind::NotFound)?;
        let folder = site.existing().filter(|_| !self.options.dry_run);
        let (Some(folder), Some(target)) = (folder, self.target.existing()) else {
            disk::predict_link(&self.target.below(above)?, site, first.links)?;
            return Ok(None);
        };
        let above = target.below(above)?;
        let (link, ()) =
            folder.begin(|folder, temporary| folder.make_link(temporary, &above, name, first.id))?;
        Ok(Some(link))
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
}

/// Adds that the entry is a copy, if a hard link failed.
fn with_lost_link((mut lost, id): Created, failed: Option<io::Error>) -> Created {
    lost.extend(failed.map(|error| {
        LostAttribute::new("hard link", format!("it is a copy, as it cannot be linked: {error}"))
    }));
    (lost, id)
}
