//! A test file that no module declares would never run, and nobody would notice.

use std::fs;
use std::path::{Path, PathBuf};

/// The `.rs` files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of tests") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The file that must declare this one, and the name that it is declared by.
fn declared_in(path: &Path, root: &Path) -> (PathBuf, String) {
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let folder = path.parent().expect("a folder");
    let (name, folder) = if stem(path) == "mod" {
        (stem(folder), folder.parent().expect("a folder"))
    } else {
        (stem(path), folder)
    };
    if folder == root { (root.join("main.rs"), name) } else { (folder.join("mod.rs"), name) }
}

#[test]
fn every_test_file_is_declared() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let main = root.join("main.rs");
    assert!(files.contains(&main));
    for file in files.iter().filter(|file| **file != main) {
        let (parent, name) = declared_in(file, &root);
        let text = fs::read_to_string(&parent).unwrap_or_default();
        let declaration = format!("mod {name};");
        let declared = text.lines().any(|line| line.trim().trim_start_matches("pub ") == declaration);
        assert!(declared, "{} is never run: say `{declaration}` in {}", file.display(), parent.display());
    }
}
