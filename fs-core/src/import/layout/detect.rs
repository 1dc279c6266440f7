//! What a folder looks like. A folder that anything else is in, too, is a plain tree.

use std::path::Path;

use super::folder::names;
use super::{Layout, dirvish, rsnapshot};

pub(super) fn layout(root: &Path) -> Layout {
    // What cannot be listed, or is a file, is for the plain import to complain of.
    let Ok(names) = names(root) else { return Layout::Tree };
    let mut rest =
        names.iter().filter(|(name, _)| !rsnapshot::is_expected(name)).map(|(name, is_dir)| (name, *is_dir));
    if dirvish::is_vault(root) {
        let image = |(name, is_dir): (_, bool)| is_dir && root.join(name).join("summary").is_file();
        return if rest.any(image) { Layout::Dirvish } else { Layout::Tree };
    }
    if rest.clone().next().is_none() {
        return Layout::Tree;
    }
    if rest.clone().all(|(name, is_dir)| is_dir && rsnapshot::level_name(name).is_some()) {
        return Layout::Rsnapshot;
    }
    let vault = |(name, is_dir): (_, bool)| is_dir && dirvish::is_vault(&root.join(name));
    if rest.all(vault) { Layout::Dirvish } else { Layout::Tree }
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
