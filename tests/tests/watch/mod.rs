//! `yester watch`: every run comes in by itself, once, and never half of one.

mod config;
mod damaged;
mod ended;
mod failing;
mod images;
mod in_progress;
mod killed;
mod levels;
mod live;
mod many;
mod noticed;
mod stamp;
mod status;
mod target;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_tests::plant::file;
use fs_tests::wait::{self, wait_within};
use fs_tests::{Ran, Sandbox, Started, Yester, wait_until};
use rustix::process::Signal;
use serde_json::Value;

/// Who has waited for so long waits in vain. The watch lets everybody else go first, so on a busy machine it may take its
/// time; by itself it would look again in an hour.
const LIMIT: Duration = Duration::from_secs(60);

/// A running `yester watch` on the sandbox's repository.
struct Watch<'a> {
    sandbox: &'a Sandbox,
    process: Started,
}

impl<'a> Watch<'a> {
    /// With this config, and not before it says that it runs.
    #[track_caller]
    fn start(sandbox: &'a Sandbox, config: &str) -> Self {
        let mut watch = Self { sandbox, process: command(sandbox, config).start() };
        wait_until("the watch to run", Duration::from_secs(30), || {
            assert!(watch.process.is_running(), "it ended: {}", watch.process.stderr());
            let said = status(sandbox);
            (said.running && said.pid == Some(watch.process.pid().into())).then_some(())
        });
        watch
    }

    /// What it says of its only source.
    #[track_caller]
    fn source(&self) -> Value {
        let mut sources = status(self.sandbox).sources;
        assert_eq!(sources.len(), 1, "{sources:?}");
        sources.remove(0)
    }

    /// Waits until it says so of a source.
    #[track_caller]
    fn wait_for_activity(&self, path: &Path, activity: &str) -> Value {
        let path = path.to_str().expect("a path");
        let mut last = Value::Null;
        wait_until(&format!("{path} to be {activity}"), LIMIT, || {
            last = status(self.sandbox).sources.into_iter().find(|source| source["path"] == path)?;
            (last["activity"] == activity).then_some(last.clone())
        })
    }

    /// Ends it in the friendly way.
    #[track_caller]
    fn stop(mut self) -> Ran {
        self.process.signal(Signal::TERM);
        self.process.finish().code_is(0)
    }
}

/// `yester watch` with a config of these words, not yet run.
fn command<'a>(sandbox: &'a Sandbox, config: &str) -> Yester<'a> {
    let path = config_path(sandbox);
    file(&path, config);
    sandbox.yester(["watch", "--config"]).arg(path)
}

fn config_path(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("watch.toml")
}

/// A source of a config: its folder, and what else is said of it.
fn watched(path: &Path, keys: &str) -> String {
    format!("[[watch]]\npath = \"{}\"\n{keys}\n", path.display())
}

/// What `yester status` says.
#[derive(Debug)]
struct Status {
    code: Option<i32>,
    running: bool,
    pid: Option<u64>,
    sources: Vec<Value>,
}

#[track_caller]
fn status(sandbox: &Sandbox) -> Status {
    let ran = sandbox.yester(["--json", "status"]).run();
    assert!(matches!(ran.code(), Some(0 | 3)), "{ran}");
    let mut lines = ran.json_lines();
    assert!(!lines.is_empty(), "{ran}");
    let first = lines.remove(0);
    for source in &lines {
        let known = ["idle", "busy", "importing", "failing"].map(Value::from);
        assert!(source["path"].is_string() && known.contains(&source["activity"]), "{source}");
    }
    Status {
        code: ran.code(),
        running: first["running"].as_bool().expect("whether it runs"),
        pid: first["pid"].as_u64(),
        sources: lines,
    }
}

#[track_caller]
fn snapshots(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.yester(["--json", "snapshots"]).run().ok().json_lines()
}

/// How many snapshots there are; asked so often that no process is worth it.
fn count(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.repo().join("log")).map_or(0, Iterator::count)
}

/// Waits until there are so many snapshots.
#[track_caller]
fn wait_for_count(sandbox: &Sandbox, wanted: usize, limit: Duration) {
    wait_within(limit, || (count(sandbox) >= wanted).then_some(())).unwrap_or_else(|| {
        let status = sandbox.yester(["status"]).run();
        panic!("{} snapshots after {limit:?}, not {wanted}: {status}", count(sandbox))
    });
}

/// Waits for so many snapshots in all; more are as wrong as fewer.
#[track_caller]
fn wait_for(sandbox: &Sandbox, wanted: usize, limit: Duration) -> Vec<Value> {
    wait_for_count(sandbox, wanted, limit);
    let listed = snapshots(sandbox);
    assert_eq!(listed.len(), wanted, "{listed:?}");
    listed
}

/// That there are so many snapshots, and go on to be.
#[track_caller]
fn stays(sandbox: &Sandbox, wanted: usize, time: Duration) {
    wait::stays(time, || assert_eq!(count(sandbox), wanted, "{:?}", snapshots(sandbox)));
}

#[track_caller]
fn check(sandbox: &Sandbox) {
    // A watch holds the lock for a moment after a snapshot can be seen.
    let ran = wait_until("the lock", LIMIT, || {
        let ran = sandbox.yester(["check", "--read-data"]).run();
        (ran.code() != Some(75)).then_some(ran)
    });
    ran.ok();
}
