//! The index: whatever happens to it, nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Fixture, PAGE, files, flip, swap, truncate, zero_page};

/// Damage is told, or does not matter; never a wrong byte; and `rebuild-index` heals it. True when it was told.
#[track_caller]
fn survives(fixture: &Fixture, what: &str, damage: &dyn Fn(&Path)) -> bool {
    let index = fixture.repo().join("index.redb");
    damage(&index);
    let checked = fixture.check();
    let told = checked.ran.code() == Some(4);
    if told {
        assert!(
            checked.findings.iter().all(|finding| finding["finding"] == "index"),
            "{what}: {}",
            checked.ran
        );
        assert!(checked.harmed.is_empty(), "{what}: {}", checked.ran);
        let people = fixture.sandbox.yester(["check"]).run();
        assert!(
            people.code() == Some(0) || people.text().contains("yester rebuild-index"),
            "{what}: {people}"
        );
    } else {
        fixture.reads_are_right(what, &BTreeSet::new());
    }
    // Either it is right, or it says what to do.
    let ((snapshot, path), content) = fixture.files.iter().next().expect("a file");
    let ran = fixture.sandbox.yester(["cat"]).arg(format!("{snapshot}:{path}")).run();
    assert!(content.starts_with(&ran.stdout), "{what}: wrong bytes");
    assert!(
        (ran.code() == Some(0) && ran.stdout == *content) || ran.stderr().contains("yester rebuild-index"),
        "{what}: {ran}"
    );
    let ran = fixture.sandbox.yester(["import"]).arg(fixture.sandbox.source()).run();
    assert!(ran.code() == Some(0) || ran.stderr().contains("yester rebuild-index"), "{what}: {ran}");
    if ran.code() == Some(0) {
        fixture.reads_are_right(&format!("an import after {what}"), &BTreeSet::new());
    }
    fixture.sandbox.yester(["rebuild-index"]).run().ok();
    fixture.is_clean(what);
    fixture.reads_are_right(what, &BTreeSet::new());
    fixture.mend();
    told
}

fn index_len(fixture: &Fixture) -> usize {
    fs::read(fixture.repo().join("index.redb")).expect("the index").len()
}

#[test]
fn what_cannot_be_overlooked() {
    let fixture = Fixture::new();
    let len = index_len(&fixture);
    let pack = fixture.packs()[0].path.clone();
    let told =
        |what: &str, damage: &dyn Fn(&Path)| assert!(survives(&fixture, what, damage), "{what}: not told");
    told("a deletion", &|path| fs::remove_file(path).expect("removed"));
    for len in [1, PAGE - 1, PAGE, len / 8] {
        told(&format!("a truncation to {len}"), &|path| truncate(path, len));
    }
    // Perhaps only of pages that are free.
    survives(&fixture, "half a file", &|path| truncate(path, len / 2));
    told("a zeroed header", &|path| assert!(zero_page(path, 0)));
    told("other bytes", &|path| fs::write(path, vec![0xa5; len]).expect("written"));
    let manifest = files(&fixture.repo().join("snapshots"))[0].clone();
    told("a copied pack", &|path| copy_file(&pack, path));
    told("a copied manifest", &|path| copy_file(&manifest, path));
    let other = fs::read(Fixture::new().repo().join("index.redb")).expect("an index");
    told("another repository's", &|path| fs::write(path, &other).expect("written"));
}

#[test]
fn a_swapped_file() {
    let fixture = Fixture::new();
    let pack = fixture.packs()[0].path.clone();
    swap(&fixture.repo().join("index.redb"), &pack);
    let checked = fixture.is_told("index and pack swapped", &["index"]);
    fixture.reads_are_right("index and pack swapped", &checked.harmed);
}

#[test]
fn zeroed_pages() {
    let fixture = Fixture::new();
    let pages = index_len(&fixture).div_ceil(PAGE);
    let sound = fs::read(fixture.repo().join("index.redb")).expect("the index");
    let mut told = 0;
    let used: Vec<usize> = (0..pages)
        .filter(|page| sound[page * PAGE..sound.len().min((page + 1) * PAGE)].iter().any(|byte| *byte != 0))
        .collect();
    for page in used.iter().step_by(used.len().div_ceil(24)) {
        let damage = |path: &Path| assert!(zero_page(path, page * PAGE));
        told += u32::from(survives(&fixture, &format!("page {page} zeroed"), &damage));
    }
    assert!(told > 0, "none of {} pages matters", used.len());
}

#[test]
fn flipped_bits() {
    let fixture = Fixture::new();
    let sound = fs::read(fixture.repo().join("index.redb")).expect("the index");
    let used: Vec<usize> = (0..sound.len()).filter(|at| sound[*at] != 0).collect();
    // The header in full; of the rest a sample.
    let header = used.iter().take_while(|at| **at < 320).step_by(9);
    let rest = used.iter().skip_while(|at| **at < 320).step_by(used.len() / 40);
    let mut told = 0;
    for at in header.chain(rest) {
        told += u32::from(survives(&fixture, &format!("a bit flipped at {at}"), &|path| flip(path, *at)));
    }
    assert!(told > 0, "no bit matters");
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copied");
}
