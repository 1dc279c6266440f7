//! `@versions`, versions by number, and what nodes tell of themselves.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::{Mounted, Sandbox, as_nobody};

/// `etc/passwd` was "one", "two", nothing, and is "one" again; `changing` was a file and is a folder.
fn history() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let path = |name: &str| sandbox.source().join(name);
    let mut names = Vec::new();
    file(path("etc/passwd"), "one");
    file(path("changing"), "a file");
    names.push(sandbox.import());
    file(path("etc/passwd"), "two, which is longer");
    file(path("etc/passwd;2"), "real");
    names.push(sandbox.import());
    fs::remove_file(path("etc/passwd")).expect("it goes");
    fs::remove_file(path("changing")).expect("it goes");
    file(path("changing/below"), "in a folder");
    names.push(sandbox.import());
    file(path("etc/passwd"), "three");
    names.push(sandbox.import());
    (sandbox, names)
}

#[track_caller]
fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

#[track_caller]
fn is_missing(path: impl AsRef<Path>) {
    let error = fs::symlink_metadata(&path).expect_err("there is such a file");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", path.as_ref().display());
}

#[test]
fn every_path_has_a_folder_of_its_versions() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = history();
    let mounted = Mounted::source(&sandbox);
    assert!(!mounted.names("").contains(&"@versions".to_owned()), "listed, find would walk everything twice");
    assert_eq!(mounted.names("@versions"), ["changing", "empty", "etc", "hello.txt", "hollow", "link"]);
    assert_eq!(mounted.names("@versions/etc/passwd"), [&*names[0], &names[1], &names[3]]);
    assert_eq!(mounted.names("@versions/changing"), [&*names[0], "below"]);
    let at = |name: &str| mounted.path("@versions/etc/passwd").join(name);
    assert_eq!(
        [read(at(&names[0])), read(at(&names[1])), read(at(&names[3]))],
        ["one", "two, which is longer", "three"]
    );
    let number = |path: &Path| fs::symlink_metadata(path).expect("a file").ino();
    assert_eq!(
        number(&at(&names[1])),
        number(&mounted.path(&names[1]).join("etc/passwd")),
        "not the same node"
    );
    assert_eq!(fs::read_link(at("@first")).expect("a link").to_str(), Some(&*names[0]));
    is_missing(mounted.path("@versions/etc/nothing"));
    is_missing(at(&names[2]));
    // What is kept of a link, too, is its node.
    assert_eq!(
        fs::read_link(mounted.path("@versions/link").join(&names[0])).expect("a link").to_str(),
        Some("hello.txt")
    );
    // A walk over everything ends, and finds what was deleted.
    let found = Command::new("find")
        .arg(mounted.path("@versions"))
        .args(["-name", &names[1]])
        .output()
        .expect("find");
    assert!(found.status.success(), "{found:?}");
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(found.lines().count(), 2, "etc/passwd and etc/passwd;2: {found}");
}

#[test]
fn a_new_snapshot_appears_in_the_folders() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = history();
    let mounted = Mounted::source(&sandbox);
    let versions = "@versions/etc/passwd";
    for _ in 0..3 {
        assert_eq!(mounted.names(versions).len(), 3);
        is_missing(mounted.path("@versions/new"));
        is_missing(mounted.path(&names[0]).join("etc/passwd;4"));
    }
    file(sandbox.source().join("etc/passwd"), "the fourth of them");
    file(sandbox.source().join("new"), "new");
    let name = sandbox.import();
    assert_eq!(read(mounted.path(versions).join(&name)), "the fourth of them");
    assert_eq!(read(mounted.path("@versions/new").join(&name)), "new");
    assert_eq!(read(mounted.path(&names[0]).join("etc/passwd;4")), "the fourth of them");
    assert_eq!(mounted.names(versions), [&*names[0], &names[1], &names[3], &name]);
    assert!(mounted.names("@versions").contains(&"new".to_owned()), "the listing is an old one");
}

#[test]
fn versions_have_numbers() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = history();
    let mounted = Mounted::source(&sandbox);
    let at = |snapshot: usize, name: &str| mounted.path(&names[snapshot]).join("etc").join(name);
    assert_eq!(read(at(0, "passwd;1")), "one");
    assert_eq!(read(at(0, "passwd;2")), "two, which is longer");
    assert_eq!(read(at(3, "passwd;3")), "three");
    assert_eq!(read(at(3, "passwd;2")), "real", "a real entry of that name wins");
    for (snapshot, before) in [(1, "one"), (2, "two, which is longer"), (3, "two, which is longer")] {
        assert_eq!(read(at(snapshot, "passwd;-1")), before);
    }
    assert_eq!(read(at(3, "passwd;-2")), "one");
    for (snapshot, name) in
        [(0, "passwd;-1"), (0, "passwd;4"), (0, "passwd;0"), (0, "passwd;01"), (0, "deep;1"), (0, "x;1")]
    {
        is_missing(at(snapshot, name));
    }
    assert_eq!(
        mounted.names(format!("{}/etc", names[0])),
        ["deep", "hello-again", "passwd"],
        "nothing more is listed"
    );
}

#[test]
fn versions_are_listed_when_asked() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = history();
    for option in [&["--with-versions"][..], &["-o", "with-versions"]] {
        let mounted = Mounted::with(&sandbox, &[&["--source", "source"], option].concat());
        let all = |snapshot: usize| mounted.names(format!("{}/etc", names[snapshot]));
        let listed = |snapshot: usize| {
            let names = all(snapshot).into_iter();
            names.filter(|name| !name.starts_with("added")).collect::<Vec<_>>()
        };
        let common = [
            "deep",
            "hello-again",
            "hello-again;1",
            "passwd",
            "passwd;1",
            "passwd;2",
            "passwd;2;1",
            "passwd;3",
        ];
        assert_eq!(listed(0), common);
        // The one that is real in this snapshot is listed once.
        assert_eq!(listed(1), common);
        assert_eq!(read(mounted.path(&names[1]).join("etc/passwd;2")), "real");
        let number =
            |name: &str| fs::metadata(mounted.path(&names[0]).join("etc").join(name)).expect("a file").ino();
        assert_eq!(number("passwd;1"), number("passwd"));
        file(sandbox.source().join("etc/added"), option.len().to_string());
        sandbox.import();
        fs_tests::wait_until("the new version to be listed", std::time::Duration::from_secs(10), || {
            all(0).contains(&format!("added;{}", option.len())).then_some(())
        });
    }
}

#[test]
fn nodes_tell_where_they_are_from() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = history();
    let mounted = Mounted::source(&sandbox);
    let tell = |path: &Path, name: &str| -> Option<String> {
        let mut value = [0; 200];
        let len = rustix::fs::getxattr(path, format!("user.yester.{name}"), &mut value[..]).ok()?;
        Some(String::from_utf8_lossy(&value[..len]).into_owned())
    };
    let folder = mounted.path(&names[0]).join("etc");
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    for field in ["source", "snapshot", "time", "status"] {
        assert_eq!(tell(&folder, field).as_deref(), listed[0][field].as_str(), "{field}");
    }
    let (one, two) = (folder.join("passwd"), mounted.path(&names[1]).join("etc/passwd"));
    assert!(tell(&one, "version").is_some_and(|version| version.len() == 24));
    assert_ne!(tell(&one, "version"), tell(&two, "version"));
    let again = mounted.path("@versions/etc/passwd").join(&names[0]);
    assert_eq!(tell(&one, "version"), tell(&again, "version"));
    assert_eq!(tell(&one, "source"), None);
    // A copy must not carry them.
    let mut list = [0; 200];
    for path in [&folder, &one] {
        assert_eq!(rustix::fs::listxattr(path, &mut list[..]).expect("a list"), 0);
    }
}

/// What was in a folder while it was private is not for others, although it was opened later.
#[test]
fn what_was_private_stays_private() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let folder = sandbox.source().join("folder");
    let mode = |bits| fs::set_permissions(&folder, fs::Permissions::from_mode(bits)).expect("a mode");
    file(folder.join("file"), "secret");
    mode(0o700);
    let first = sandbox.import();
    file(folder.join("file"), "for everybody");
    mode(0o755);
    let second = sandbox.import();
    let mounted = Mounted::with(&sandbox, &["--source", "source", "-o", "allow_other"]);
    let others = |path: String| {
        let output = as_nobody("cat").arg(mounted.path(path)).output().expect("cat");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(others(format!("{second}/folder/file")).as_deref(), Some("for everybody"));
    assert_eq!(others(format!("{first}/folder/file")), None);
    assert_eq!(others(format!("{second}/folder/file;1")), None);
    assert_eq!(others(format!("{second}/folder/file;2")).as_deref(), Some("for everybody"));
    assert_eq!(others(format!("@versions/folder/file/{first}")), None);
    assert_eq!(read(mounted.path("@versions/folder/file").join(&first)), "secret", "root may");
}
