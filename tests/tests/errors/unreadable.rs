//! What cannot be read, or does not hold still: named on stderr, the rest imported, the snapshot marked, exit 3.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fs_tests::needs::{self, Need, SETPRIV, STRACE};
use fs_tests::plant::{file, noise, small};
use fs_tests::wait::pause;
use fs_tests::{Mounted, Sandbox};
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use serde_json::json;

use super::{cat, snapshots, text};

/// Tells a busy thread to stop, also when the test fails before its end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_one_may_not_read_is_named() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    file(sandbox.source().join("secret"), "for root");
    file(sandbox.source().join("closed/inside"), "for root");
    sandbox.give_to_nobody();
    let close = |name: &str| {
        let path = sandbox.source().join(name);
        std::os::unix::fs::chown(&path, Some(0), Some(0)).expect("an owner");
        fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("a mode");
    };
    close("secret");
    close("closed");
    sandbox.yester(["init"]).as_nobody().run().ok();
    let ran = sandbox.yester(["--json", "import"]).arg(sandbox.source()).as_nobody().run().code_is(3);
    assert_eq!(ran.json()["status"], "partial", "{ran}");
    for path in ["secret", "closed"] {
        let whole = sandbox.source().join(path);
        let named =
            ran.stderr().lines().any(|line| line.starts_with("yester: ") && line.contains(text(&whole)));
        assert!(named, "{path} is not named: {ran}");
    }
    assert!(!ran.stderr().contains("hello.txt"), "{ran}");

    // The folder's mode and owner are known all the same.
    let listed = sandbox.yester(["--json", "ls", "@latest:"]).run().ok().json_lines();
    let closed = listed.iter().find(|entry| entry["name"] == "closed").expect("the folder");
    assert_eq!((closed["mode"].as_str(), &closed["uid"]), (Some("0700"), &json!(0)), "{closed}");
    assert!(sandbox.yester(["ls", "@latest:closed"]).run().code_is(3).stdout.is_empty());
    let secret = listed.iter().find(|entry| entry["name"] == "secret").expect("the file");
    assert!(secret["not_read"].is_string() && secret["mode"] == "0700", "{secret}");

    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json();
    assert_eq!(listed["status"], "partial");
    let cat = sandbox.yester(["cat", "@latest:etc/passwd"]).run().ok();
    assert_eq!(cat.stdout, b"root:x:0:0::/root:/bin/sh\n");

    // All becomes readable: the next snapshot is whole.
    sandbox.give_to_nobody_below("source");
    let next = sandbox.yester(["--json", "import"]).arg(sandbox.source()).as_nobody().run().ok();
    assert_eq!(next.json()["status"], "complete");
    assert_eq!(sandbox.yester(["cat", "@latest:secret"]).run().ok().stdout, b"for root");
    assert_eq!(sandbox.yester(["cat", "@latest:closed/inside"]).run().ok().stdout, b"for root");
}

/// Imports while a system call fails; what it was asked of must be named, and the snapshot be partial.
#[track_caller]
fn import_failing(sandbox: &Sandbox, call: &str, on: &Path) {
    let path = (call == "getdents64").then_some(on);
    let import = sandbox.yester(["--json", "import"]).arg(sandbox.source()).failing(call, path);
    let ran = import.run().code_is(3);
    assert_eq!(ran.json()["status"], "partial", "{ran}");
    assert!(ran.stderr().lines().any(|line| line.contains(text(on))), "{call}: {ran}");
}

/// Its missing attributes are no empty list: programs that copy them fail.
#[test]
fn a_file_is_kept_whose_attributes_cannot_be_read() {
    if !needs::met(&[Need::Fuse, STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let attributed = sandbox.source().join("attributed");
    file(&attributed, "content");
    rustix::fs::setxattr(&attributed, "user.key", b"value", XattrFlags::empty()).expect("an attribute");
    let value = |path: &Path| {
        let mut value = [0; 10];
        rustix::fs::getxattr(path, "user.key", &mut value[..]).map(|len| value[..len].to_vec())
    };
    for call in ["llistxattr,flistxattr", "lgetxattr,fgetxattr"] {
        import_failing(&sandbox, call, &attributed);
        assert_eq!(cat(&sandbox, "@latest", "attributed"), b"content");
        assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
        let partial = snapshots(&sandbox).pop().expect("a snapshot");
        let whole = sandbox.import();
        let mounted = Mounted::source(&sandbox);
        let lacking = mounted.path(partial).join("attributed");
        assert_eq!(value(&lacking), Err(Errno::IO), "{call}");
        assert_eq!(rustix::fs::listxattr(&lacking, &mut [0; 100][..]), Err(Errno::IO), "{call}");
        assert_eq!(value(&mounted.path(whole).join("attributed")), Ok(b"value".to_vec()), "{call}");
    }
}

#[test]
fn a_folder_that_cannot_be_listed_is_filled_by_the_next_import() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let folder = sandbox.source().join("folder");
    file(folder.join("inside"), "content");
    fs::set_permissions(&folder, Permissions::from_mode(0o751)).expect("a mode");
    sandbox.import();
    import_failing(&sandbox, "getdents64", &folder);
    let listed = sandbox.yester(["--json", "ls", "@latest:"]).run().ok().json_lines();
    let kept = listed.iter().find(|entry| entry["name"] == "folder").expect("the folder");
    assert_eq!(kept["mode"], "0751", "{kept}");
    assert!(sandbox.yester(["ls", "@latest:folder"]).run().code_is(3).stdout.is_empty());
    // It has not changed since, but is no unchanged empty folder.
    sandbox.import();
    assert_eq!(cat(&sandbox, "@latest", "folder/inside"), b"content");
}

#[test]
fn a_file_that_never_holds_still_is_marked() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let restless = sandbox.source().join("restless");
    file(&restless, noise(5, 30_000_000));
    let stop = AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let open = File::options().write(true).open(&restless).expect("the file");
            let mut round = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                open.write_all_at(&round.to_le_bytes(), round * 4096 % 29_000_000).expect("a change");
                round += 1;
                if round.is_multiple_of(64) {
                    pause(Duration::from_millis(1));
                }
            }
        });
        sandbox.yester(["--json", "import"]).arg(sandbox.source()).run()
    });
    let ran = ran.code_is(3);
    assert!(ran.stderr().contains(text(&restless)), "not named: {ran}");
    assert_ne!(ran.json()["status"], "complete", "{ran}");
    assert_eq!(snapshots(&sandbox).len(), 1);
    assert_eq!(sandbox.yester(["cat", "@latest:hello.txt"]).run().ok().stdout, b"hello\n");

    // It rests: what is imported now is what it is.
    let next = sandbox.yester(["--json", "import"]).arg(sandbox.source()).run().ok();
    assert_eq!(next.json()["status"], "complete");
    let seen = sandbox.yester(["cat", "@latest:restless"]).run().ok();
    assert!(seen.stdout == fs::read(&restless).expect("the file"), "the content is not the file's");
}

/// Names come and go during the walk: the import ends well, whatever it caught.
#[test]
fn vanishing_files_stop_nothing() {
    let sandbox = Sandbox::with_repository();
    for number in 0..3000 {
        file(sandbox.source().join(format!("stays/{number}")), format!("{number}"));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                let folder = sandbox.source().join(format!("comes-and-goes-{}", round % 50));
                fs::create_dir(&folder).expect("a folder");
                for number in 0..20 {
                    file(folder.join(format!("{number}")), "short-lived");
                }
                fs::remove_dir_all(&folder).expect("no folder");
                round += 1;
            }
        });
        for _ in 0..5 {
            let ran = sandbox.yester(["--json", "import"]).arg(sandbox.source()).run();
            let status = ran.json()["status"].as_str().expect("a status").to_owned();
            match ran.code() {
                Some(0) => assert_eq!(status, "complete", "{ran}"),
                Some(3) => assert!(status == "vanished" || status == "partial", "{ran}"),
                _ => panic!("{ran}"),
            }
        }
    });
    assert_eq!(snapshots(&sandbox).len(), 5);
    assert_eq!(sandbox.yester(["cat", "@latest:stays/1234"]).run().ok().stdout, b"1234");
}
