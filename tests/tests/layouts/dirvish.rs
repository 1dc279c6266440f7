use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use fs_tests::needs::{self, DIRVISH, Need, RSYNC, SETPRIV, UNSHARE};
use fs_tests::plant::{file, noise};
use fs_tests::wait::next_second;
use fs_tests::{Sandbox, wait_until};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Kept, check, done, import, live};

/// Where dirvish writes its local times, and yester reads them: one whose clocks are not UTC's.
pub(crate) const ZONE: &str = "America/New_York";

/// A dirvish of the sandbox's source, whose vault is `web1`.
pub(crate) struct Dirvish<'a> {
    sandbox: &'a Sandbox,
}

impl<'a> Dirvish<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        let dirvish = Self { sandbox };
        let own = dirvish.vault().join("dirvish");
        fs::create_dir_all(&own).expect("a vault");
        fs::create_dir(sandbox.path("etc")).expect("a folder");
        let bank = sandbox.path("bank");
        fs::write(sandbox.path("etc/master.conf"), format!("bank:\n\t{}\n", bank.display()))
            .expect("a config");
        let config = format!(
            "client: {}\ntree: {}\nxdev: 0\nindex: none\nimage-default: %Y%m%d-%H%M%S\nexpire-default: +15 days\n\
             rsync: {}\nrsync-option:\n\t-AX\nexclude:\n\t*.o\n\tStatus: success\n",
            rustix::system::uname().nodename().to_string_lossy(),
            sandbox.source().display(),
            sandbox.path("rsync").display()
        );
        fs::write(own.join("default.conf"), &config).expect("a config");
        fs::write(own.join("nightly.conf"), &config).expect("a config");
        dirvish.rsync("exec /usr/bin/rsync \"$@\"");
        dirvish
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.sandbox.path("bank/web1")
    }

    /// What dirvish calls as rsync.
    pub(crate) fn rsync(&self, script: &str) {
        let path = self.sandbox.path("rsync");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        done(Command::new("chmod").arg("+x").arg(&path));
    }

    /// dirvish with a folder /etc/dirvish of its own.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let etc = self.sandbox.path("etc");
        let script = format!("mount --bind '{}' /etc/dirvish && exec dirvish \"$@\"", etc.display());
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh", "--vault", "web1"]).args(args).env("TZ", ZONE);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().expect("dirvish runs");
        // Images are named by seconds.
        next_second();
        output
    }

    #[track_caller]
    pub(crate) fn good(&self, args: &[&str]) {
        let ran = self.run(args);
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A run that is killed with all that belongs to it while a file is on its way; the image that is left.
    #[track_caller]
    fn killed_half_way(&self) -> String {
        let before = self.images();
        self.rsync("exec /usr/bin/rsync --bwlimit=100 \"$@\"");
        let mut running = self.command(&[]).process_group(0).spawn().expect("dirvish");
        let image = wait_until("a file on its way", Duration::from_secs(60), || {
            let image = self.images().into_iter().find(|image| !before.contains(image))?;
            let names = fs::read_dir(self.vault().join(&image).join("tree")).ok()?.flatten();
            names
                .into_iter()
                .any(|entry| entry.file_name().as_bytes().starts_with(b".large."))
                .then_some(image)
        });
        let group = Pid::from_child(&running);
        kill_process_group(group, Signal::KILL).expect("dirvish and rsync killed");
        running.wait().expect("dirvish");
        // What dirvish wants an administrator to do.
        fs::remove_file(self.vault().join("dirvish/lock_file")).expect("the lock of the killed run");
        // Images are named by seconds.
        next_second();
        image
    }

    pub(crate) fn images(&self) -> Vec<String> {
        let entries = fs::read_dir(self.vault()).expect("the vault");
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != "dirvish");
        names.sort();
        names
    }
}

pub(crate) fn met() -> bool {
    needs::met(&[Need::Root, Need::Fuse, RSYNC, DIRVISH, SETPRIV, UNSHARE])
}

#[test]
fn every_image_is_imported_once() {
    if !met() {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let dirvish = Dirvish::new(&sandbox);
    let (bank, vault) = (sandbox.path("bank"), dirvish.vault());
    let args = |root: &'static str| ["--dirvish-timezone", ZONE, "--layout", "dirvish", root];
    let mut kept: Vec<Kept> = Vec::new();
    let begin = Timestamp::now();
    for day in 0..3 {
        live(&sandbox.source(), day);
        fs::write(sandbox.source().join("left-out.o"), "x").expect("a file");
        dirvish.good(if day == 0 { &["--init"] } else { &[] });
    }
    let three = import(&sandbox, &args("bank"), &bank, &mut kept);
    let runs: Vec<_> = three.iter().map(|line| line["run"].as_str().expect("a run").to_owned()).collect();
    let expected: Vec<_> = dirvish.images().iter().map(|image| format!("web1/{image}/tree")).collect();
    assert_eq!(runs, expected);
    let mut last = begin - Duration::from_secs(1);
    for line in &three {
        let time: Timestamp = line["time"].as_str().expect("a time").parse().expect("a time");
        assert!(last <= time && time <= Timestamp::now(), "{line}");
        last = time;
        let expires: Timestamp = line["expires"].as_str().expect("an expiry").parse().expect("a time");
        let days = expires.duration_since(time).as_hours();
        assert!((15 * 24 - 2..=15 * 24 + 2).contains(&days), "{line}");
        assert_eq!((line["source"].as_str(), line["status"].as_str()), (Some("web1"), Some("complete")));
    }
    check(&sandbox, &kept);
    assert!(import(&sandbox, &args("bank"), &bank, &mut kept).is_empty());

    // Another branch, from an image of the first one: what they share is stored already.
    let reference = dirvish.images().pop().expect("an image");
    dirvish.good(&["--branch", "nightly", "--reference", &reference]);
    live(&sandbox.source(), 3);
    // Files that vanish and files that cannot be read, as rsync tells dirvish.
    dirvish.rsync("/usr/bin/rsync \"$@\"; exit 24");
    dirvish.good(&[]);
    // Nothing is unreadable for root, unless it lets go of what makes it root.
    let secret = sandbox.source().join("secret");
    file(&secret, "nobody may read this");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("a mode");
    dirvish.rsync("exec setpriv --bounding-set=-dac_override,-dac_read_search /usr/bin/rsync \"$@\"");
    assert!(!dirvish.run(&[]).status.success());
    let unread = dirvish.images().pop().expect("an image");
    assert!(!vault.join(unread).join("tree/secret").exists(), "it was read, so that this test shows nothing");
    let more = import(&sandbox, &args("bank/web1"), &vault, &mut kept);
    let told: Vec<_> = more
        .iter()
        .map(|line| {
            (line["source"].as_str().unwrap_or_default(), line["status"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(told, [("web1+nightly", "complete"), ("web1", "vanished"), ("web1", "partial")]);
    // No content: a folder at most, whose time rsync sets to the second only.
    assert!(more[0]["new_bytes"].as_u64().is_some_and(|bytes| bytes < 2000), "{}", more[0]);
    check(&sandbox, &kept);

    // One that is killed half-way, and two after it.
    file(sandbox.source().join("large"), noise(99, 3_000_000));
    let halves = dirvish.killed_half_way();
    dirvish.rsync("exec /usr/bin/rsync \"$@\"");
    for day in 4..6 {
        live(&sandbox.source(), day);
        dirvish.good(&["--reference", &reference]);
    }
    let last = import(&sandbox, &args("bank"), &bank, &mut kept);
    assert_eq!(last.len(), 2, "{last:?}");
    assert!(last.iter().all(|line| line["status"] == "complete"), "{last:?}");
    assert_eq!((kept.len(), dirvish.images().len()), (8, 9), "all but {halves}");
    check(&sandbox, &kept);

    // dirvish lets an image go: its snapshot stays.
    fs::remove_dir_all(vault.join(&dirvish.images()[0])).expect("an image less");
    assert!(import(&sandbox, &args("bank"), &bank, &mut kept).is_empty());
    check(&sandbox, &kept);
}

#[test]
fn failed_running_and_killed_runs_are_not_imported() {
    if !met() {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let dirvish = Dirvish::new(&sandbox);
    live(&sandbox.source(), 0);
    let import = |args: &[&str]| {
        let yester = sandbox.yester(["--json", "import", "--dirvish-timezone", ZONE]).args(args);
        let lines = yester.arg(sandbox.path("bank")).run().ok().json_lines();
        let reasons: Vec<String> =
            lines.iter().filter_map(|line| Some(line["reason"].as_str()?.to_owned())).collect();
        (lines.iter().filter(|line| line["snapshot"].is_string()).count(), reasons)
    };
    dirvish.rsync("echo no such option >&2; exit 1");
    dirvish.run(&["--init"]);
    let (count, reasons) = import(&[]);
    assert_eq!(count, 0);
    assert!(reasons[0].starts_with("its run failed: fatal error (1)"), "{reasons:?}");

    let begun = sandbox.path("begun");
    dirvish.rsync(&format!("/usr/bin/rsync \"$@\"; touch '{}'; sleep 3", begun.display()));
    let mut running = dirvish.command(&["--init"]).spawn().expect("dirvish");
    wait_until("dirvish to run rsync", Duration::from_secs(60), || begun.exists().then_some(()));
    let (count, reasons) = import(&[]);
    assert_eq!(count, 0);
    assert!(reasons[1].contains("dirvish is running"), "{reasons:?}");
    let (count, reasons) = import(&["--wait"]);
    assert_eq!((count, reasons.len()), (1, 1), "{reasons:?}");
    assert!(running.wait().expect("dirvish").success());

    fs::remove_file(&begun).expect("the mark");
    let mut running = dirvish.command(&[]).spawn().expect("dirvish");
    wait_until("dirvish to run rsync", Duration::from_secs(60), || begun.exists().then_some(()));
    running.kill().expect("dirvish killed");
    running.wait().expect("dirvish");
    let (count, reasons) = import(&[]);
    assert_eq!(count, 0);
    assert_eq!(reasons[1], "its run did not complete");

    // A summary that has lost its status says no more than that of a run that did not complete.
    let image = dirvish.images().into_iter().find(|image| {
        let summary = fs::read_to_string(dirvish.vault().join(image).join("summary"));
        summary.is_ok_and(|text| text.contains("\nStatus: success"))
    });
    let summary = dirvish.vault().join(image.expect("an image")).join("summary");
    let text = fs::read_to_string(&summary).expect("a summary").replace("\nStatus: success", "");
    fs::write(&summary, text).expect("a summary without");
    let fresh = Sandbox::with_repository();
    let bank = sandbox.path("bank");
    let said =
        fresh.yester(["import", "--layout", "dirvish", "--dirvish-timezone", ZONE]).arg(&bank).run().ok();
    assert!(said.stderr().contains("its run did not complete"), "{said}");
    assert_eq!(fresh.yester(["snapshots"]).run().ok().text(), "");
}

#[test]
fn the_zone_in_which_times_are_shown_changes_no_image() {
    if !met() {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let dirvish = Dirvish::new(&sandbox);
    live(&sandbox.source(), 0);
    let begin = Timestamp::now() - Duration::from_secs(1);
    dirvish.good(&["--init"]);
    let bank = sandbox.path("bank");
    let imported = |config: &str, zone: &str, args: &[&str]| {
        let fresh = Sandbox::with_repository();
        file(fresh.path("home/config/yester/config.toml"), config);
        let import = fresh.yester(["--json", "import", "--layout", "dirvish"]).args(args).arg(&bank);
        let line = import.env("TZ", zone).run().ok().json();
        let time: Timestamp = line["time"].as_str().expect("a time").parse().expect("a time");
        (time, line["name"].as_str().expect("a name").to_owned())
    };
    let own = format!("dirvish_timezone = \"{ZONE}\"\n");
    let (expected, name) = imported("", ZONE, &[]);
    assert!(begin <= expected && expected <= Timestamp::now(), "{expected}");
    for (config, zone, args) in [
        ("timezone = \"Asia/Tokyo\"\n", ZONE, &[][..]),
        ("", ZONE, &["--timezone", "Asia/Tokyo"]),
        (&format!("timezone = \"Asia/Tokyo\"\n{own}"), "UTC", &[]),
        ("timezone = \"Asia/Tokyo\"\n", "UTC", &["--dirvish-timezone", ZONE]),
        (&format!("timezone = \"Asia/Tokyo\"\n{own}"), "UTC", &["--dirvish-timezone", ZONE]),
    ] {
        let (time, shown) = imported(config, zone, args);
        assert_eq!(time, expected, "{config}{zone} {args:?}");
        assert_ne!(shown, name, "{config}{zone} {args:?}: names are in the zone that is asked for");
    }
}
