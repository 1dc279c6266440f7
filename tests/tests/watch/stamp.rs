//! A file that is touched when a run is complete.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fs_tests::Sandbox;
use fs_tests::plant::file;

use super::{LIMIT, Watch, snapshots, stays, wait_for, watched};
use crate::layouts::{done, live};

fn touch(stamp: &Path) {
    done(Command::new("touch").arg(stamp));
}

#[test]
fn a_snapshot_for_each_touch() {
    let sandbox = Sandbox::with_repository();
    let (target, stamp) = (sandbox.path("target"), sandbox.path("target.stamp"));
    let config = watched(&target, &format!("stamp = \"{}\"", stamp.display()));
    live(&target, 0);
    let watch = Watch::start(&sandbox, &config);
    // Quiet for as long as it may be: it is not complete before somebody says so.
    stays(&sandbox, 0, Duration::from_secs(6));
    touch(&stamp);
    wait_for(&sandbox, 1, LIMIT);
    live(&target, 1);
    stays(&sandbox, 1, Duration::from_secs(2));
    touch(&stamp);
    wait_for(&sandbox, 2, LIMIT);
    // A run that changed nothing is a run.
    touch(&stamp);
    wait_for(&sandbox, 3, LIMIT);
    stays(&sandbox, 3, Duration::from_secs(2));
    watch.stop().ok();

    // What was done is known, and what was touched meanwhile is seen.
    let watch = Watch::start(&sandbox, &config);
    stays(&sandbox, 3, Duration::from_secs(4));
    watch.stop().ok();
    live(&target, 2);
    touch(&stamp);
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 4, LIMIT);
    watch.stop().ok();

    let listed = snapshots(&sandbox);
    for line in &listed {
        assert_eq!((&line["source"], &line["status"]), (&"target".into(), &"complete".into()));
    }
    let days = |at: &str| {
        let seen = sandbox.yester(["ls"]).arg(format!("{at}:")).run().ok().text();
        seen.matches("day-").count()
    };
    let name = |at: usize| listed[at]["name"].as_str().expect("a name");
    assert_eq!([0, 1, 2, 3].map(|at| days(name(at))), [1, 2, 2, 3]);
}

/// rsync and touch at once, so fast that nothing has been quiet.
#[test]
fn a_stamp_right_behind_its_run() {
    let sandbox = Sandbox::with_repository();
    let (target, stamp) = (sandbox.path("target"), sandbox.path("stamps/one"));
    fs::create_dir(sandbox.path("stamps")).expect("a folder");
    let watch = Watch::start(&sandbox, &{
        live(&target, 0);
        watched(&target, &format!("stamp = \"{}\"", stamp.display()))
    });
    for run in 1..=5 {
        file(target.join("run"), run.to_string());
        touch(&stamp);
        let listed = wait_for(&sandbox, run, LIMIT);
        let at = listed[run - 1]["name"].as_str().expect("a name");
        let seen = sandbox.yester(["cat"]).arg(format!("{at}:run")).run().ok().text();
        assert_eq!(seen, run.to_string());
    }
    watch.stop().ok();
}
