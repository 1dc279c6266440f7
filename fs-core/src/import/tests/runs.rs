//! Imports of the levels of a farm.

use jiff::tz::TimeZone;

use super::*;
use crate::import::layout::{BackupRoot, Layout, Plan};
use crate::monitor::RunBegins;

/// Sums up the data read, over all runs.
#[derive(Debug, Default)]
struct Counts(Mutex<Vec<Progress>>);

impl Monitor for Counts {
    fn run(&self, _run: &RunBegins<'_>) {
        self.0.lock().unwrap().push(Progress::default());
    }

    fn progress(&self, progress: &Progress) {
        *self.0.lock().unwrap().last_mut().unwrap() = *progress;
    }
}

#[test]
fn a_file_that_levels_share_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let (root, farm) = (directory.path().join("repository"), directory.path().join("farm"));
    Repository::init(&root).unwrap();
    let file = |level: &str, name: &str| farm.join(level).join("localhost").join(name);
    for level in ["daily.2", "daily.1", "daily.0"] {
        fs::create_dir_all(farm.join(level).join("localhost")).unwrap();
    }
    // Just written, so that no snapshot can prove it unchanged. In one level it has another name.
    fs::write(file("daily.2", "fresh"), "fresh").unwrap();
    fs::hard_link(file("daily.2", "fresh"), file("daily.1", "fresh")).unwrap();
    fs::hard_link(file("daily.2", "fresh"), file("daily.0", "moved")).unwrap();
    // Old enough to be recognised by its inode.
    let write_old = |level: &str, name: &str| {
        fs::write(file(level, name), "old").unwrap();
        fs::File::options().write(true).open(file(level, name)).unwrap().set_modified(at(1000)).unwrap();
    };
    write_old("daily.2", "old");
    for level in ["daily.1", "daily.0"] {
        fs::hard_link(file("daily.2", "old"), file(level, "old")).unwrap();
    }
    // Identical but for its inode, so it is read in each level.
    for level in ["daily.2", "daily.1", "daily.0"] {
        write_old(level, "copied");
    }
    for (level, secs) in [("daily.2", 2000), ("daily.1", 3000), ("daily.0", 4000)] {
        fs::File::open(farm.join(level)).unwrap().set_modified(at(secs)).unwrap();
    }
    let none = Cancellation::default();
    let plan = plan(farm, Timestamp::now());
    let counts = Counts::default();
    let options = ImportOptions::default();
    let mut importer = RunImporter::open(&root, &plan, &options, &none).unwrap();
    while let Some(outcome) = importer.next(&counts).unwrap() {
        assert!(matches!(outcome, RunOutcome::Imported(_)), "{outcome:?}");
    }
    let read: Vec<_> = counts.0.into_inner().unwrap().iter().map(|progress| progress.files_read).collect();
    assert_eq!(read, [3, 1, 1]);
}

#[test]
fn a_level_that_goes_while_it_is_read_is_abandoned() {
    /// Removes a file when the second is seen.
    struct Remover(PathBuf);
    impl Monitor for Remover {
        fn progress(&self, _progress: &Progress) {
            let _ = fs::remove_file(&self.0);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let (root, farm) = (directory.path().join("repository"), directory.path().join("farm"));
    Repository::init(&root).unwrap();
    let tree = farm.join("daily.0/localhost");
    fs::create_dir_all(tree.join("z")).unwrap();
    for name in ["a", "b", "z/last"] {
        fs::write(tree.join(name), name).unwrap();
    }
    fs::File::open(farm.join("daily.0")).unwrap().set_modified(at(2000)).unwrap();
    let none = Cancellation::default();
    let options = ImportOptions::default();
    let first = plan(farm.clone(), tick(directory.path()).timestamp());
    // The file is in a directory that was not listed yet. The import misses nothing there, but the tree is
    // not as the run left it.
    let remover = Remover(tree.join("z/last"));
    let outcome = RunImporter::open(&root, &first, &options, &none).unwrap().next(&remover).unwrap().unwrap();
    assert!(matches!(outcome, RunOutcome::LeftOut(_)), "{outcome:?}");
    assert_eq!(Repository::open(&root, Access::Read).unwrap().snapshots().unwrap(), []);
    // The next import finds the tree quiescent.
    let second = plan(farm, tick(directory.path()).timestamp());
    let outcome = RunImporter::open(&root, &second, &options, &none).unwrap().next(&Silent).unwrap().unwrap();
    assert!(matches!(outcome, RunOutcome::Imported(_)), "{outcome:?}");
}

/// The plan of the levels in `farm`, made at the time `now`.
fn plan(farm: PathBuf, now: Timestamp) -> Plan {
    let root = BackupRoot { root: Some(farm), layout: Layout::Rsnapshot, config: None };
    Plan::make(&root, &TimeZone::UTC, now).unwrap()
}

fn at(secs: u64) -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(secs)
}
