//! The damage matrix: {bit flip, truncation, deletion, zeroed page, swapped files} × every part of a repository.
//! Each is named by `check`, what it does not damage is read as before, and nothing ever panics or shows wrong bytes.

mod healing;
mod index;
mod log;
mod manifest;
mod medium;
mod misplaced;
mod pack;
mod random;
mod repair;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fs_tests::plant::{file, noise};
use fs_tests::{Ran, Sandbox};
use serde_json::Value;

const PAGE: usize = 4096;
/// Bytes of a frame before its body, and of a pack's header and trailer (docs/format.md).
const FRAME_HEADER_LEN: usize = 28;
const PACK_HEADER_LEN: usize = 64;
const TRAILER_LEN: usize = 48;

/// A repository with three snapshots, and what they hold.
struct Fixture {
    sandbox: Sandbox,
    /// By snapshot and path.
    files: BTreeMap<(String, String), Vec<u8>>,
}

/// What `check --read-data` found.
struct Checked {
    ran: Ran,
    findings: Vec<Value>,
    damaged: BTreeSet<String>,
    summary: Value,
}

/// Text that deltas pay for.
fn prose(seed: u64, len: usize) -> Vec<u8> {
    let words: Vec<String> = noise(seed, 800).chunks(2).map(|two| format!("{:x}", two[0])).collect();
    let picks = noise(seed + 1, len);
    let mut text: Vec<u8> =
        picks.iter().flat_map(|pick| (words[usize::from(*pick)].clone() + " ").into_bytes()).collect();
    text.truncate(len);
    text
}

impl Fixture {
    fn new() -> Self {
        let sandbox = Sandbox::with_repository();
        let mut fixture = Self { sandbox, files: BTreeMap::new() };
        let mut tree: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        tree.insert("large".into(), noise(1, 400_000));
        tree.insert("dir/prose".into(), prose(2, 30_000));
        tree.insert("dir/kept".into(), noise(3, 2_000));
        // No more than `check` names when all of them are damaged.
        for number in 0..20 {
            tree.insert(
                format!("many/{number:03}"),
                format!("the small file {number}, a little longer than an id").into(),
            );
        }
        for version in 0..3u64 {
            tree.get_mut("dir/prose").expect("it").extend(prose(10 + version, 50));
            tree.insert(format!("new/{version}"), noise(20 + version, 50_000));
            for (path, content) in &tree {
                let path = fixture.sandbox.source().join(path);
                if fs::read(&path).ok().as_ref() != Some(content) {
                    file(path, content);
                }
            }
            let name = fixture.sandbox.import();
            // All of them would take too long to compare again and again.
            let sample = tree.iter().filter(|(path, _)| !path.starts_with("many/") || path.ends_with('7'));
            fixture.files.extend(
                sample.map(|(path, content)| ((format!("source{name}"), path.clone()), content.clone())),
            );
        }
        fixture.keep();
        fixture
    }

    fn repo(&self) -> PathBuf {
        self.sandbox.repo()
    }

    /// Saves the sound repository.
    fn keep(&self) {
        copy(&self.repo(), &self.sandbox.path("sound"));
    }

    /// Takes the sound repository back.
    fn mend(&self) {
        fs::remove_dir_all(self.repo()).expect("removed");
        copy(&self.sandbox.path("sound"), &self.repo());
    }

    /// Imports, whatever that says of damage.
    fn import(&self) {
        self.sandbox.yester(["import"]).arg(self.sandbox.source()).run().code_is(0);
    }

    fn packs(&self) -> Vec<Pack> {
        let mut packs: Vec<Pack> = files(&self.repo().join("packs")).into_iter().map(Pack::read).collect();
        packs.sort_by(|one, other| one.path.cmp(&other.path));
        packs
    }

    #[track_caller]
    fn check(&self) -> Checked {
        let ran = self.sandbox.yester(["--json", "check", "--read-data"]).run();
        assert!(matches!(ran.code(), Some(0 | 4)), "{ran}");
        let mut findings = if ran.stdout.is_empty() { Vec::new() } else { ran.json_lines() };
        let summary = findings.pop().unwrap_or(Value::Null);
        let is_path = |finding: &Value| finding["finding"] == "damaged path";
        let damaged = findings.iter().filter(|finding| is_path(finding));
        let damaged = damaged
            .map(|finding| {
                let time = finding["time"].as_str().expect("a time").replace(':', "-");
                let time = time.trim_end_matches('Z').split('.').next().expect("a time").to_owned();
                format!("{time} {}", finding["path"].as_str().expect("a path"))
            })
            .collect();
        findings.retain(|finding| !is_path(finding));
        Checked { ran, findings, damaged, summary }
    }

    /// Damage must be told, in a finding that holds these words.
    #[track_caller]
    fn is_told(&self, what: &str, words: &[&str]) -> Checked {
        let checked = self.check();
        assert_eq!(checked.ran.code(), Some(4), "{what}: not noticed: {}", checked.ran);
        let told = |finding: &Value| {
            let finding = finding.to_string();
            words.iter().all(|word| finding.contains(word))
        };
        assert!(checked.findings.iter().any(told), "{what}: no finding says {words:?}: {}", checked.ran);
        assert_eq!(checked.summary["clean"], false, "{what}: {}", checked.ran);
        let people = self.sandbox.yester(["check", "--read-data"]).run();
        assert_eq!(people.code(), Some(4), "{what}: {people}");
        assert!(people.text().contains("damage found"), "{what}: {people}");
        checked
    }

    #[track_caller]
    fn is_clean(&self, what: &str) {
        let checked = self.check();
        assert_eq!(checked.ran.code(), Some(0), "{what}: {}", checked.ran);
        assert_eq!(checked.summary["clean"], true, "{what}: {}", checked.ran);
    }

    /// Every file that is not reported as damaged is right; the others are never wrong.
    #[track_caller]
    fn reads_are_right(&self, what: &str, damaged: &BTreeSet<String>) {
        let (mut places, mut expected) = (Vec::new(), Vec::new());
        for ((snapshot, path), content) in &self.files {
            let time = snapshot.split('@').nth(1).expect("a time");
            // Names of one second differ by a suffix that times do not have.
            let time = time.split('_').next().expect("a time");
            let is_damaged = damaged.iter().any(|damaged| {
                let (at, damaged) = damaged.split_once(' ').expect("a time and a path");
                at == time
                    && (damaged.is_empty() || path == damaged || path.starts_with(&format!("{damaged}/")))
            });
            let place = format!("{snapshot}:{path}");
            if is_damaged {
                let ran = self.sandbox.yester(["cat", &place]).run();
                assert!(content.starts_with(&ran.stdout), "{what}: wrong bytes in {place}");
                assert!(
                    ran.code() != Some(0) || ran.stdout == *content,
                    "{what}: {place} is cut short: {ran}"
                );
            } else {
                places.push(place);
                expected.extend_from_slice(content);
            }
        }
        if !places.is_empty() {
            let ran = self.sandbox.yester(["cat"]).args(&places).run();
            assert_eq!(ran.code(), Some(0), "{what}: {ran}");
            assert!(ran.stdout == expected, "{what}: wrong bytes: {ran}");
        }
    }
}

/// A pack and where its parts are (docs/format.md).
struct Pack {
    path: PathBuf,
    name: String,
    catalogue: Range<usize>,
    len: usize,
    metadata: bool,
}

impl Pack {
    fn read(path: PathBuf) -> Self {
        let bytes = fs::read(&path).expect("a pack");
        let len = bytes.len();
        let trailer = len - TRAILER_LEN;
        let start = u64::from_le_bytes(bytes[trailer..trailer + 8].try_into().expect("eight bytes"));
        let start = usize::try_from(start).expect("an offset");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        Self { path, name, catalogue: start..trailer, len, metadata: bytes[start + FRAME_HEADER_LEN] == 1 }
    }
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("a copy");
        }
    }
}

// ---- Ways to do damage ------------------------------------------------------------------------------------------

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

fn truncate(path: &Path, len: usize) {
    let bytes = fs::read(path).expect("a file");
    fs::write(path, &bytes[..len]).expect("written");
}

/// Fills the page around `at` with zeros; false when it has no other bytes.
fn zero_page(path: &Path, at: usize) -> bool {
    let mut bytes = fs::read(path).expect("a file");
    let start = at / PAGE * PAGE;
    let end = bytes.len().min(start + PAGE);
    let changed = bytes[start..end].iter().any(|byte| *byte != 0);
    bytes[start..end].fill(0);
    fs::write(path, bytes).expect("written");
    changed
}

fn swap(one: &Path, other: &Path) {
    let bytes = [one, other].map(|path| fs::read(path).expect("a file"));
    fs::write(one, &bytes[1]).expect("written");
    fs::write(other, &bytes[0]).expect("written");
}
