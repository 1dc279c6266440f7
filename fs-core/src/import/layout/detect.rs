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
        let has_image = entries.any(|entry| is_dir(&entry) && entry.path().join("summary").is_file());
        return if has_image { Layout::Dirvish } else { Layout::Tree };
    }
    // A tree's first few entries tell that it is nothing else, however many there are.
    let (mut some, mut levels, mut vaults) = (false, true, true);
    for entry in entries {
        some = true;
        levels = levels && is_dir(&entry) && rsnapshot::level_name(&entry.file_name()).is_some();
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
        assert_eq!(of(&["daily.0!"]), Layout::Tree);
        assert_eq!(of(&["dirvish/default.conf!", "image/summary!"]), Layout::Dirvish);
        assert_eq!(of(&["dirvish/default.conf!", "image"]), Layout::Tree);
        assert_eq!(of(&["web1/dirvish/default.conf!", "db1/dirvish"]), Layout::Dirvish);
        assert_eq!(of(&["web1/dirvish", "notes"]), Layout::Tree);
    }
}
