//! Imports of many levels that are stopped: what was imported stays, and the next one goes on behind it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use fs_tests::plant::{file, many, noise};
use fs_tests::{Sandbox, wait_until};
use rustix::process::Signal;

const LEVELS: u64 = 12;

/// A sandbox whose `backup` has levels of hard links, each with some files of its own.
fn farm() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("backup");
    many(&root.join(format!("daily.{}/localhost", LEVELS - 1)), 300, 20_000);
    for number in (0..LEVELS).rev() {
        let level = root.join(format!("daily.{number}"));
        if number < LEVELS - 1 {
            let older = root.join(format!("daily.{}", number + 1));
            super::done(std::process::Command::new("cp").arg("-al").arg(older).arg(&level));
        }
        for own in 0..20 {
            let seed = number * 100 + own + 10_000;
            file(level.join(format!("localhost/own/{seed}")), noise(seed, 100_000));
        }
    }
    for number in 0..LEVELS {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - number * 86_400);
        fs::File::open(root.join(format!("daily.{number}")))
            .expect("a level")
            .set_modified(time)
            .expect("it");
    }
    (sandbox, root)
}

fn times(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    listed.iter().map(|line| line["time"].as_str().expect("a time").to_owned()).collect()
}

#[test]
fn killed_again_and_again_each_level_is_imported_once() {
    let (sandbox, root) = farm();
    let mut kills = 0;
    let mut before = 0;
    loop {
        let mut import = sandbox.yester(["import"]).arg(&root).start();
        // When it has come a level further, or two: in the middle of the next.
        wait_until("the import to come on", Duration::from_secs(120), || {
            let count = fs::read_dir(sandbox.repo().join("log")).map_or(0, Iterator::count);
            (count > before + 1 || !import.is_running()).then_some(())
        });
        import.signal(Signal::KILL);
        let ended = import.finish();
        let listed = times(&sandbox);
        assert!(listed.len() > before || ended.code() == Some(0), "{ended}");
        before = listed.len();
        // Oldest first, and without a gap.
        let expected: Vec<String> = (0..LEVELS)
            .rev()
            .map(|number| {
                let secs = 1_700_000_000 - i64::try_from(number).expect("small") * 86_400;
                jiff::Timestamp::from_second(secs).expect("a time").to_string()
            })
            .collect();
        assert_eq!(listed, expected[..before]);
        if ended.code() == Some(0) {
            break;
        }
        kills += 1;
    }
    assert!(kills > 1, "it was never killed");
    assert_eq!(before as u64, LEVELS);
    let again = sandbox.yester(["import"]).arg(&root).run().ok().text();
    assert!(again.starts_with("nothing new: 12 runs"), "{again}");
    sandbox.yester(["check", "--read-data"]).run().ok();
}

#[test]
fn interrupted_it_says_how_far_it_came() {
    let (sandbox, root) = farm();
    let mut import = sandbox.yester(["import"]).arg(&root).start();
    wait_until("a level to be imported", Duration::from_secs(120), || {
        let count = fs::read_dir(sandbox.repo().join("log")).map_or(0, Iterator::count);
        (count > 0 || !import.is_running()).then_some(())
    });
    import.signal(Signal::INT);
    let ended = import.finish();
    assert_eq!(ended.code(), Some(130), "{ended}");
    assert!(ended.stderr().contains("of 12 runs were added; the next import continues"), "{ended}");
    let added = times(&sandbox).len();
    assert!((1..12).contains(&added), "{added}");
    sandbox.yester(["import"]).arg(&root).run().ok();
    assert_eq!(times(&sandbox).len() as u64, LEVELS);
}
