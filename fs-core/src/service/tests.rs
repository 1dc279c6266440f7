use std::fs;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::*;
use crate::clock::SystemClock;
use crate::import::layout::{Layout, Place};
use crate::monitor::{Cancellation, Silent};
use crate::view::{Options, Scope};

#[test]
fn a_snapshot_just_made_is_found_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let (root, tree) = (directory.path().join("repository"), directory.path().join("tree"));
    init(&root).unwrap();
    fs::create_dir(&tree).unwrap();
    let view =
        open_view(&root, Options::new(Scope::Source(b"tree".into()), TimeZone::UTC, Arc::new(SystemClock)))
            .unwrap();
    for version in 0..5 {
        fs::write(tree.join("file"), version.to_string().repeat(100)).unwrap();
        let options = ImportOptions::default();
        let imported =
            import_tree(&root, &tree, &options, &Silent, &Cancellation::default()).unwrap().unwrap();
        // Read at once, while the folder of snapshots still counts as fresh.
        let node = view.lookup(&view.top(), imported.snapshot.name.as_bytes()).unwrap();
        let file = view.lookup(&node, b"file").unwrap();
        assert_eq!(*view.read(&file, 0, 1).unwrap(), *version.to_string().as_bytes());
    }
}

/// Sums up the data read, over all runs.
#[derive(Debug, Default)]
struct Counts(std::sync::Mutex<Vec<crate::monitor::Progress>>);

impl crate::monitor::Monitor for Counts {
    fn run(&self, _run: &crate::monitor::RunBegins<'_>) {
        self.0.lock().unwrap().push(crate::monitor::Progress::default());
    }

    fn progress(&self, progress: &crate::monitor::Progress) {
        *self.0.lock().unwrap().last_mut().unwrap() = *progress;
    }
}

#[test]
fn a_file_that_levels_share_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let (root, farm) = (directory.path().join("repository"), directory.path().join("farm"));
    init(&root).unwrap();
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
    let place = Place { root: Some(farm), layout: Layout::Rsnapshot, config: None };
    let none = Cancellation::default();
    let plan = make_plan(&place, &TimeZone::UTC, false, &none).unwrap();
    let counts = Counts::default();
    let options = ImportOptions::default();
    let mut importer = RunImporter::open(&root, &plan, &options, &none).unwrap();
    while let Some(outcome) = importer.next(&counts, &none).unwrap() {
        assert!(matches!(outcome, Outcome::Imported(_)), "{outcome:?}");
    }
    let read: Vec<_> = counts.0.into_inner().unwrap().iter().map(|progress| progress.files_read).collect();
    assert_eq!(read, [3, 1, 1]);
}

#[test]
fn a_level_that_goes_while_it_is_read_is_abandoned() {
    /// Removes a file when the second is seen.
    struct Remover(std::path::PathBuf);
    impl crate::monitor::Monitor for Remover {
        fn progress(&self, _progress: &crate::monitor::Progress) {
            let _ = fs::remove_file(&self.0);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let (root, farm) = (directory.path().join("repository"), directory.path().join("farm"));
    init(&root).unwrap();
    let tree = farm.join("daily.0/localhost");
    fs::create_dir_all(tree.join("z")).unwrap();
    for name in ["a", "b", "z/last"] {
        fs::write(tree.join(name), name).unwrap();
    }
    fs::File::open(farm.join("daily.0")).unwrap().set_modified(at(2000)).unwrap();
    let place = Place { root: Some(farm), layout: Layout::Rsnapshot, config: None };
    let none = Cancellation::default();
    let plan = || make_plan(&place, &TimeZone::UTC, false, &none).unwrap();
    let first = plan();
    // The clock of a file system ticks up to a hundred times a second.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let options = ImportOptions::default();
    // The file is in a directory that was not listed yet. The import misses nothing there, but the tree is
    // not as the run left it.
    let remover = Remover(tree.join("z/last"));
    let outcome =
        RunImporter::open(&root, &first, &options, &none).unwrap().next(&remover, &none).unwrap().unwrap();
    assert!(matches!(outcome, Outcome::LeftOut(_)), "{outcome:?}");
    assert!(History::open(&root, TimeZone::UTC, Arc::new(SystemClock)).unwrap().snapshots().is_empty());
    // The next import finds the tree quiescent.
    let second = plan();
    let outcome =
        RunImporter::open(&root, &second, &options, &none).unwrap().next(&Silent, &none).unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Imported(_)), "{outcome:?}");
}

fn at(secs: u64) -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(secs)
}
