//! Names of snapshots. Damage to one costs that name, nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Fixture, Pack, files, flip, swap, truncate, zero_page};

/// Gives the first snapshot the name `one`, the last `two`; and the file of the first name.
fn tagged(fixture: &Fixture) -> (PathBuf, PathBuf) {
    fixture.sandbox.yester(["tag", "@first", "one"]).run().ok();
    let folder = fixture.repo().join("tags");
    let one = files(&folder).remove(0);
    fixture.sandbox.yester(["tag", "@latest", "two"]).run().ok();
    let two = files(&folder).into_iter().find(|file| *file != one).expect("another");
    fixture.keep();
    (one, two)
}

fn names(fixture: &Fixture) -> Vec<String> {
    let lines = fixture.sandbox.yester(["--json", "tag"]).run().code_is(0).json_lines();
    lines.iter().map(|line| line["tag"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_tag() {
    let fixture = Fixture::new();
    let (one, two) = tagged(&fixture);
    let id = one.file_name().expect("a name").to_str().expect("text");
    let len = fs::read(&one).expect("a tag").len();
    let run = |what: &str, left: &[&str], damage: &dyn Fn(&Path)| {
        damage(&one);
        let what = format!("{what} in a tag");
        let checked = fixture.is_told(&what, &["\"tag\"", &format!("tags/{id}")]);
        assert!(
            checked.damaged.is_empty() && checked.findings.len() == 2 - left.len(),
            "{what}: {}",
            checked.ran
        );
        let people = fixture.sandbox.yester(["check"]).run();
        assert!(people.text().contains("yester repair") && !people.text().contains("--heal"), "{people}");
        // Views pass it over, with a word.
        assert_eq!(names(&fixture), left, "{what}");
        let ran = fixture.sandbox.yester(["ls", "@latest:"]).run();
        assert!(
            ran.code() == Some(0) && ran.stderr().contains(&format!("warning: the tag in tags/{id}")),
            "{what}: {ran}"
        );
        fixture.sandbox.yester(["ls", "@one:"]).run().code_is(1);
        fixture.reads_are_right(&what, &checked.damaged);

        let before = fs::read(&one).expect("the tag");
        let dry = fixture.sandbox.yester(["repair", "--dry-run"]).run().code_is(3);
        assert!(one.exists() && dry.text().contains("to be quarantined"), "{dry}");
        let ran = fixture.sandbox.yester(["repair"]).run().code_is(3);
        let aside = format!("damaged/tags/{id}");
        assert!(ran.text().contains(&aside), "{what}: {ran}");
        assert_eq!(fs::read(fixture.repo().join(aside)).expect("quarantined"), before, "{what}");
        fixture.is_clean(&what);
        assert_eq!(names(&fixture), left, "{what}");
        let again = fixture.sandbox.yester(["--json", "repair"]).run().ok().json();
        assert_eq!(again["clean"], true, "{what}");
        // It can be given again.
        fixture.sandbox.yester(["tag", "@first", "one"]).run().ok();
        assert!(names(&fixture).contains(&"one".to_owned()), "{what}");
        fixture.mend();
    };
    for at in [0, 4, 8, 24, len / 2, len - 1] {
        run("a flipped bit", &["two"], &|path| flip(path, at));
    }
    for len in [0, 10, len - 1] {
        run("a truncation", &["two"], &|path| truncate(path, len));
    }
    run("a zeroed page", &["two"], &|path| assert!(zero_page(path, 0)));
    run("a swapped file", &[], &|path| swap(path, &two));
    // Nothing tells that there was one.
    fs::remove_file(&one).expect("removed");
    fixture.is_clean("a deletion");
    assert_eq!(names(&fixture), ["two"]);
}

#[test]
fn tags_go_on_to_the_replacement_of_a_damaged_snapshot() {
    let fixture = Fixture::new();
    let (one, two) = tagged(&fixture);
    let place = |place: &str| fixture.sandbox.yester(["cat", place]).run();
    let kept = place("@one:dir/kept").ok().stdout;
    let largest = |pack: &Pack| pack.len;
    let pack = fixture.packs().into_iter().filter(|pack| !pack.metadata).max_by_key(largest).expect("a pack");
    flip(&pack.path, 3000);
    fixture.sandbox.yester(["repair"]).run().code_is(3);
    fixture.is_clean("repaired");
    assert_eq!(names(&fixture), ["one", "two"]);
    let snapshots = fixture.sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    assert_eq!(snapshots[0]["tags"], serde_json::json!(["one"]));
    assert_eq!(snapshots[0]["status"], "partial");
    let now = place("@one:dir/kept");
    assert!(now.code() != Some(0) || now.stdout == kept, "{now}");
    // The manifest that was quarantined, put back, has its name still.
    let aside = fixture.repo().join("damaged/snapshots");
    for manifest in files(&aside) {
        fs::copy(&manifest, fixture.repo().join("snapshots").join(manifest.file_name().expect("a name")))
            .expect("a copy");
    }
    assert_eq!(names(&fixture), ["one", "one", "two", "two"]);
    // As after a crash in the repair, and damage to what it had given: it is given again.
    let new: Vec<_> =
        files(&fixture.repo().join("tags")).into_iter().filter(|tag| *tag != one && *tag != two).collect();
    new.iter().for_each(|tag| flip(tag, 30));
    let ran = fixture.sandbox.yester(["--json", "repair"]).run().code_is(3);
    let aside = ran.json_lines().pop().expect("a summary")["damaged_tags"].as_array().map(Vec::len);
    assert_eq!((new.len(), aside), (2, Some(2)), "{ran}");
    fixture.is_clean("repaired again");
    assert_eq!(names(&fixture), ["one", "two"]);
}
