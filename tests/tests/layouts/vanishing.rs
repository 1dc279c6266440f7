//! Levels that rotation takes away while they are read.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, STRACE};
use fs_tests::plant::many;
use fs_tests::{Sandbox, Started, wait_until};

/// What happens to a level.
type Rotation = fn(&Sandbox);

/// Two levels, whose older one has a folder after the other to be read.
fn rotating() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    for number in 0..2 {
        let level = sandbox.path(format!("backup/daily.{number}"));
        many(&level.join("localhost"), 600, 10);
        date(&level, number);
    }
    sandbox
}

fn date(level: &Path, number: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - number * 86_400);
    fs::File::open(level).expect("a level").set_modified(time).expect("it");
}

/// An import that is in the middle of the older level.
fn reading(sandbox: &Sandbox) -> Started {
    let level = sandbox.path("backup/daily.1/localhost");
    let accessed = || fs::metadata(level.join("000")).and_then(|folder| folder.accessed()).expect("a time");
    let before = accessed();
    let import = sandbox.yester(["import", "--layout", "rsnapshot"]).arg(sandbox.path("backup"));
    let import = import.slowed("getdents64", Duration::from_millis(200)).start();
    wait_until("the first folder to be read", Duration::from_secs(60), || {
        (accessed() > before).then_some(())
    });
    import
}

#[test]
fn a_level_that_vanishes_is_abandoned_and_comes_next_time() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let rotations: [(&str, Rotation, &str); 2] = [
        // Renamed: the same level under another name.
        (
            "renamed",
            |sandbox| fs::rename(sandbox.path("backup/daily.1"), sandbox.path("backup/daily.2")).expect("it"),
            "daily.2",
        ),
        // Begun to be deleted, and brought back.
        (
            "deleted",
            |sandbox| {
                let level = sandbox.path("backup/daily.1");
                fs::remove_dir_all(level.join("localhost/005")).expect("a folder less");
                fs::remove_dir_all(level.join("localhost/000")).expect("a folder less");
                date(&level, 1);
            },
            "daily.1",
        ),
    ];
    for (what, rotate, level) in rotations {
        let sandbox = rotating();
        let import = reading(&sandbox);
        rotate(&sandbox);
        let ran = import.finish().code_is(3);
        assert!(
            ran.stderr().contains("left out: ") && ran.stderr().contains("the next import tries again"),
            "{what}: {ran}"
        );
        let runs = |ran: &fs_tests::Ran| {
            let lines = ran.json_lines();
            let paths: Vec<_> =
                lines.iter().filter_map(|line| line["run"].as_str()).map(str::to_owned).collect();
            paths
        };
        // The other level is there, and nothing is half-made.
        let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
        assert_eq!(listed.len(), 1, "{what}: {listed:?}");
        assert_eq!(listed[0]["time"], "2023-11-14T22:13:20Z", "{what}");
        sandbox.yester(["check", "--read-data"]).run().ok();
        let again = sandbox
            .yester(["--json", "import", "--layout", "rsnapshot"])
            .arg(sandbox.path("backup"))
            .run()
            .ok();
        assert_eq!(runs(&again), [format!("{level}/localhost")], "{what}");
        assert_eq!(sandbox.yester(["--json", "snapshots"]).run().ok().json_lines().len(), 2, "{what}");
    }
}
