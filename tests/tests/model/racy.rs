//! Edits that size and time do not show, because they came in the same tick as the import.

use std::fs;
use std::fs::File;
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, Need};
use fs_tests::{Mounted, Sandbox};

#[test]
fn a_file_rewritten_right_after_the_import_is_read_again() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let path = sandbox.source().join("file");
    let mut snapshots = Vec::new();
    for round in 0..10 {
        let content = format!("version {round}\n");
        fs::write(&path, &content).expect("a file");
        snapshots.push((sandbox.import(), content));
    }
    let mounted = Mounted::source(&sandbox);
    for (name, content) in snapshots {
        assert_eq!(fs::read_to_string(mounted.path(&name).join("file")).expect("the file"), content);
    }
}

/// The same without luck: the time is that of the first writing to the nanosecond, and not older than the import.
#[test]
fn a_time_not_older_than_the_import_proves_nothing() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let path = sandbox.source().join("file");
    let time = SystemTime::now() + Duration::from_secs(3600);
    let write = |content: &str| {
        fs::write(&path, content).expect("a file");
        File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("its time");
        sandbox.import()
    };
    let (first, second) = (write("before"), write("after!"));
    let third = write("later!");
    let mounted = Mounted::source(&sandbox);
    for (name, content) in [(first, "before"), (second, "after!"), (third, "later!")] {
        assert_eq!(fs::read_to_string(mounted.path(name).join("file")).expect("the file"), content);
    }
}
