use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fs_tests::Sandbox;
use fs_tests::needs::{self, Need, RSNAPSHOT, RSYNC};
use fs_tests::wait::next_second;

use super::{Kept, check, done, import, live};

/// An rsnapshot of the sandbox's source, with two backup points.
pub(crate) struct Rsnapshot<'a> {
    sandbox: &'a Sandbox,
    sync_first: bool,
}

impl<'a> Rsnapshot<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, link_dest: bool, sync_first: bool) -> Self {
        let (root, source) = (sandbox.path("backup"), sandbox.source());
        fs::create_dir(&root).expect("a root");
        let config = [
            "config_version\t1.2".to_owned(),
            format!("snapshot_root\t{}/", root.display()),
            "no_create_root\t1".to_owned(),
            "cmd_cp\t/bin/cp\ncmd_rm\t/bin/rm\ncmd_rsync\t/usr/bin/rsync".to_owned(),
            "rsync_short_args\t-aHAX".to_owned(),
            "retain\talpha\t2\nretain\tbeta\t3".to_owned(),
            format!("lockfile\t{}", sandbox.path("lock.pid").display()),
            format!("link_dest\t{}\nsync_first\t{}", u8::from(link_dest), u8::from(sync_first)),
            format!("backup\t{}/\tlocalhost/", source.display()),
            format!("backup\t{}/etc/\tweb1/", source.display()),
        ];
        fs::write(sandbox.path("rsnapshot.conf"), config.join("\n") + "\n").expect("a config");
        Self { sandbox, sync_first }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.sandbox.path("rsnapshot.conf")
    }

    #[track_caller]
    pub(crate) fn run(&self, interval: &str) {
        let run = |what: &str| done(Command::new("rsnapshot").arg("-c").arg(self.config()).arg(what));
        if self.sync_first && interval == "alpha" {
            run("sync");
        }
        run(interval);
        // Levels tell their time in seconds.
        next_second();
    }
}

#[track_caller]
fn every_rotation_is_imported_once(link_dest: bool, sync_first: bool) {
    if !needs::met(&[Need::Root, Need::Fuse, RSYNC, RSNAPSHOT]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let rsnapshot = Rsnapshot::new(&sandbox, link_dest, sync_first);
    let (root, config) = (sandbox.path("backup"), rsnapshot.config());
    let by_config = ["--config", config.to_str().expect("plain characters")];
    let by_root = ["--layout", "rsnapshot", root.to_str().expect("plain characters")];
    let by_look = [by_root[2]];
    let mut kept: Vec<Kept> = Vec::new();

    // Two levels at once: the oldest first, all of the same interval.
    for day in 0..2 {
        live(&sandbox.source(), day);
        rsnapshot.run("alpha");
    }
    let both = import(&sandbox, &by_config, &root, &mut kept);
    let runs: Vec<_> = both.iter().map(|line| line["run"].as_str().expect("a run")).collect();
    assert_eq!(runs, ["alpha.1/localhost", "alpha.1/web1", "alpha.0/localhost", "alpha.0/web1"]);
    assert_eq!(
        (both[0]["status"].as_str(), both[2]["status"].as_str()),
        (Some("approximate"), Some("unknown"))
    );
    for line in &both {
        let level = root.join(line["run"].as_str().expect("a run"));
        let mtime = fs::metadata(level.parent().expect("a level")).expect("a level").mtime();
        let time: jiff::Timestamp = line["time"].as_str().expect("a time").parse().expect("a time");
        assert_eq!(time.as_second(), mtime);
    }
    check(&sandbox, &kept);
    assert!(import(&sandbox, &by_root, &root, &mut kept).is_empty());

    // Rotated within the interval, and from one to the next: only the new level is imported.
    live(&sandbox.source(), 2);
    rsnapshot.run("beta");
    assert!(root.join("beta.0").exists() && !root.join("alpha.1").exists());
    assert!(import(&sandbox, &by_config, &root, &mut kept).is_empty());
    rsnapshot.run("alpha");
    assert_eq!(import(&sandbox, &by_look, &root, &mut kept).len(), 2);
    live(&sandbox.source(), 3);
    rsnapshot.run("alpha");
    rsnapshot.run("alpha");
    let two = import(&sandbox, &by_config, &root, &mut kept);
    assert_eq!(two.len(), 4);
    assert_eq!(two[0]["run"], "alpha.1/localhost");
    assert!(import(&sandbox, &by_root, &root, &mut kept).is_empty());
    check(&sandbox, &kept);

    // On and on, until levels go at the end: twelve rotations in all.
    for day in 4..8 {
        live(&sandbox.source(), day);
        if day % 2 == 0 {
            rsnapshot.run("beta");
        }
        rsnapshot.run("alpha");
        let new = import(&sandbox, &by_config, &root, &mut kept);
        let runs: Vec<_> = new.iter().map(|line| line["run"].as_str().expect("a run")).collect();
        assert_eq!(runs, ["alpha.0/localhost", "alpha.0/web1"], "day {day}");
        check(&sandbox, &kept);
    }
    rsnapshot.run("beta");
    assert!(import(&sandbox, &by_config, &root, &mut kept).is_empty());
    let shown = sandbox.yester(["import", "-n"]).args(by_config).run().ok().text();
    assert!(shown.ends_with("\nrsnapshot keeps: 2 alpha, 3 beta\n"), "{shown}");
    assert!(!shown.contains("  new  "), "{shown}");
}

#[test]
fn copied_levels() {
    every_rotation_is_imported_once(false, false);
}

#[test]
fn linked_levels() {
    every_rotation_is_imported_once(true, false);
}

#[test]
fn copied_levels_synced_first() {
    every_rotation_is_imported_once(false, true);
}

#[test]
fn linked_levels_synced_first() {
    every_rotation_is_imported_once(true, true);
}

#[test]
fn while_rsnapshot_runs_the_newest_level_is_left_alone() {
    if !needs::met(&[Need::Root, RSYNC, RSNAPSHOT]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let rsnapshot = Rsnapshot::new(&sandbox, false, false);
    for day in 0..2 {
        live(&sandbox.source(), day);
        rsnapshot.run("alpha");
    }
    // A slow rsync: rsnapshot has copied the last level, and is changing the copy.
    let slow = sandbox.path("slow-rsync");
    fs::write(&slow, "#!/bin/sh\ntouch \"$0.begun\"\nsleep 3\nexec /usr/bin/rsync \"$@\"\n")
        .expect("a script");
    done(Command::new("chmod").arg("+x").arg(&slow));
    let text = fs::read_to_string(rsnapshot.config()).expect("a config");
    fs::write(rsnapshot.config(), text.replace("/usr/bin/rsync", slow.to_str().expect("a path")))
        .expect("it");
    live(&sandbox.source(), 2);
    let mut running =
        Command::new("rsnapshot").arg("-c").arg(rsnapshot.config()).arg("alpha").spawn().expect("rsnapshot");
    fs_tests::wait_until("rsnapshot to run rsync", Duration::from_secs(60), || {
        sandbox.path("slow-rsync.begun").exists().then_some(())
    });
    let import = |args: &[&str]| {
        sandbox.yester(["--json", "import", "--config"]).arg(rsnapshot.config()).args(args).run().ok()
    };
    let lines = import(&[]).json_lines();
    let reasons: Vec<_> = lines.iter().filter_map(|line| line["reason"].as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("rsnapshot is running")), "{lines:?}");
    assert!(lines.iter().all(|line| !line["run"].is_string()), "nothing is certain yet: {lines:?}");

    // With --wait all of it is there.
    let lines = import(&["--wait"]).json_lines();
    assert!(running.wait().expect("rsnapshot").success());
    assert_eq!(lines.iter().filter(|line| line["snapshot"].is_string()).count(), 4, "{lines:?}");
    assert_eq!(import(&[]).json_lines().iter().filter(|line| line["snapshot"].is_string()).count(), 0);
}
