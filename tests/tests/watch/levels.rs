//! rsnapshot's levels, as it makes them.

use std::path::Path;
use std::process::Command;

use fs_tests::needs::{self, Need, RSNAPSHOT, RSYNC};
use fs_tests::{Sandbox, wait_until};
use serde_json::Value;

use super::{LIMIT, Watch, snapshots, stays, wait_for};
use crate::layouts::rsnapshot::Rsnapshot;
use crate::layouts::{Kept, done, live};

/// A copy of a level's backup point, whose snapshot is not known yet.
fn copy(sandbox: &Sandbox, level: &Path, number: usize) -> Vec<(String, std::path::PathBuf)> {
    ["localhost", "web1"]
        .map(|point| {
            let to = sandbox.path(format!("kept-{point}-{number}"));
            done(Command::new("cp").arg("-a").arg(level.join(point)).arg(&to));
            (point.to_owned(), to)
        })
        .into()
}

/// The copies with their snapshots: each source's are in the order of the rotations.
fn kept(listed: &[Value], copies: &[(String, std::path::PathBuf)]) -> Vec<Kept> {
    let mut kept = Vec::new();
    for point in ["localhost", "web1"] {
        let of: Vec<&Value> = listed.iter().filter(|line| line["source"] == point).collect();
        let copies: Vec<_> = copies.iter().filter(|(source, _)| source == point).collect();
        assert_eq!(of.len(), copies.len(), "{point}: {listed:?}");
        for (line, (source, copy)) in of.iter().zip(copies) {
            let id = line["snapshot"].as_str().expect("an id").to_owned();
            kept.push(Kept { id, source: source.clone(), copy: copy.clone() });
        }
    }
    kept
}

fn every_rotation_comes_in(link_dest: bool, sync_first: bool) {
    let sandbox = Sandbox::with_repository();
    let rsnapshot = Rsnapshot::new(&sandbox, link_dest, sync_first);
    let root = sandbox.path("backup");
    live(&sandbox.source(), 0);
    rsnapshot.run("alpha");
    let mut copies = copy(&sandbox, &root.join("alpha.0"), 0);
    let config =
        format!("[[watch]]\nlayout = \"rsnapshot\"\nconfig = \"{}\"\n", rsnapshot.config().display());
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 2, LIMIT);
    for day in 1..4 {
        live(&sandbox.source(), day.try_into().expect("small"));
        if day == 2 {
            rsnapshot.run("beta");
        }
        rsnapshot.run("alpha");
        copies.extend(copy(&sandbox, &root.join("alpha.0"), day));
        if day != 2 {
            wait_for(&sandbox, 2 * (day + 1), LIMIT);
        }
    }
    stays(&sandbox, 8, std::time::Duration::from_secs(2));
    let listed = snapshots(&sandbox);
    assert!(listed.iter().all(|line| line["status"] != "complete"), "{listed:?}");
    let kept = kept(&listed, &copies);
    watch.stop().ok();
    crate::layouts::check(&sandbox, &kept);
    let again = sandbox.yester(["import", "--config"]).arg(rsnapshot.config()).run().ok().text();
    assert!(again.starts_with("nothing new"), "{again}");
}

/// All at once: they mostly wait.
#[test]
fn levels_come_in_as_they_are_made() {
    if !needs::met(&[Need::Root, Need::Fuse, RSYNC, RSNAPSHOT]) {
        return;
    }
    std::thread::scope(|scope| {
        for (link_dest, sync_first) in [(true, false), (false, false), (true, true)] {
            scope.spawn(move || every_rotation_comes_in(link_dest, sync_first));
        }
    });
}

/// rsnapshot has renamed and copied, and rsync is at work in the copy.
#[test]
fn a_level_in_the_making_waits() {
    if !needs::met(&[Need::Root, RSYNC, RSNAPSHOT]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let rsnapshot = Rsnapshot::new(&sandbox, false, false);
    live(&sandbox.source(), 0);
    rsnapshot.run("alpha");
    let config = format!("[[watch]]\nconfig = \"{}\"\n", rsnapshot.config().display());
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 2, LIMIT);

    let slow = sandbox.path("slow-rsync");
    std::fs::write(&slow, "#!/bin/sh\ntouch \"$0.begun\"\nsleep 2\nexec /usr/bin/rsync \"$@\"\n")
        .expect("a script");
    done(Command::new("chmod").arg("+x").arg(&slow));
    let text = std::fs::read_to_string(rsnapshot.config()).expect("a config");
    std::fs::write(rsnapshot.config(), text.replace("/usr/bin/rsync", slow.to_str().expect("a path")))
        .expect("it");
    live(&sandbox.source(), 1);
    let mut running =
        Command::new("rsnapshot").arg("-c").arg(rsnapshot.config()).arg("alpha").spawn().expect("rsnapshot");
    wait_until("rsnapshot to end", LIMIT, || {
        let seen = super::count(&sandbox);
        let ended = running.try_wait().expect("its status");
        assert!(ended.is_some() || seen == 2, "a level that rsnapshot was making");
        ended
    });
    assert!(sandbox.path("slow-rsync.begun").exists());
    wait_for(&sandbox, 4, LIMIT);
    // rsnapshot keeps the whole path.
    let hello = format!("@latest:{}/hello.txt", sandbox.source().display()).replace(":/", ":");
    let seen = sandbox.yester(["cat", "--source", "localhost"]).arg(hello).run().ok().text();
    assert_eq!(seen, "hello, later\n");
    watch.stop().ok();
}
