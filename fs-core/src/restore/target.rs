//! The target of a restore.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::disk::{Folder, NameKey, Site};

/// The shape of the restored entries, which decides the meaning of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A whole snapshot: a missing target is created as its root.
    Whole,
    /// One entry that is no folder: as in `cp`, the target is its new name, unless it is a folder.
    File,
    /// Anything else: entries keep their names in the target.
    Named,
}

/// A folder that entries are restored into.
#[derive(Debug)]
pub(super) struct Target {
    /// The target, as the user would name it; empty for the working directory.
    pub(super) path: PathBuf,
    /// The target's site; planned if a dry run would create the target.
    pub(super) site: Site,
    /// Whether it was created as the root of a snapshot.
    pub(super) made: bool,
    /// Names that existed before, and that this restore has not used.
    pub(super) there: HashSet<NameKey>,
    /// The new name of a single entry.
    pub(super) name: Option<CString>,
}

impl Target {
    /// Opens the target, or creates it if it is missing. With `look`, a missing target is not created.
    pub(super) fn open(to: &Path, shape: Shape, look: bool) -> io::Result<Self> {
        let existing = match Folder::target(to) {
            Err(error) if shape == Shape::File && error.kind() == io::ErrorKind::NotADirectory => None,
            existing => existing?,
        };
        if existing.is_some() || shape != Shape::File || ends_as_folder(to) {
            return Self::of(to, existing, shape == Shape::Whole, look);
        }
        let (Some(above), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let here = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let target = Self::of(here, Folder::target(here)?, false, look)?;
        let name = CString::new(name.as_encoded_bytes())?;
        Ok(Self { path: above.to_owned(), name: Some(name), ..target })
    }

    fn of(path: &Path, existing: Option<Folder>, whole: bool, look: bool) -> io::Result<Self> {
        let (site, made) = match existing {
            Some(folder) => (Site::at(folder), false),
            None if look => plan(path)?,
            None => {
                let (folder, made) = Folder::make_target(path, whole)?;
                (Site::at(folder), made)
            }
        };
        let made = made && whole;
        let there = site.existing().map(|folder| folder.names(!look)).transpose()?.unwrap_or_default();
        Ok(Self { path: path.to_owned(), site, made, there, name: None })
    }
}

/// Whether the path can only be a folder: `new/`, `..`.
fn ends_as_folder(path: &Path) -> bool {
    let last = path.as_os_str().as_encoded_bytes().last();
    path.file_name().is_none() || last.is_some_and(|last| std::path::is_separator(char::from(*last)))
}

/// The folder that a missing target would get, and whether it would be created. Fails if it could not be.
fn plan(path: &Path) -> io::Result<(Site, bool)> {
    let mut above = PathBuf::new();
    let mut missing = 0_usize;
    for part in path.components() {
        match part {
            // A missing folder holds no links, so `..` only drops a name.
            Component::ParentDir if missing > 0 => missing -= 1,
            _ if missing > 0 => missing += 1,
            // A prefix alone is not a path.
            Component::Prefix(_) => above.push(part),
            _ => {
                let next = above.join(part);
                match std::fs::metadata(&next) {
                    Ok(_) => above = next,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => missing = 1,
                    Err(error) => return Err(error),
                }
            }
        }
    }
    let here: &Path = if above.as_os_str().is_empty() { Path::new(".") } else { &above };
    let folder = Folder::target(here)?.ok_or(io::ErrorKind::NotFound)?;
    if missing == 0 {
        return Ok((Site::at(folder), false));
    }
    folder.check_writable(false)?;
    Ok((Site::at(folder).planned(), path.file_name().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_whether_they_are_folders() {
        for (path, is_folder) in [("a", false), ("a/", true), ("a/..", true), ("/", true), ("a/b", false)] {
            assert_eq!(ends_as_folder(Path::new(path)), is_folder, "{path}");
        }
    }

    #[test]
    fn a_dry_run_knows_what_would_be_made() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("there")).unwrap();
        let plans = [
            ("new", true, true),
            ("there/new/below/", true, true),
            ("new/below/..", true, false),
            ("there/new/..", false, false),
            ("there/../new/../there/.", false, false),
        ];
        for (path, is_planned, would_make) in plans {
            let (site, makes) = plan(&directory.path().join(path)).unwrap();
            assert_eq!((site.existing().is_none(), makes), (is_planned, would_make), "{path}");
        }
    }
}
