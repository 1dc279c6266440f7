//! The index: whatever happens to it, nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Fixture, PAGE, files, flip, swap, truncate, zero_page};

/// Whatever command meets the damage first succeeds and shows the right data; nobody asks for a new index.
/// Returns whether `check` reports the damage.
#[track_caller]
fn heals(fixture: &Fixture, what: &str, damage: &dyn Fn(&Path)) -> bool {
    let index = index(fixture);
    damage(&index);
    let checked = fixture.check();
    assert_eq!(checked.ran.code(), Some(0), "{what}: {}", checked.ran);
    assert_eq!(checked.summary["clean"], true, "{what}: {}", checked.ran);
    assert_eq!(checked.summary["index_in_memory"], false, "{what}: {}", checked.ran);
    let told = checked.summary["index"].is_string();
    if told {
        let again = fixture.check();
        assert!(again.summary["index"].is_null(), "{what}: not made again: {}", again.ran);
    }
    fixture.reads_are_right(&format!("a check after {what}"), &BTreeSet::new());
    for command in ["cat", "import", "tag", "repair"] {
        fixture.mend();
        damage(&index);
        let what = format!("{command} after {what}");
        let sandbox = &fixture.sandbox;
        match command {
            "import" => sandbox.yester(["import"]).arg(sandbox.source()).run().code_is(0),
            "tag" => sandbox.yester(["tag", "@latest", "kept"]).run().code_is(0),
            "repair" => sandbox.yester(["repair"]).run().code_is(0),
            _ => sandbox.yester(["snapshots"]).run().code_is(0),
        };
        fixture.reads_are_right(&what, &BTreeSet::new());
        fixture.is_clean(&what);
    }
    fixture.mend();
    told
}

fn index(fixture: &Fixture) -> PathBuf {
    fixture.repo().join("index-2.redb")
}

fn index_len(fixture: &Fixture) -> usize {
    fs::read(index(fixture)).expect("the index").len()
}

#[test]
fn what_cannot_be_overlooked() {
    let fixture = Fixture::new();
    let len = index_len(&fixture);
    let pack = fixture.packs()[0].path.clone();
    let told =
        |what: &str, damage: &dyn Fn(&Path)| assert!(heals(&fixture, what, damage), "{what}: not told");
    told("a deletion", &|path| fs::remove_file(path).expect("removed"));
    for len in [1, PAGE - 1, PAGE, len / 8] {
        told(&format!("a truncation to {len}"), &|path| truncate(path, len));
    }
    // Perhaps only of pages that are free.
    heals(&fixture, "half a file", &|path| truncate(path, len / 2));
    told("a zeroed header", &|path| assert!(zero_page(path, 0)));
    told("other bytes", &|path| fs::write(path, vec![0xa5; len]).expect("written"));
    let manifest = files(&fixture.repo().join("snapshots"))[0].clone();
    told("a copied pack", &|path| copy_file(&pack, path));
    told("a copied manifest", &|path| copy_file(&manifest, path));
    let other = fs::read(index(&Fixture::new())).expect("an index");
    told("another repository's", &|path| fs::write(path, &other).expect("written"));
}

#[test]
fn a_swapped_file() {
    let fixture = Fixture::new();
    let pack = fixture.packs()[0].path.clone();
    swap(&index(&fixture), &pack);
    let checked = fixture.is_told("index and pack swapped", &["pack"]);
    fixture.reads_are_right("index and pack swapped", &checked.damaged);
}

#[test]
fn zeroed_pages() {
    let fixture = Fixture::new();
    let pages = index_len(&fixture).div_ceil(PAGE);
    let sound = fs::read(index(&fixture)).expect("the index");
    let mut told = 0;
    let used: Vec<usize> = (0..pages)
        .filter(|page| sound[page * PAGE..sound.len().min((page + 1) * PAGE)].iter().any(|byte| *byte != 0))
        .collect();
    for page in used.iter().step_by(used.len().div_ceil(24)) {
        let damage = |path: &Path| assert!(zero_page(path, page * PAGE));
        told += u32::from(heals(&fixture, &format!("page {page} zeroed"), &damage));
    }
    assert!(told > 0, "none of {} pages matters", used.len());
}

#[test]
fn flipped_bits() {
    let fixture = Fixture::new();
    let sound = fs::read(index(&fixture)).expect("the index");
    let used: Vec<usize> = (0..sound.len()).filter(|at| sound[*at] != 0).collect();
    // The header in full; of the rest a sample.
    let header = used.iter().take_while(|at| **at < 320).step_by(9);
    let rest = used.iter().skip_while(|at| **at < 320).step_by(used.len() / 40);
    let mut told = 0;
    for at in header.chain(rest) {
        told += u32::from(heals(&fixture, &format!("a bit flipped at {at}"), &|path| flip(path, *at)));
    }
    assert!(told > 0, "no bit matters");
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copied");
}
