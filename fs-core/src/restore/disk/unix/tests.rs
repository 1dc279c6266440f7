use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::testing::race;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_missing_target_is_made_with_those_above() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("there")).unwrap();
    symlink("there", at("link")).unwrap();
    let targets = [
        ("a/b/new", "a/b/new"),
        ("c/./new/", "c/new"),
        ("d/new/.", "d/new"),
        ("e/../f/new", "f/new"),
        // A link in the given path is the user's own.
        ("link/new", "there/new"),
    ];
    for (target, made) in targets {
        assert!(Folder::make_target(&at(target), true).unwrap().1, "{target}");
        assert_eq!(mode(&at(made)), 0o700, "{target}");
    }
    assert!(Folder::make_target(Path::new(""), true).is_err());
}

/// Others may create something between the look at the target and its creation.
#[test]
fn a_target_that_appears_meanwhile_was_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("there")).unwrap();
    fs::set_permissions(at("there"), Permissions::from_mode(0o751)).unwrap();
    symlink("there", at("link")).unwrap();
    for target in ["there", "there/new/.."] {
        assert!(!Folder::make_target(&at(target), true).unwrap().1, "{target}");
        assert_eq!(mode(&at("there")), 0o751, "{target}");
    }
    assert!(Folder::make_target(&at("link"), true).is_err());
    assert_eq!(mode(&at("there")), 0o751);
}

#[test]
fn a_target_that_changes_places_with_a_link_leads_nowhere() {
    race::exchange_with_a_link(|round, new| {
        // Alternately the target itself, and a folder above it.
        let target = if round % 2 == 0 { new.to_owned() } else { new.join("below") };
        if let Ok((folder, _)) = Folder::make_target(&target, true) {
            let _ = folder.make(c"inside");
        }
    });
}
