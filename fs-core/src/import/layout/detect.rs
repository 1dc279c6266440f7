//! Detects the layout of a folder. Refuses a folder that has both runs and an entry that does not fit. As a
//! plain tree, it would become one snapshot of all runs.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::folder::{EntryKind, kind_of, leads_inside};
use super::{Layout, dirvish, rsnapshot};
use crate::import::ImportError;

/// Returns the layout of `root`. For a plain tree that may be the folder of another program, also returns a
/// hint.
pub(super) fn layout(root: &Path) -> Result<(Layout, Option<String>), ImportError> {
    // For an unreadable folder, or a file, the plain import reports the error.
    let Ok(entries) = fs::read_dir(root) else { return Ok((Layout::Tree, None)) };
    let entries = entries.flatten().filter(|entry| {
        // For example, a link to the last level.
        let is_alias = || kind_of(entry) == EntryKind::Link && leads_inside(&entry.path(), root);
        !rsnapshot::is_expected(&entry.file_name()) && !is_alias()
    });
    let seen = if dirvish::is_vault(root) { Seen::vault(entries) } else { Seen::of(entries) };
    let looks = |like, but: String| Err(ImportError::LooksLike { path: root.to_owned(), like, but });
    let may_be = |like: &str| {
        let hint = format!(
            "if {like} keeps runs in it, use --layout {like}; otherwise --layout tree avoids this note"
        );
        Ok((Layout::Tree, Some(hint)))
    };
    let Seen { levels, unusual, vaults, folders, .. } = seen;
    match seen.against {
        None if vaults > 0 => Ok((Layout::Dirvish, None)),
        None if levels > 0 => Ok((Layout::Rsnapshot, None)),
        None if unusual > 0 => may_be("rsnapshot"),
        Some(but) if vaults > folders => looks("dirvish", but),
        Some(but) if levels > 0 && levels + unusual > folders => looks("rsnapshot", but),
        // Any folder may contain a folder with a `dirvish` in it.
        Some(_) if vaults > 1 || vaults > 0 && vaults == folders => may_be("dirvish"),
        Some(_) if levels > 0 => may_be("rsnapshot"),
        _ => Ok((Layout::Tree, None)),
    }
}

/// The intervals of rsnapshot's own configs. Other intervals need a config that names them, or an explicit
/// layout: versions of a program have names such as `v1.0`, too.
const USUAL_INTERVALS: [&str; 9] =
    ["hourly", "daily", "weekly", "monthly", "yearly", "alpha", "beta", "gamma", "delta"];

/// The group and the rank of an interval. Within a group, the levels of an interval come from those of the
/// interval one rank below.
pub(super) fn usual_rank(interval: &str) -> Option<(usize, usize)> {
    let at = USUAL_INTERVALS.iter().position(|usual| *usual == interval)?;
    // From `alpha` on, the intervals are those of newer configs.
    Some(if at < 5 { (0, at) } else { (1, at - 5) })
}

/// Number of entries after which a folder without levels and vaults counts as a tree.
const MANY: usize = 100;

/// Counts of a folder's entries, by kind.
#[derive(Debug, Default)]
struct Seen {
    levels: usize,
    /// Folders with the name of a level, but of an unusual interval.
    unusual: usize,
    /// Vaults of a bank, or images of a vault.
    vaults: usize,
    /// All other folders.
    folders: usize,
    others: usize,
    /// The first entry that does not fit a layout.
    against: Option<String>,
}

impl Seen {
    fn of(entries: impl Iterator<Item = fs::DirEntry>) -> Self {
        let mut seen = Self::default();
        for entry in entries {
            let (name, kind) = (entry.file_name(), kind_of(&entry));
            let level = rsnapshot::level_name(&name).filter(|_| kind == EntryKind::Folder);
            let is_vault = kind != EntryKind::Other && dirvish::is_vault(&entry.path());
            match level {
                Some((interval, _)) if USUAL_INTERVALS.contains(&interval) => seen.level(&entry),
                // A link to a vault counts, too. It is left out later, with a message of its own.
                _ if is_vault => seen.vaults += 1,
                Some((interval, _)) => {
                    seen.unusual += 1;
                    seen.object(
                        &name,
                        &format!(", as {interval} is no usual interval (--config names others)"),
                    );
                }
                None => seen.other(&name, kind),
            }
            if seen.folders + seen.others > MANY && seen.levels + seen.vaults == 0 {
                break;
            }
        }
        if seen.unusual > 0 && seen.levels + seen.vaults + seen.folders + seen.others == 0 {
            seen.against = None;
        }
        if seen.levels > 0 && seen.vaults > 0 {
            seen.against.get_or_insert_with(|| "vaults beside levels".to_owned());
        }
        seen
    }

    /// Counts images as `vaults`. A folder `dirvish` alone, without any image, makes no vault.
    fn vault(entries: impl Iterator<Item = fs::DirEntry>) -> Self {
        let mut seen = Self::default();
        for entry in entries {
            let (name, kind) = (entry.file_name(), kind_of(&entry));
            if kind == EntryKind::Folder && entry.path().join("summary").is_file() {
                seen.vaults += 1;
            } else if kind == EntryKind::Other {
                seen.other(&name, kind);
            }
            if seen.others > MANY && seen.vaults == 0 {
                break;
            }
        }
        seen
    }

    /// Counts a level. A level may hold backup points, which are folders, and nothing else.
    fn level(&mut self, entry: &fs::DirEntry) {
        self.levels += 1;
        // An unreadable level is left out later, with a message of its own.
        let Ok(mut points) = fs::read_dir(entry.path()) else { return };
        let other = points.find_map(|point| point.ok().filter(|point| kind_of(point) != EntryKind::Folder));
        if let Some(other) = other {
            let path = Path::new(&entry.file_name()).join(other.file_name());
            self.object(path.as_os_str(), ", which is no folder of a backup point");
        }
    }

    fn other(&mut self, name: &OsStr, kind: EntryKind) {
        match kind {
            EntryKind::Folder => self.folders += 1,
            EntryKind::Link | EntryKind::Other => self.others += 1,
        }
        self.object(name, "");
    }

    fn object(&mut self, name: &OsStr, why: &str) {
        self.against.get_or_insert_with(|| format!("{}{why}", name.display()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_layout_is_detected_from_all_entries() {
        let of = |paths: &[&str]| {
            let directory = tempfile::tempdir().unwrap();
            for path in paths {
                let path = directory.path().join(path);
                if let Some(file) = path.to_str().unwrap().strip_suffix('!') {
                    fs::create_dir_all(Path::new(file).parent().unwrap()).unwrap();
                    fs::write(file, "").unwrap();
                } else {
                    fs::create_dir_all(path).unwrap();
                }
            }
            match layout(directory.path()) {
                Ok((layout, hint)) => (layout, hint.is_some()),
                Err(ImportError::LooksLike { like, but, .. }) => {
                    let first = |path: &&str| {
                        path.trim_end_matches('!').split('/').next().unwrap_or_default().to_owned()
                    };
                    assert!(paths.iter().any(|path| but.starts_with(&first(path))), "{but}");
                    (if like == "rsnapshot" { Layout::Rsnapshot } else { Layout::Dirvish }, true)
                }
                Err(error) => panic!("{error}"),
            }
        };
        // A refused folder has a layout and a hint. So does a tree that may be another program's folder.
        let near = |layout| (layout, true);
        let sure = |layout| (layout, false);
        assert_eq!(of(&[]), sure(Layout::Tree));
        assert_eq!(of(&["lost+found"]), sure(Layout::Tree));
        assert_eq!(
            of(&["daily.0/a", "weekly.12/a", ".sync", "_delete.17", "lost+found"]),
            sure(Layout::Rsnapshot)
        );
        assert_eq!(of(&["daily.0", "notes!"]), near(Layout::Rsnapshot));
        assert_eq!(of(&["daily.0", "project"]), near(Layout::Tree));
        assert_eq!(of(&["daily.00"]), sure(Layout::Tree));
        assert_eq!(of(&["data.0/a", "data.1/a"]), near(Layout::Tree));
        assert_eq!(of(&["daily.0/a", "daily.1/notes!"]), near(Layout::Rsnapshot));
        assert_eq!(of(&["daily.0!"]), sure(Layout::Tree));
        assert_eq!(of(&["daily.0/a", "daily.1/a", "scripts"]), near(Layout::Rsnapshot));
        assert_eq!(of(&["daily.0/a", "fortnightly.0/a"]), near(Layout::Rsnapshot));
        assert_eq!(of(&["joe/dirvish", "ann", "bob"]), sure(Layout::Tree));
        assert_eq!(of(&["v1.0/a", "v1.1/a", "README!"]), sure(Layout::Tree));
        assert_eq!(of(&["web1/dirvish", "bank.log!"]), near(Layout::Dirvish));
        assert_eq!(of(&["dirvish/default.conf!", "image/summary!"]), sure(Layout::Dirvish));
        assert_eq!(of(&["dirvish/default.conf!", "image"]), sure(Layout::Tree));
        assert_eq!(of(&["dirvish/default.conf!", "image/summary!", "notes!"]), near(Layout::Dirvish));
        assert_eq!(of(&["web1/dirvish/default.conf!", "db1/dirvish"]), sure(Layout::Dirvish));
        assert_eq!(of(&["web1/dirvish", "notes"]), near(Layout::Tree));
    }

    #[test]
    fn links_hide_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (levels, bank) = (root.join("levels"), root.join("bank"));
        fs::create_dir_all(levels.join("daily.0/web")).unwrap();
        symlink("daily.0", levels.join("latest")).unwrap();
        assert_eq!(layout(&levels).unwrap(), (Layout::Rsnapshot, None));
        symlink("/etc", levels.join("elsewhere")).unwrap();
        assert!(matches!(layout(&levels), Err(ImportError::LooksLike { .. })));
        fs::create_dir_all(bank.join("one/dirvish")).unwrap();
        fs::create_dir_all(root.join("far/dirvish")).unwrap();
        symlink("../far", bank.join("two")).unwrap();
        assert_eq!(layout(&bank).unwrap(), (Layout::Dirvish, None));
    }
}
