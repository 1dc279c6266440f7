//! Damages every page of an index in turn. Any command may meet the damage first. All commands must succeed,
//! and nobody has to ask for a new index.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::crashes::fast_directory;
use super::history::{Files, plant, read_files};
use crate::clock::SystemClock;
use crate::import::{ImportOptions, import_tree};
use crate::maintain::{self, CheckOptions};
use crate::monitor::{Cancellation, Silent};
use crate::service::{self, History, TagOptions};
use crate::store::INDEX;

const PAGE: usize = 4096;

/// Kinds of damage to a page.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Zeros,
    Bit,
}

/// A command that may meet the damage.
#[derive(Debug, Clone, Copy)]
enum Command {
    Import,
    Tag,
    View,
    Check,
}

const COMMANDS: [Command; 4] = [Command::Import, Command::Tag, Command::View, Command::Check];

struct Trial {
    directory: tempfile::TempDir,
    /// The files of each snapshot, oldest first.
    versions: Vec<Files>,
}

impl Trial {
    /// A history whose index has enough pages.
    fn new() -> Self {
        let mut trial = Self { directory: fast_directory(), versions: Vec::new() };
        service::init(&trial.root()).unwrap();
        let mut files = Files::new();
        for version in 0..3 {
            for number in version * 1500..version * 1500 + 2500 {
                let text = format!("file {number} of version {version}, longer than what is kept inline");
                files.insert(format!("{:02}/{number:04}", number % 20), text.into());
            }
            plant(&files, &trial.tree());
            trial.import();
            trial.versions.push(files.clone());
        }
        copy(&trial.root(), &trial.sound());
        trial
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    fn sound(&self) -> PathBuf {
        self.directory.path().join("sound")
    }

    fn tree(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    fn import(&self) {
        let (options, none) = (ImportOptions::default(), Cancellation::default());
        import_tree(&self.root(), &self.tree(), &options, &Silent, &none).unwrap().unwrap();
    }

    fn run(&self, command: Command, imported: &mut Vec<Files>) {
        match command {
            Command::Import => {
                let mut files = self.versions[self.versions.len() - 1].clone();
                let text = format!("an import of {} files", files.len());
                files.insert("new".into(), text.into());
                plant(&Files::from([("new".into(), files["new"].clone())]), &self.tree());
                self.import();
                imported.push(files);
            }
            Command::Tag => {
                let options = TagOptions {
                    source: None,
                    time: b"@first".to_vec(),
                    names: vec![b"named".to_vec()],
                    remove: false,
                    wait: false,
                    zone: TimeZone::UTC,
                };
                service::tag(&self.root(), &options, &Cancellation::default()).unwrap();
            }
            Command::View => {
                let history = History::open(&self.root(), TimeZone::UTC, Arc::new(SystemClock)).unwrap();
                let snapshots = history.snapshots();
                assert_eq!(snapshots.len(), imported.len());
                for (snapshot, files) in snapshots.iter().zip(imported) {
                    let read = read_files(history.view().repository(), &snapshot.manifest.root);
                    assert!(read == *files, "{} has changed", snapshot.name);
                }
                history.stats().unwrap();
            }
            Command::Check => {
                let (options, none) = (CheckOptions { read_data: Some(100) }, Cancellation::default());
                let report = maintain::check(&self.root(), options, &Silent, &none).unwrap();
                assert!(report.is_clean(), "{report:?}");
                assert!(!report.index_in_memory, "{report:?}");
            }
        }
    }

    /// Damages a page, then runs every command, beginning with number `first`. Each command meets the damage
    /// that remains.
    fn damage(&self, page: usize, damage: Damage, first: usize, random: &mut Random) {
        let _ = fs::remove_dir_all(self.root());
        copy(&self.sound(), &self.root());
        let path = self.root().join(INDEX);
        let mut bytes = fs::read(&path).unwrap();
        let range = page * PAGE..bytes.len().min((page + 1) * PAGE);
        match damage {
            Damage::Zeros => bytes[range].fill(0),
            Damage::Bit => {
                let used: Vec<usize> = range.clone().filter(|at| bytes[*at] != 0).collect();
                let at = if used.is_empty() { range.start } else { used[random.below(used.len())] };
                bytes[at] ^= 1 << random.below(8);
            }
        }
        fs::write(&path, bytes).unwrap();
        let mut imported = self.versions.clone();
        let order = COMMANDS.iter().cycle().skip(first).take(COMMANDS.len());
        for command in order {
            let _place = Place(page, damage, *command);
            self.run(*command, &mut imported);
        }
        let _place = Place(page, damage, Command::View);
        self.run(Command::View, &mut imported);
    }

    fn pages(&self) -> Range<usize> {
        0..fs::metadata(self.sound().join(INDEX)).unwrap().len().div_ceil(PAGE as u64) as usize
    }
}

/// Prints the trial if it panics.
struct Place(usize, Damage, Command);

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("page {}, {:?}, {:?}", self.0, self.1, self.2);
        }
    }
}

/// Random numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { assert!(fs::copy(&path, &to).is_ok()) }
    }
}

/// With `YESTER_TEST_INDEX_PAGES=all`, tries every page with every command first; otherwise a random few.
#[test]
fn damage_of_any_page_heals_by_itself() {
    let seed = std::env::var("YESTER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from_le_bytes(crate::store::random().unwrap()) >> 1);
    println!("YESTER_TEST_SEED={seed}");
    let all = std::env::var_os("YESTER_TEST_INDEX_PAGES").is_some_and(|value| value == "all");
    let mut random = Random(seed);
    let trial = Trial::new();
    let pages = trial.pages();
    assert!(pages.len() >= 64, "only {} pages", pages.len());
    for page in pages {
        for damage in [Damage::Zeros, Damage::Bit] {
            // Page 0 has the header, which leads to everything else.
            let orders = if all || page == 0 { 0..COMMANDS.len() } else { 0..1 };
            for order in orders {
                if all || page == 0 || random.below(12) == 0 {
                    let first = if all || page == 0 { order } else { random.below(COMMANDS.len()) };
                    trial.damage(page, damage, first, &mut random);
                }
            }
        }
    }
}
