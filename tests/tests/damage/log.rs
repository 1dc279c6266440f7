//! The records of the log. Damage to one costs no snapshot, and at most the tag or name that it gave.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Fixture, Pack, files, flip, swap, truncate, zero_page};

/// Gives the first snapshot the tag `one`, the last `two`. Returns all records.
fn tagged(fixture: &Fixture) -> Vec<PathBuf> {
    fixture.sandbox.yester(["tag", "@first", "one"]).run().ok();
    fixture.sandbox.yester(["tag", "@latest", "two"]).run().ok();
    fixture.keep();
    let mut records = files(&fixture.repo().join("log"));
    records.sort();
    assert_eq!(records.len(), 5);
    records
}

fn names(fixture: &Fixture) -> Vec<String> {
    let lines = fixture.sandbox.yester(["--json", "tag"]).run().code_is(0).json_lines();
    lines.iter().map(|line| line["tag"].as_str().expect("a name").to_owned()).collect()
}

/// All records stay as they are, and later ones go on from them.
#[test]
fn a_record() {
    let fixture = Fixture::new();
    let records = tagged(&fixture);
    let run = |what: &str, at: usize, damage: &dyn Fn(&Path)| {
        damage(&records[at]);
        let what = format!("{what} in record {}", at + 1);
        let checked = fixture.is_told(&what, &["\"record\"", &format!("record {} of the log", at + 1)]);
        assert!(checked.damaged.is_empty(), "{what}: {}", checked.ran);
        fixture.reads_are_right(&what, &checked.damaged);
        let import = fixture.sandbox.yester(["import"]).arg(fixture.sandbox.source()).run();
        import.fails(4, &["of the log", "yester repair"]);
        fixture.sandbox.yester(["tag", "@first", "three"]).run().fails(4, &["yester repair"]);

        let before: Vec<_> =
            files(&fixture.repo().join("log")).iter().map(|path| fs::read(path).ok()).collect();
        let dry = fixture.sandbox.yester(["--json", "repair", "--dry-run"]).run().ok().json();
        assert!(dry["lost_records"].as_array().is_some_and(|lost| !lost.is_empty()), "{what}: {dry}");
        let after: Vec<_> =
            files(&fixture.repo().join("log")).iter().map(|path| fs::read(path).ok()).collect();
        assert_eq!(before, after, "{what}");
        let ran = fixture.sandbox.yester(["repair"]).run().ok();
        assert!(ran.text().contains(&format!("record {} of the log", at + 1)), "{what}: {ran}");
        fixture.is_clean(&what);
        fixture.reads_are_right(&what, &checked.damaged);
        let again = fixture.sandbox.yester(["--json", "repair"]).run().ok().json();
        assert_eq!(again["clean"], true, "{what}");
        let left = names(&fixture);
        assert!(left.len() >= if at < 3 { 2 } else { 1 }, "{what}: {left:?}");
        fixture.import();
        fixture.is_clean(&format!("{what}, and another import"));
        assert_eq!(
            fixture.sandbox.yester(["--json", "snapshots"]).run().ok().json_lines().len(),
            4,
            "{what}"
        );
        fixture.mend();
    };
    for (at, record) in records.iter().enumerate() {
        let len = fs::read(record).expect("a record").len();
        for bit in [0, 20, 70, len - 1] {
            run("a flipped bit", at, &|path| flip(path, bit));
        }
        run("a truncation", at, &|path| truncate(path, len / 2));
        // The index knows that the last one was there.
        run("a deletion", at, &|path| fs::remove_file(path).expect("removed"));
    }
    run("a zeroed page", 1, &|path| assert!(zero_page(path, 0)));
    run("an empty file", 2, &|path| truncate(path, 0));
    run("a swapped file", 1, &|path| swap(path, &records[2]));
    let next = fixture.repo().join("log/00000000000000000006");
    fs::copy(&records[4], &next).expect("a copy");
    fixture.is_told("a copy of the last record", &["record 6 of the log"]);
    fixture.sandbox.yester(["repair"]).run().ok();
    fixture.is_clean("a copy of the last record");
    assert_eq!(names(&fixture), ["one", "two"]);
}

#[test]
fn what_is_lost_with_its_index_is_shown_nevertheless() {
    let fixture = Fixture::new();
    let records = tagged(&fixture);
    fs::remove_file(&records[2]).expect("removed");
    fs::remove_file(fixture.repo().join("index-2.redb")).expect("removed");
    let checked = fixture.is_told("no index", &["record 3 of the log"]);
    fixture.reads_are_right("no index", &checked.damaged);
    fixture.sandbox.yester(["repair"]).run().ok();
    fixture.is_clean("no index");
}

#[test]
fn tags_go_on_to_the_replacement_of_a_damaged_snapshot() {
    let fixture = Fixture::new();
    tagged(&fixture);
    let listed = || fixture.sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let before: Vec<_> = listed().iter().map(|snapshot| snapshot["name"].clone()).collect();
    let place = |place: &str| fixture.sandbox.yester(["cat", place]).run();
    let kept = place("@one:dir/kept").ok().stdout;
    let largest = |pack: &Pack| pack.len;
    let pack = fixture.packs().into_iter().filter(|pack| !pack.metadata).max_by_key(largest).expect("a pack");
    flip(&pack.path, 3000);
    fixture.sandbox.yester(["repair"]).run().code_is(3);
    fixture.is_clean("repaired");
    assert_eq!(names(&fixture), ["one", "two"]);
    let snapshots = listed();
    assert_eq!(snapshots[0]["tags"], serde_json::json!(["one"]));
    assert_eq!(snapshots[0]["status"], "partial");
    let after: Vec<_> = snapshots.iter().map(|snapshot| snapshot["name"].clone()).collect();
    assert_eq!(after, before, "they have the names of those that they replace");
    let now = place("@one:dir/kept");
    assert!(now.code() != Some(0) || now.stdout == kept, "{now}");
    // The manifest that was quarantined, put back, counts no more.
    let aside = fixture.repo().join("damaged/snapshots");
    for manifest in files(&aside) {
        fs::copy(&manifest, fixture.repo().join("snapshots").join(manifest.file_name().expect("a name")))
            .expect("a copy");
    }
    assert_eq!(names(&fixture), ["one", "two"]);
    assert_eq!(listed().len(), 3);
    fixture.is_clean("put back");
}
