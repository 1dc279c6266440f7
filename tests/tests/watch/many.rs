//! A watch that has imported many runs is no larger than one that has imported a few.
//!
//! `YESTER_TEST_WATCH_RUNS` says how many (150).

use std::env;
use std::time::Instant;

use fs_tests::plant::{file, small};
use fs_tests::process::held;
use fs_tests::{Sandbox, wait_until};

use super::{LIMIT, Watch, check, wait_for, watched};

/// As many runs are made at once.
const SOURCES: usize = 15;

#[test]
fn memory_and_files_stay_as_they_are() {
    let runs = env::var("YESTER_TEST_WATCH_RUNS").map_or(150, |runs| runs.parse().expect("a number of runs"));
    let sandbox = Sandbox::with_repository();
    let folders: Vec<_> = (0..SOURCES).map(|number| sandbox.path(format!("target{number}"))).collect();
    let stamps: Vec<_> = folders.iter().map(|folder| folder.with_extension("stamp")).collect();
    let mut config = String::new();
    for (folder, stamp) in folders.iter().zip(&stamps) {
        small(folder);
        config += &watched(folder, &format!("stamp = \"{}\"", stamp.display()));
    }
    let watch = Watch::start(&sandbox, &config);
    let pid = watch.process.pid();
    let begin = Instant::now();
    let mut early = None;
    for done in (SOURCES..=runs).step_by(SOURCES) {
        for (folder, stamp) in folders.iter().zip(&stamps) {
            file(folder.join("run"), done.to_string());
            file(folder.join(format!("etc/{}", done % 7)), done.to_string());
            file(stamp, "");
        }
        super::wait_for_count(&sandbox, done, LIMIT);
        if early.is_none() && done * 5 >= runs {
            early = Some(held(pid));
        }
    }
    let early = early.expect("some runs");
    // The last import has files open until it ends, after its snapshot is there.
    let late = wait_until(&format!("{} open files, as before", early[1]), LIMIT, || {
        let late = held(pid);
        (late[1] <= early[1] + 2).then_some(late)
    });
    println!("{runs} runs in {:.0} s: {early:?} became {late:?}", begin.elapsed().as_secs_f64());
    assert!(late[0] < early[0] + early[0] / 10 + 4096, "{} KiB became {} KiB", early[0], late[0]);
    assert!(late[2] <= early[2] + 2, "{} threads became {}", early[2], late[2]);
    wait_for(&sandbox, runs / SOURCES * SOURCES, LIMIT);
    watch.stop().ok();
    check(&sandbox);
}
