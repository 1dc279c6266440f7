//! A file that no module declares is never compiled, and nobody would notice.

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

/// The files of which one must declare this one, and the name that it is declared by.
fn declared_in(path: &Path, root: &Path) -> ([PathBuf; 2], String) {
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let folder = path.parent().expect("a folder");
    let (name, folder) = if stem(path) == "mod" {
        (stem(folder), folder.parent().expect("a folder"))
    } else {
        (stem(path), folder)
    };
    let parents = if folder == root {
        ["main.rs", "lib.rs"].map(|file| root.join(file))
    } else {
        [folder.join("mod.rs"), folder.with_extension("rs")]
    };
    (parents, name)
}

#[test]
fn every_file_is_declared() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.parent().expect("the workspace's folder");
    let mut roots = vec![package.join("tests")];
    roots.extend(
        ["fs-core", "fuse-linux", "winfsp-windows", "cli"].map(|name| workspace.join(name).join("src")),
    );
    for root in roots {
        let mut files = Vec::new();
        sources(&root, &mut files);
        let main = ["main.rs", "lib.rs"].map(|name| root.join(name));
        assert!(files.iter().any(|file| main.contains(file)));
        for file in files.iter().filter(|file| !main.contains(file)) {
            let (parents, name) = declared_in(file, &root);
            let declaration = format!("mod {name};");
            let declares = |parent: &PathBuf| {
                let text = fs::read_to_string(parent).unwrap_or_default();
                text.lines()
                    .any(|line| line.trim() == declaration || line.ends_with(&format!(" {declaration}")))
            };
            assert!(parents.iter().any(declares), "no module has `{declaration}` for {}", file.display());
        }
    }
}
