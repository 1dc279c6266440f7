//! A run that goes on, is held or was killed is no snapshot, however quiet it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_tests::judge::same;
use fs_tests::needs::{self, Need, RSYNC};
use fs_tests::plant::{file, noise};
use fs_tests::wait::pause;
use fs_tests::{Mounted, Sandbox, wait_until};
use rustix::process::Signal;

use super::writer::{Rsync, rsync, temporary};
use super::{LIMIT, Watch, count, stays, wait_for, watched};

const QUIET: &str = "quiet = \"1s\"";
/// For longer than that.
const HELD: Duration = Duration::from_secs(3);
const SLOW: &str = "--bwlimit=200";
const LONG: usize = 1_800_000;
const EMPTY: usize = 4000;

/// A long file, empty ones and small ones: with the times when it is held some 18 s.
fn plant(source: &Path) {
    for number in 0..10_u64 {
        file(source.join(format!("small/{number}")), noise(number, 60_000));
        file(source.join(format!("very/small/{number}")), noise(100 + number, 20_000));
    }
    for number in 0..EMPTY {
        file(source.join(format!("nothing/{number}")), "");
    }
    file(source.join("much/long"), noise(9, LONG));
}

/// Where rsync is writing the long file, and has not come to its end.
fn half_written(target: &Path) -> Option<PathBuf> {
    let mut there = temporary(target, "long");
    there.extend([target.join("much/long"), target.join("much/.~tmp~/long")]);
    let half = |data: fs::Metadata| (300_000..1_000_000).contains(&allocated(&data));
    there.into_iter().find(|path| fs::metadata(path).is_ok_and(half))
}

/// What has come of it: `--inplace` may give it its size at once.
fn allocated(data: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    data.len().min(data.blocks() * 512)
}

/// Hold rsync between two empty files, where there is nothing temporary. It takes a few attempts to hit that.
fn hold_between(run: &mut Rsync, target: &Path) -> bool {
    let names = || {
        fs::read_dir(target.join("nothing")).into_iter().flatten().flatten().map(|entry| entry.file_name())
    };
    while run.is_running() {
        pause(Duration::from_millis(7));
        run.signal(Signal::STOP);
        pause(Duration::from_millis(5));
        let (done, temporary): (Vec<_>, Vec<_>) =
            names().partition(|name| !name.to_string_lossy().starts_with('.'));
        if !done.is_empty() && temporary.is_empty() {
            return done.len() < EMPTY;
        }
        run.signal(Signal::CONT);
    }
    false
}

fn never_in_progress(words: &[&str], between: bool) {
    let sandbox = Sandbox::with_repository();
    let (source, target) = (sandbox.source(), sandbox.path("target"));
    plant(&source);
    fs::create_dir(&target).expect("a folder");
    let watch = Watch::start(&sandbox, &watched(&target, QUIET));
    let begin = Instant::now();
    let mut run = Rsync::start(&[&["-a", "--delete", SLOW], words].concat(), &source, &target);

    wait_until("the long file", Duration::from_secs(60), || half_written(&target));
    run.signal(Signal::STOP);
    stays(&sandbox, 0, HELD);
    // Now and then it tries whether it can import.
    wait_until("the watch to be busy", Duration::from_secs(30), || {
        (watch.source()["activity"] == "busy").then_some(())
    });
    run.signal(Signal::CONT);
    if between {
        assert!(hold_between(&mut run, &target), "rsync was never between two files");
        stays(&sandbox, 0, HELD);
        run.signal(Signal::CONT);
    }
    wait_until("the run to end", LIMIT, || {
        let seen = count(&sandbox);
        let ended = !run.is_running();
        assert!(ended || seen == 0, "a snapshot of a run that goes on");
        ended.then_some(())
    });
    run.finish();
    println!("the run took {:.1} s", begin.elapsed().as_secs_f64());
    wait_for(&sandbox, 1, LIMIT);
    stays(&sandbox, 1, HELD);
    same(&target, &Mounted::with(&sandbox, &[]).path("target/@latest"));
    same(&source, &target);
    watch.stop();
}

/// All at once: they mostly wait.
#[test]
fn a_run_that_is_slow_or_held() {
    if !needs::met(&[Need::Fuse, RSYNC]) {
        return;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| never_in_progress(&[], true));
        scope.spawn(|| never_in_progress(&["--inplace"], false));
        scope.spawn(|| never_in_progress(&["--delay-updates"], false));
    });
}

/// What it leaves is a temporary file, and no process.
#[test]
fn killed_in_the_midst() {
    if !needs::met(&[Need::Fuse, RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (source, target) = (sandbox.source(), sandbox.path("target"));
    plant(&source);
    let mut run = Rsync::start(&["-a", SLOW], &source, &target);
    wait_until("the long file", Duration::from_secs(60), || half_written(&target));
    let watch = Watch::start(&sandbox, &watched(&target, QUIET));
    run.signal(Signal::KILL);
    wait_until("it to end", LIMIT, || (!run.is_running()).then_some(()));
    assert!(!temporary(&target, "long").is_empty(), "nothing is left, so that this shows nothing");
    stays(&sandbox, 0, 2 * HELD);
    // Now and then it tries whether it can import.
    wait_until("the watch to be busy", Duration::from_secs(30), || {
        (watch.source()["activity"] == "busy").then_some(())
    });

    rsync(&["-a", "--delete"], &source, &target);
    assert!(temporary(&target, "long").is_empty());
    wait_for(&sandbox, 1, LIMIT);
    stays(&sandbox, 1, HELD);
    same(&source, &Mounted::with(&sandbox, &[]).path("target/@latest"));
    watch.stop();
}
