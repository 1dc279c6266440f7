//! `yester status`: what goes on, for people and in JSON, and in the exit status.

use std::fs;

use fs_tests::plant::{many, small};
use fs_tests::{Sandbox, wait_until};

use super::{LIMIT, Watch, command, snapshots, status, wait_for, watched};

#[test]
fn when_no_watch_runs() {
    let sandbox = Sandbox::with_repository();
    let says_none = || {
        let said = sandbox.yester(["status"]).run().code_is(3);
        let line = format!("no watch is running on {}", sandbox.repo().display());
        assert_eq!(said.text().lines().next(), Some(line.as_str()), "{said}");
        let said = status(&sandbox);
        assert_eq!((said.code, said.running), (Some(3), false));
    };
    says_none();
    small(&sandbox.source());
    let watch = Watch::start(&sandbox, &watched(&sandbox.source(), "quiet = \"1s\""));
    assert_eq!(status(&sandbox).code, Some(0));
    wait_for(&sandbox, 1, LIMIT);
    watch.stop().ok();
    says_none();
    // Killed, it cannot say good-bye.
    let mut watch = Watch::start(&sandbox, &watched(&sandbox.source(), "quiet = \"1s\""));
    watch.process.signal(rustix::process::Signal::KILL);
    assert_eq!(watch.process.finish().signal(), Some(9));
    says_none();
    let missing = sandbox.path("missing");
    sandbox
        .bare_yester(["status", "--repo"])
        .arg(&missing)
        .run()
        .fails(1, &[missing.to_str().expect("a path")]);
}

#[test]
fn busy_then_importing_then_idle() {
    let sandbox = Sandbox::with_repository();
    let (one, two) = (sandbox.path("one"), sandbox.path("two"));
    small(&one);
    small(&two);
    let watch = Watch::start(&sandbox, &(watched(&one, "quiet = \"2s\"") + &watched(&two, "quiet = \"2s\"")));
    let idle = {
        wait_for(&sandbox, 2, LIMIT);
        watch.wait_for_activity(&two, "idle");
        watch.wait_for_activity(&one, "idle")
    };
    let listed = snapshots(&sandbox);
    let name = listed.iter().find(|line| line["source"] == "one").expect("it")["name"].clone();
    assert_eq!((&idle["last"]["source"], &idle["last"]["name"]), (&"one".into(), &name), "{idle}");
    let text = sandbox.yester(["status"]).run();
    assert!(text.text().starts_with("watching since "), "{text}");
    let path = one.to_str().expect("a path");
    let line = text.text().lines().find(|line| line.contains(path)).expect("its line").to_owned();
    assert!(line.contains("idle") && line.contains(name.as_str().expect("a name")), "{line}");
    assert_eq!(text.text().lines().count(), 3, "{text}");

    many(&one.join("many"), 1200, 50_000);
    let busy = watch.wait_for_activity(&one, "busy");
    assert!(busy["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{busy}");
    watch.wait_for_activity(&one, "importing");
    wait_for(&sandbox, 3, LIMIT);
    watch.wait_for_activity(&one, "idle");
    watch.stop();
}

#[test]
fn a_failing_source_is_an_exit_status() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let missing = sandbox.path("missing");
    let config = watched(&missing, "layout = \"tree\"") + &watched(&sandbox.source(), "quiet = \"1s\"");
    let watch = Watch::start(&sandbox, &config);
    let failing = watch.wait_for_activity(&missing, "failing");
    assert!(failing["failures"].as_u64().is_some_and(|failures| failures >= 1), "{failing}");
    assert!(failing["reason"].as_str().is_some_and(|reason| reason.contains(missing.to_str().expect("it"))));
    assert_eq!(status(&sandbox).code, Some(3));
    let text = sandbox.yester(["status"]).run().code_is(3).text();
    let path = missing.to_str().expect("a path");
    let line = text.lines().find(|line| line.contains(path)).expect("its line");
    assert!(line.contains("failing: "), "{text}");
    // It keeps no other from its turn.
    wait_for(&sandbox, 1, LIMIT);
    watch.stop();
}

#[test]
fn a_second_watch_is_told_of_the_first() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let config = watched(&sandbox.source(), "quiet = \"1s\"");
    let watch = Watch::start(&sandbox, &config);
    command(&sandbox, &config).run().fails(75, &[&watch.process.pid().to_string()]);
    assert_eq!(status(&sandbox).pid, Some(watch.process.pid().into()));
    // Others may write between its imports.
    wait_for(&sandbox, 1, LIMIT);
    fs::create_dir(sandbox.path("other")).expect("a folder");
    small(&sandbox.path("other"));
    sandbox.yester(["import", "--wait"]).arg(sandbox.path("other")).run().ok();
    watch.stop();
    Watch::start(&sandbox, &config).stop();
}

/// Also that of a watch before this one: what was done is known from the repository.
#[test]
fn the_last_snapshot_is_told_by_the_next_watch() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let config = watched(&sandbox.source(), "quiet = \"1s\"");
    let watch = Watch::start(&sandbox, &config);
    let name = wait_for(&sandbox, 1, LIMIT)[0]["name"].clone();
    watch.stop();
    let watch = Watch::start(&sandbox, &config);
    wait_until("the last snapshot to be named", LIMIT, || {
        let source = watch.source();
        (source["activity"] == "idle" && source["last"]["name"] == name).then_some(())
    });
    watch.stop();
}

/// A folder may have any name, and what a terminal would obey is not sent to one.
#[test]
fn a_line_is_a_line() {
    let sandbox = Sandbox::with_repository();
    let target = sandbox.path("two\nlines\u{1b}[7m");
    small(&target);
    let config = format!("[[watch]]\npath = {:?}\nquiet = \"1s\"\n", target.to_str().expect("UTF-8"));
    let watch = Watch::start(&sandbox, &config.replace("\\u{1b}", "\\u001b"));
    wait_for(&sandbox, 1, LIMIT);
    let said = watch.wait_for_activity(&target, "idle");
    assert_eq!(said["last"]["source"], "two\nlines\u{1b}[7m", "{said}");
    let text = sandbox.yester(["status"]).run().ok().text();
    assert_eq!(text.lines().count(), 2, "{text:?}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    watch.stop();
}

fn all_read(sandbox: &Sandbox) -> Option<String> {
    Some(status(sandbox).sources.first()?["all_read"].as_str()?.to_owned())
}

/// With `checksum-every`, the status says when every file was read last, also after the watch was started again.
#[test]
fn when_every_file_was_read_last() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let read_at = |every: &str| {
        let keys = format!("live = true\nevery = \"1s\"\nchecksum-every = \"{every}\"");
        let watch = Watch::start(&sandbox, &watched(&sandbox.source(), &keys));
        let first = wait_until("a time", LIMIT, || all_read(&sandbox));
        (watch, first)
    };
    let (watch, first) = read_at("30d");
    let text = sandbox.yester(["status"]).run().text();
    assert!(text.contains("all files read at "), "{text}");
    watch.stop().ok();
    let (watch, again) = read_at("30d");
    assert_eq!(again, first);
    watch.stop().ok();
    let (watch, _) = read_at("1s");
    wait_until("a later time", LIMIT, || all_read(&sandbox).filter(|read| *read > first));
    watch.stop().ok();
}
