//! Packs that somebody has moved out of the folder of their first two digits.

use std::collections::BTreeSet;
use std::fs;

use super::{Fixture, files};

/// Moves all packs: into each other's folders, into a new folder, and into `packs` itself.
fn misplace(fixture: &Fixture) -> Vec<String> {
    let packs = fixture.packs();
    let all = fixture.repo().join("packs");
    let own = |name: &str| name[..2].to_owned();
    let mut folders = (0..=u8::MAX).map(|number| format!("{number:02x}"));
    let new = folders.find(|new| packs.iter().all(|pack| own(&pack.name) != *new)).expect("an unused folder");
    fs::create_dir_all(all.join(&new)).expect("a folder");
    for (number, pack) in packs.iter().enumerate() {
        let mut folders = packs.iter().map(|other| own(&other.name));
        let other = folders.find(|other| *other != own(&pack.name)).expect("two folders");
        let folder = match number % 3 {
            0 => all.join(&new),
            1 => all.join(other),
            _ => all.clone(),
        };
        fs::rename(&pack.path, folder.join(&pack.name)).expect("moved");
    }
    packs.into_iter().map(|pack| pack.name).collect()
}

#[test]
fn a_misplaced_pack_is_used_named_and_moved_back() {
    let fixture = Fixture::new();
    let all = || files(&fixture.repo().join("packs"));
    let before = all();
    let names = misplace(&fixture);
    let misplaced = all();
    assert!(names.len() > 4, "{names:?}");
    let checked = fixture.check();
    assert_eq!(checked.ran.code(), Some(4), "{}", checked.ran);
    let told: Vec<_> =
        checked.findings.iter().map(|finding| finding["pack"].as_str().expect("a pack")).collect();
    assert_eq!(told, names, "{}", checked.ran);
    assert!(checked.findings.iter().all(|finding| finding["finding"] == "misplaced"), "{}", checked.ran);
    for without_index in [false, true] {
        if without_index {
            fs::remove_file(fixture.repo().join("index-2.redb")).expect("removed");
        }
        fixture.reads_are_right("misplaced", &BTreeSet::new());
        fixture.sandbox.yester(["import"]).arg(fixture.sandbox.source()).run().ok();
        assert_eq!(all(), misplaced, "nothing is stored again");
    }

    let dry = fixture.sandbox.yester(["repair", "--dry-run"]).run().code_is(0);
    assert!(names.iter().all(|name| dry.text().contains(name)), "{dry}");
    assert_eq!(all(), misplaced);
    let repair = fixture.sandbox.yester(["repair"]).run().code_is(0);
    assert!(names.iter().all(|name| repair.text().contains(name)), "{repair}");
    assert_eq!(all(), before);
    fixture.is_clean("moved back");
    fixture.reads_are_right("moved back", &BTreeSet::new());
}

#[test]
fn a_second_copy_in_a_wrong_folder_changes_nothing() {
    let fixture = Fixture::new();
    let pack = &fixture.packs()[0];
    let copy = fixture.repo().join("packs").join(&pack.name);
    fs::copy(&pack.path, &copy).expect("copied");
    fixture.is_clean("a copy");
    fixture.sandbox.yester(["repair"]).run().ok();
    assert!(pack.path.exists() && copy.exists());
    // The copy is used once the original is lost.
    fs::remove_file(&pack.path).expect("removed");
    fixture.reads_are_right("the copy alone", &BTreeSet::new());
    fixture.sandbox.yester(["repair"]).run().code_is(0);
    assert!(pack.path.exists() && !copy.exists());
}
