//! Other users in the mount: let in by `allow_other`, and then held to the permissions of each file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox, as_nobody};

fn with_a_secret() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("open"), "for all");
    file(sandbox.source().join("secret"), "for root");
    file(sandbox.source().join("closed/file"), "for root");
    let restrict = |name: &str, mode| {
        fs::set_permissions(sandbox.source().join(name), Permissions::from_mode(mode)).expect("a mode");
    };
    restrict("open", 0o644);
    restrict("secret", 0o600);
    restrict("closed", 0o700);
    sandbox.import();
    sandbox
}

/// What user 65534 sees in a file, or what stops it.
fn read_as_nobody(mounted: &Mounted, path: &str) -> Result<String, String> {
    let ran = as_nobody("cat").arg(mounted.path(path)).env("LC_ALL", "C").output().expect("cat runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ran.status.success() { Ok(text(&ran.stdout)) } else { Err(text(&ran.stderr)) }
}

#[test]
fn allow_other_keeps_to_the_permissions() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = with_a_secret();
    let mounted = Mounted::with(&sandbox, &["--source", "source", "-o", "allow_other"]);
    assert_eq!(read_as_nobody(&mounted, "@latest/open").as_deref(), Ok("for all"));
    for closed in ["@latest/secret", "@latest/closed/file"] {
        let error = read_as_nobody(&mounted, closed).expect_err(closed);
        assert!(error.contains("Permission denied"), "{closed}: {error}");
    }
    // Root is not held to them.
    assert_eq!(fs::read(mounted.path("@latest/secret")).expect("the secret"), b"for root");
    // What root has read does not open the file to others.
    assert!(read_as_nobody(&mounted, "@latest/secret").is_err());
}

#[test]
fn without_it_nobody_else_gets_in() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV]) {
        return;
    }
    let sandbox = with_a_secret();
    let mounted = Mounted::source(&sandbox);
    let error = read_as_nobody(&mounted, "@latest/open").expect_err("a file in root's own mount");
    assert!(error.contains("Permission denied"), "{error}");
}
