//! `docs/format.md` tells enough to read a repository: `tests/reader/read.py` was written from that page alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use fs_tests::Sandbox;
use fs_tests::needs::{Need, met, skipped};
use fs_tests::plant::{file, noise};

use crate::cli::old_version::old;

const PYTHON: Need = Need::Program("python3", "python3");

/// What the reader prints of a repository, after it has verified all of it; `None` if it cannot run here.
#[track_caller]
fn read(repository: &Path) -> Option<String> {
    if !met(&[PYTHON]) {
        return None;
    }
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("reader/read.py");
    // Debian's Python has Debian's modules, whatever other Python comes first.
    let debian = Path::new("/usr/bin/python3");
    let python = if debian.exists() { debian } else { Path::new("python3") };
    let ran = Command::new(python).arg(reader).arg(repository).output().expect("python3 runs");
    let errors = String::from_utf8_lossy(&ran.stderr);
    if ran.status.code() == Some(77) {
        skipped(&format!("{} (Debian package python3-zstandard)", errors.trim()));
        return None;
    }
    assert!(ran.status.success(), "{errors}");
    Some(String::from_utf8(ran.stdout).expect("UTF-8"))
}

#[test]
fn a_reader_written_from_the_page_finds_what_the_fixture_holds() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v2");
    let expected = fs::read_to_string(fixture.join("tree.txt")).expect("the description");
    if let Some(found) = read(&fixture.join("repository")) {
        assert!(found == expected, "it found something else:\n{found}");
    }
}

#[test]
fn a_reader_written_from_the_page_finds_what_was_upgraded() {
    let sandbox = old();
    let new = sandbox.path("new");
    sandbox.bare_yester(["upgrade"]).arg(sandbox.repo()).arg(&new).run().ok();
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1/tree.txt");
    let expected = fs::read_to_string(expected).expect("the description");
    if let Some(found) = read(&new) {
        assert!(found == expected, "it found something else:\n{found}");
    }
}

#[test]
fn a_reader_written_from_the_page_verifies_deltas_chunks_links_and_tags() {
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    let mut large = noise(1, 3_000_000);
    for version in 0..3u8 {
        large[1_500_000] = version;
        file(source.join("large"), &large);
        file(
            source.join("text"),
            format!("{version}{}", "some words of a text that changes little\n".repeat(2000)),
        );
        file(source.join(format!("new/{version}")), noise(u64::from(version) + 9, 20_000));
        if version == 0 {
            fs::hard_link(source.join("text"), source.join("new/link")).expect("a link");
        }
        sandbox.import();
    }
    sandbox.yester(["tag", "@latest", "kept"]).run().ok();
    if let Some(found) = read(&sandbox.repo()) {
        assert!(found.contains("large") && found.contains("kept"), "{found}");
    }
}
