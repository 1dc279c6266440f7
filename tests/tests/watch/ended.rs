//! SIGTERM and Ctrl-C: it ends at once, and nothing is half-made.

use std::time::{Duration, Instant};

use fs_tests::Sandbox;
use fs_tests::plant::{many, small};
use rustix::process::Signal;

use super::{LIMIT, Watch, check, count, wait_for, watched};

const SOURCE: &str = "quiet = \"1s\"";

#[track_caller]
fn ends_at_once(mut watch: Watch<'_>, signal: Signal) {
    let begin = Instant::now();
    watch.process.signal(signal);
    let ended = watch.process.finish().code_is(0);
    assert!(begin.elapsed() < Duration::from_secs(2), "after {:?}: {ended}", begin.elapsed());
    assert!(!ended.stderr().contains("yester: "), "{ended}");
}

#[test]
fn at_rest() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let config = watched(&sandbox.source(), SOURCE);
    ends_at_once(Watch::start(&sandbox, &config), Signal::TERM);
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 1, LIMIT);
    watch.wait_for_activity(&sandbox.source(), "idle");
    ends_at_once(watch, Signal::INT);
    assert_eq!(count(&sandbox), 1);
}

#[test]
fn during_an_import() {
    let sandbox = Sandbox::with_repository();
    many(&sandbox.source(), 2000, 50_000);
    let config = watched(&sandbox.source(), SOURCE);
    for signal in [Signal::TERM, Signal::INT] {
        let watch = Watch::start(&sandbox, &config);
        watch.wait_for_activity(&sandbox.source(), "importing");
        ends_at_once(watch, signal);
        assert_eq!(count(&sandbox), 0, "the import was too fast to be interrupted, or half of it is there");
    }
    let watch = Watch::start(&sandbox, &config);
    let listed = wait_for(&sandbox, 1, LIMIT);
    assert_eq!(listed[0]["files"], 2000);
    watch.stop().ok();
    check(&sandbox);
}
