//! Packs: header, blocks, catalogue, trailer.

use std::fs;
use std::ops::Range;
use std::path::Path;

use super::{Fixture, PACK_HEADER_LEN, Pack, flip, swap, truncate, zero_page};

/// The first pack of each kind.
fn victims(fixture: &Fixture) -> Vec<Pack> {
    let (metadata, data): (Vec<Pack>, Vec<Pack>) =
        fixture.packs().into_iter().partition(|pack| pack.metadata);
    let largest = |packs: Vec<Pack>| packs.into_iter().max_by_key(|pack| pack.len).expect("a pack");
    vec![largest(data), largest(metadata)]
}

/// Damages a part of a pack in each way, and looks at what comes of it.
fn damage(part: impl Fn(&Pack) -> Range<usize>) {
    let fixture = Fixture::new();
    fixture.is_clean("before");
    fixture.reads_are_right("before", &std::collections::BTreeSet::new());
    for pack in victims(&fixture) {
        let part = part(&pack);
        let middle = part.start.midpoint(part.end);
        let other = fixture.packs().into_iter().find(|other| other.name != pack.name).expect("two packs");
        let name = pack.name.as_str();
        let run = |what: &str, damage: &dyn Fn(&Path)| {
            damage(&pack.path);
            let what = format!("{what} in pack {name} at {part:?} of {}", pack.len);
            let checked = fixture.is_told(&what, &[name]);
            fixture.reads_are_right(&what, &checked.damaged);
            fixture.mend();
        };
        for at in [part.start, middle, part.end - 1] {
            run("a flipped bit", &|path| flip(path, at));
        }
        for len in [part.start, middle] {
            run("a truncation", &|path| truncate(path, len));
        }
        run("a zeroed page", &|path| assert!(zero_page(path, middle)));
        run("a swapped file", &|path| swap(path, &other.path));
    }
}

#[test]
fn the_header() {
    damage(|_| 0..PACK_HEADER_LEN);
}

#[test]
fn a_block() {
    damage(|pack| PACK_HEADER_LEN..pack.catalogue.start);
}

#[test]
fn the_catalogue() {
    damage(|pack| pack.catalogue.clone());
}

#[test]
fn the_trailer() {
    damage(|pack| pack.catalogue.end..pack.len);
}

#[test]
fn a_pack_that_is_gone() {
    let fixture = Fixture::new();
    for pack in fixture.packs() {
        fs::remove_file(&pack.path).expect("removed");
        let what = format!("pack {} deleted", pack.name);
        let checked = fixture.is_told(&what, &[&pack.name]);
        fixture.reads_are_right(&what, &checked.damaged);
        // Nor does it stay unnoticed when a writer has forgotten it.
        fixture.import();
        let checked = fixture.check();
        fixture.reads_are_right(&what, &checked.damaged);
        fixture.mend();
    }
}

/// Only a check that has read all data knows which paths are damaged.
#[test]
fn what_is_not_listed_can_be_read_only_if_all_data_was_read() {
    let fixture = Fixture::new();
    let pack = victims(&fixture).pop().expect("the metadata");
    flip(&pack.path, PACK_HEADER_LEN.midpoint(pack.catalogue.start));
    let says = |option: &[&str], words: &str| {
        let ran = fixture.sandbox.yester(["check"]).args(option).run().code_is(4);
        ran.text().contains(words)
    };
    let (all, more) = ("Everything that is not listed can be read", "`yester check --read-data` finds them");
    for part in [&[][..], &["--read-data=99%"]] {
        assert!(says(part, more) && !says(part, all), "{part:?}");
    }
    assert!(says(&["--read-data"], all) && !says(&["--read-data"], more));
}

/// A whole snapshot has no path, but a name.
#[test]
fn an_error_names_a_whole_snapshot() {
    let fixture = Fixture::new();
    fixture.packs().iter().for_each(|pack| fs::remove_file(&pack.path).expect("removed"));
    for args in [&["ls", "@latest:"][..], &["diff", "@first", "@latest"], &["export", "@latest:"]] {
        let ran = fixture.sandbox.yester(args).run().code_is(4);
        let stderr = ran.stderr();
        assert!(!stderr.contains(": :") && !stderr.contains("::"), "{args:?}: {ran}");
    }
    let never = fixture.sandbox.yester(["ls", "@1999:"]).run();
    assert!(!never.stderr().contains("::"), "{never}");
}

#[test]
fn a_part_of_the_packs_is_read_when_that_is_asked() {
    let fixture = Fixture::new();
    let read = |share: &str| {
        let ran = fixture.sandbox.yester(["--json", "check", share]).run().ok();
        ran.json()["bytes_read"].as_u64().expect("a number")
    };
    let all = read("--read-data");
    let some = read("--read-data=1%");
    assert!(0 < some && some < all, "{some} of {all}");
    let none = fixture.sandbox.yester(["--json", "check"]).run().ok().json();
    assert_eq!(none["bytes_read"], 0);
}
