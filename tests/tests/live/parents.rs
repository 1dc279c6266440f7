//! Folders above a source that kept other users out of it on disk keep them out of its history, too.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox, as_nobody};

struct Parent<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
}

impl<'a> Parent<'a> {
    fn of(sandbox: &'a Sandbox) -> Self {
        Self { sandbox, folder: sandbox.path("parent") }
    }

    /// Imports a file in a tree below a folder that lets in these, and returns the snapshot's name.
    fn import(&self, mode: u32, text: &str) -> String {
        let tree = self.folder.join("between/tree");
        file(tree.join("file"), text);
        fs::set_permissions(&self.folder, Permissions::from_mode(mode)).expect("a mode");
        let ran = self.sandbox.yester(["--json", "import", "--source", "source"]).arg(&tree).run().ok();
        ran.json()["name"].as_str().expect("a name").to_owned()
    }
}

fn others(path: &Path) -> Option<String> {
    let output = as_nobody("cat").arg(path).output().expect("cat");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_was_below_a_closed_folder_stays_closed() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let parent = Parent::of(&sandbox);
    let closed = parent.import(0o700, "for root");
    let open = parent.import(0o755, "for everybody");
    let mounted = Mounted::with(&sandbox, &["-o", "allow_other"]);
    let seen = |path: String| others(&mounted.path(path));
    assert_eq!(seen(format!("source/{open}/file")).as_deref(), Some("for everybody"));
    let ways = [
        format!("source/{closed}/file"),
        "source/@first/file".to_owned(),
        format!("{closed}/source/file"),
        format!("source/{open}/file;1"),
        format!("source/{open}/file;-1"),
        format!("source/@versions/file/{closed}"),
        format!("source/@changes/{open}..{closed}/modified/file"),
        format!("source/@changes/{closed}..{open}/modified/file"),
    ];
    for way in &ways {
        assert_eq!(seen(way.clone()), None, "{way}");
        // Root sees all, but that a number which is not for all is for nobody.
        assert!(way.contains(';') || fs::read(mounted.path(way)).is_ok(), "{way}");
    }
    let root = fs::metadata(mounted.path(format!("source/{closed}"))).expect("a snapshot");
    assert_eq!(root.permissions().mode() & 0o7777, 0o700);

    // A mount is live: what comes later is closed as well.
    let later = parent.import(0o710, "for root again");
    let name = format!("source/{later}");
    fs_tests::wait_until("the snapshot", std::time::Duration::from_secs(10), || {
        mounted.path(&name).exists().then_some(())
    });
    assert_eq!(seen(format!("{name}/file")), None);
    assert_eq!(seen("source/@latest/file".to_owned()), None);
    drop(mounted);

    for option in [&["--allow-open-parents"][..], &["-o", "allow-open-parents"]] {
        let mounted = Mounted::with(&sandbox, &[&["-o", "allow_other"], option].concat());
        for way in &ways {
            assert!(others(&mounted.path(way)).is_some(), "{way}");
        }
    }
}

#[test]
fn who_could_pass_still_can() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let parent = Parent::of(&sandbox);
    fs::create_dir_all(parent.folder.join("between/tree")).expect("folders");
    sandbox.give_to_nobody_below("parent");
    let own = parent.import(0o700, "for its owner");
    // To pass is enough.
    let passed = parent.import(0o711, "for all");
    std::os::unix::fs::chown(&parent.folder, Some(0), None).expect("an owner");
    let group = parent.import(0o750, "for a group of who knows whom");
    let mounted = Mounted::with(&sandbox, &["--source", "source", "-o", "allow_other"]);
    assert_eq!(others(&mounted.path(own).join("file")).as_deref(), Some("for its owner"));
    assert_eq!(others(&mounted.path(passed).join("file")).as_deref(), Some("for all"));
    assert_eq!(others(&mounted.path(group).join("file")), None);
}

#[test]
fn a_level_of_a_closed_snapshot_root_is_closed() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("snapshots");
    file(root.join("daily.0/web1/file"), "for root");
    fs::set_permissions(&root, Permissions::from_mode(0o700)).expect("a mode");
    sandbox.yester(["import", "--layout", "rsnapshot"]).arg(&root).run().ok();
    let mounted = Mounted::with(&sandbox, &["-o", "allow_other"]);
    let path = mounted.path("web1/@latest/file");
    assert_eq!(fs::read(&path).expect("a file"), b"for root");
    assert_eq!(others(&path), None);
}
