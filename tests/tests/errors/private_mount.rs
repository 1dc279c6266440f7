//! A FUSE mount that lets in nobody but its owner is left out, and makes no import partial.

use std::fs;

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox};

#[test]
fn anothers_own_mount_is_left_out() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::new();
    let other = Sandbox::with_repository();
    file(other.source().join("history"), "of another");
    other.import();
    let tree = sandbox.source();
    file(tree.join("home/doc"), "a document");
    file(tree.join("home/mount/hidden"), "below the mount");
    file(tree.join("home/zzz"), "behind it");
    sandbox.give_to_nobody();
    sandbox.yester(["init"]).as_nobody().run().ok();
    let import = |options: &[&str]| {
        sandbox.yester(["--json", "-v", "import"]).args(options).arg(&tree).as_nobody().run()
    };
    import(&[]).ok();
    let point = tree.join("home/mount");
    fs::remove_file(point.join("hidden")).expect("an empty folder");
    let listed =
        |time: &str| sandbox.yester(["--json", "ls"]).arg(format!("{time}:home")).run().ok().json_lines();
    let mut before = listed("@latest");
    let mount = before.iter_mut().find(|entry| entry["name"] == "mount").expect("its place");
    mount["content_excluded"] = true.into();
    // What root mounts so is closed to nobody, as what a user mounts is to root.
    let mounted = Mounted::start(&other.yester(["mount"]).arg(&point), &point);
    for options in [&[][..], &["--one-file-system"]] {
        let ran = import(options).code_is(0);
        assert_eq!(ran.json()["status"], "complete", "{ran}");
        let named = ran.stderr().lines().any(|line| line.contains("home/mount: left out"));
        assert!(named, "{ran}");
        // Its place is there, as it was before.
        assert_eq!(listed("@latest"), before, "{ran}");
        assert!(sandbox.yester(["ls", "@latest:home/mount"]).run().code_is(0).stdout.is_empty());
    }
    drop(mounted);
    // Where nothing is known of its place.
    let ran = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    assert!(ran.iter().all(|snapshot| snapshot["troubled"] == 0), "{ran:?}");
    let mounted = Mounted::start(&other.yester(["mount"]).arg(&point), &point);
    let ran = import(&["--source", "fresh"]).code_is(0);
    assert_eq!(ran.json()["status"], "complete", "{ran}");
    let listed = sandbox.yester(["--json", "ls", "fresh@latest:home"]).run().ok().json_lines();
    let place = listed.iter().find(|entry| entry["name"] == "mount").expect("its place");
    assert_eq!(
        (&place["type"], &place["mode"], &place["uid"]),
        (&"directory".into(), &"0700".into(), &0.into())
    );
    assert!(listed.iter().any(|entry| entry["name"] == "zzz"));
    drop(mounted);
}
