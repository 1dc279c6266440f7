//! What a folder looks like. A folder that anything else is in, too, is a plain tree.

use std::fs;
use std::path::Path;

use super::folder::is_dir;
use super::{Layout, dirvish, rsnapshot};

pub(super) fn layout(root: &Path) -> Layout {
    // What cannot be listed, or is a file, is for the plain import to complain of.
    let Ok(entries) = fs::read_dir(root) else { return Layout::Tree };
    let mut entries = entries.flatten().filter(|entry| !rsnapshot::is_expected(&entry.file_name()));
    if dirvish::is_vault(root) {
        let mut has_image = false;
        let folders_alone = entries.all(|entry| {
            has_image |= entry.path().join("summary").is_file();
            is_dir(&entry)
        });
        return if folders_alone && has_image { Layout::Dirvish } else { Layout::Tree };
    }
    // A tree's first few entries tell that it is nothing else, however many there are.
    let (mut some, mut levels, mut vaults) = (false, true, true);
    for entry in entries {
        some = true;
        levels = levels && is_dir(&entry) && is_usual_level(&entry);
        vaults = vaults && is_dir(&entry) && dirvish::is_vault(&entry.path());
        if !levels && !vaults {
            return Layout::Tree;
        }
    }
    match (some, levels) {
        (false, _) => Layout::Tree,
        (true, true) => Layout::Rsnapshot,
        (true, false) => Layout::Dirvish,
    }
}

/// The intervals of rsnapshot's own configs. Others must be named by a config, or the layout be said: versions of a
/// program are called `v1.0` and the like, too.
const USUAL_INTERVALS: [&str; 9] =
    ["hourly", "daily", "weekly", "monthly", "yearly", "alpha", "beta", "gamma", "delta"];

/// A level holds backup points, which are folders, and nothing else.
fn is_usual_level(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let usual = rsnapshot::level_name(&name).is_some_and(|(interval, _)| USUAL_INTERVALS.contains(&interval));
    usual
        && fs::read_dir(entry.path())
            .is_ok_and(|mut points| points.all(|point| point.is_ok_and(|point| is_dir(&point))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_what_is_nothing_else_is_a_layout() {
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
            layout(directory.path())
        };
        assert_eq!(of(&[]), Layout::Tree);
        assert_eq!(of(&["lost+found"]), Layout::Tree);
        assert_eq!(of(&["daily.0/a", "weekly.12/a", ".sync", "_delete.17", "lost+found"]), Layout::Rsnapshot);
        assert_eq!(of(&["daily.0", "notes!"]), Layout::Tree);
        assert_eq!(of(&["daily.0", "project"]), Layout::Tree);
        assert_eq!(of(&["daily.00"]), Layout::Tree);
        assert_eq!(of(&["data.0/a", "data.1/a"]), Layout::Tree);
        assert_eq!(of(&["daily.0/a", "daily.1/notes!"]), Layout::Tree);
        assert_eq!(of(&["daily.0!"]), Layout::Tree);
        assert_eq!(of(&["dirvish/default.conf!", "image/summary!"]), Layout::Dirvish);
        assert_eq!(of(&["dirvish/default.conf!", "image"]), Layout::Tree);
        assert_eq!(of(&["dirvish/default.conf!", "image/summary!", "notes!"]), Layout::Tree);
        assert_eq!(of(&["web1/dirvish/default.conf!", "db1/dirvish"]), Layout::Dirvish);
        assert_eq!(of(&["web1/dirvish", "notes"]), Layout::Tree);
    }
}
