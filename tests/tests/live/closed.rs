//! What `@changes` tells a user of folders that were closed to her at either time: nothing. Two histories that differ only
//! there look the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox, as_nobody};

const TIMES: [&str; 2] = ["@2026-01-01T00-00-00", "@2026-01-02T00-00-00"];

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).expect("a mode");
}

/// All that is below a folder, and it, get one time.
fn still(folder: &Path) {
    let mut find = Command::new("find");
    find.arg(folder).args(["-exec", "touch", "-h", "-d", "2025-01-01", "{}", "+"]);
    assert!(find.status().expect("find runs").success());
}

/// What is hidden at a time: the same at both, or all different.
fn hide(folder: &Path, time: usize, changes: bool) {
    file(folder.join("stays"), "stays");
    let (name, text) = if changes && time == 1 { ("added", "changed") } else { ("deleted", "as it was") };
    file(folder.join("below").join(name), "x");
    file(folder.join(name), "x");
    file(folder.join("other"), text);
}

/// A mount of a history in which what was closed at one of two times changed between them, or did not.
fn history(changes: bool) -> (Sandbox, Mounted) {
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    for (time, name) in TIMES.iter().enumerate() {
        fs::remove_dir_all(&source).expect("no source");
        for folder in [
            "closed",
            "calm/deep/closed",
            "open/deep/closed",
            "was-closed",
            "is-closed",
            "acl",
            "listed",
            "passed",
        ] {
            hide(&source.join(folder), time, changes);
        }
        file(source.join("unchanged/file"), "the same");
        file(source.join("open/visible"), if time == 0 { "one" } else { "another" });
        if time == 0 {
            hide(&source.join("became-a-file"), 0, false);
            mode(&source.join("became-a-file"), 0o700);
            hide(&source.join("moved-from"), 0, changes);
            mode(&source.join("moved-from"), 0o700);
            file(source.join("became-closed"), "a file");
            mode(&source.join("was-closed"), 0o700);
        } else {
            file(source.join("became-a-file"), "a file");
            hide(&source.join("moved-to"), 1, changes);
            mode(&source.join("moved-to"), 0o700);
            hide(&source.join("became-closed"), 1, changes);
            mode(&source.join("became-closed"), 0o700);
            mode(&source.join("is-closed"), 0o700);
        }
        for (folder, bits) in [
            ("closed", 0o700),
            ("open/deep/closed", 0o710),
            ("calm/deep/closed", 0o700),
            ("listed", 0o744),
            ("passed", 0o711),
        ] {
            mode(&source.join(folder), bits);
        }
        let acl = Command::new("setfacl").args(["-m", "u:65534:---"]).arg(source.join("acl")).status();
        assert!(acl.expect("setfacl runs").success());
        still(&source);
        let time = name.replace("T00-00-00", "");
        sandbox.yester(["import", "--at", &time[1..]]).arg(&source).run().ok();
    }
    let mounted = Mounted::with(&sandbox, &["--source", "source", "-o", "allow_other"]);
    (sandbox, mounted)
}

/// All that user 65534 finds in a folder of the mount, and how it looks but for its inode number.
fn seen(mounted: &Mounted, folder: &str) -> String {
    let shown = ["-printf", "%P %y %m %u %g %s %b %n %T@ %l\n"];
    let mut find = as_nobody("find");
    let found = find.arg(mounted.path(folder)).args(shown).env("LC_ALL", "C").output().expect("find runs");
    let (out, err) = (String::from_utf8(found.stdout), String::from_utf8(found.stderr));
    let err = err.expect("text").replace(mounted.point().to_str().expect("text"), "");
    let mut lines: Vec<_> = out.expect("text").lines().chain(err.lines()).map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

/// What user 65534 hears of a name.
fn looked_up(mounted: &Mounted, path: &str) -> String {
    let mut stat = as_nobody("stat");
    let ran = stat.args(["-c", "%F %a %s %h %Y"]).arg(mounted.path(path)).env("LC_ALL", "C").output();
    let ran = ran.expect("stat runs");
    let text = String::from_utf8([ran.stdout, ran.stderr].concat()).expect("text");
    text.replace(mounted.point().to_str().expect("text"), "")
}

#[test]
fn changes_in_closed_folders_show_nowhere() {
    let acl = Need::Program("setfacl", "acl");
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV, acl]) {
        return;
    }
    let ((_one, still), (_other, changed)) = (history(false), history(true));
    for (from, to) in [(TIMES[0], TIMES[1]), (TIMES[1], TIMES[0])] {
        let all = format!("@changes/{from}..{to}");
        let (calm, busy) = (seen(&still, &all), seen(&changed, &all));
        assert_eq!(calm, busy, "{all}");
        assert!(calm.contains("modified/open/visible"), "{calm}");
        assert!(!calm.contains("stays") && !calm.contains("unchanged"), "{calm}");
        for part in ["added", "deleted", "modified", "not-read"] {
            for folder in ["closed", "open/deep/closed", "was-closed", "is-closed", "acl", "listed"] {
                for name in ["added", "deleted", "other", "stays", "below", "other;1", "other;-1"] {
                    let path = format!("{all}/{part}/{folder}/{name}");
                    assert_eq!(looked_up(&still, &path), looked_up(&changed, &path), "{path}");
                }
            }
        }
        // Who may see everything does.
        let other = changed.path(format!("{all}/modified/open/deep/closed/other"));
        let text = if to == TIMES[1] { "changed" } else { "as it was" };
        assert_eq!(fs::read_to_string(other).expect("a file"), text);
        for folder in ["closed", "calm/deep/closed"] {
            let listed = changed.names(format!("{all}/modified/{folder}"));
            assert_eq!(listed, ["below", "other"], "{all}");
        }
    }
    // The folders of versions, but for their time, which tells of the snapshots' ids, and for names that anybody could list.
    let versions = |mounted: &Mounted| {
        let all = seen(mounted, "@versions");
        let told = all.lines().filter(|line| !line.contains("listed/"));
        told.map(|line| line.split(" 1767312000.").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(versions(&still), versions(&changed));
}
