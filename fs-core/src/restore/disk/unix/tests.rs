use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::*;

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
    let directory = tempfile::tempdir().unwrap();
    let victim = directory.path().join("victim");
    fs::create_dir(&victim).unwrap();
    let swaps = AtomicU32::new(0);
    for round in 0..300 {
        let at = |name: &str| directory.path().join(format!("{name}-{round}"));
        let (new, link): (PathBuf, PathBuf) = (at("new"), at("link"));
        symlink(&victim, &link).unwrap();
        let (ready, over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.wait();
                while !over.load(Ordering::Relaxed) {
                    let swapped = rustix::fs::renameat_with(CWD, &new, CWD, &link, RenameFlags::EXCHANGE);
                    swaps.fetch_add(u32::from(swapped.is_ok()), Ordering::Relaxed);
                }
            });
            ready.wait();
            // Alternately the target itself, and a folder above it.
            let target = if round % 2 == 0 { new.clone() } else { new.join("below") };
            if let Ok((folder, _)) = Folder::make_target(&target, true) {
                let _ = folder.make(c"inside");
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "round {round}");
    }
    assert!(swaps.into_inner() > 0, "no race");
}
