//! `yester log PATH`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::{Mounted, Sandbox};
use serde_json::Value;

/// The history of `etc/passwd`: twice the same, another mode, other bytes, gone, back as it first was.
fn with_history() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let passwd = sandbox.source().join("etc/passwd");
    let mut names = vec![sandbox.import(), sandbox.import()];
    let (first, first_time) = (fs::read(&passwd).expect("it"), fs::metadata(&passwd).expect("it").modified());
    fs::set_permissions(&passwd, fs::Permissions::from_mode(0o600)).expect("a mode");
    names.push(sandbox.import());
    file(&passwd, "other bytes, and more of them than before\n");
    names.push(sandbox.import());
    fs::remove_file(&passwd).expect("it goes");
    names.push(sandbox.import());
    file(&passwd, first);
    fs::File::options()
        .write(true)
        .open(&passwd)
        .expect("it")
        .set_modified(first_time.expect("a time"))
        .expect("a time");
    fs::set_permissions(&passwd, fs::Permissions::from_mode(0o644)).expect("a mode");
    names.push(sandbox.import());
    (sandbox, names)
}

#[track_caller]
fn strings<'a>(line: &'a Value, field: &str) -> Vec<&'a str> {
    line[field].as_array().expect("a list").iter().map(|word| word.as_str().expect("a word")).collect()
}

#[test]
fn each_stretch_is_told() {
    let (sandbox, names) = with_history();
    let lines = sandbox.yester(["--json", "log", "etc/passwd"]).run().ok().json_lines();
    let told = |field: &str| lines.iter().map(|line| line[field].clone()).collect::<Vec<Value>>();
    assert_eq!(told("version"), [1.into(), 2.into(), 3.into(), Value::Null, 1.into()]);
    assert_eq!(told("type"), ["file", "file", "file", "absent", "file"]);
    assert_eq!(told("first"), [&*names[0], &names[2], &names[3], &names[4], &names[5]]);
    assert_eq!(told("last"), [&*names[1], &names[2], &names[3], &names[4], &names[5]]);
    assert_eq!(told("snapshots"), [2, 1, 1, 1, 1]);
    assert_eq!(told("mode")[..3], ["0644", "0600", "0600"]);
    assert_eq!(strings(&lines[0], "changed"), [""; 0]);
    assert_eq!(strings(&lines[1], "changed"), ["mode"]);
    assert_eq!(strings(&lines[2], "changed"), ["content", "time"]);
    let again = sandbox.yester(["--json", "log", "/etc//./passwd"]).run().ok().json_lines();
    assert_eq!(again, lines);
    // A number is enough to take a version.
    let first = sandbox.yester(["cat", "@latest:etc/passwd;1"]).run().ok().stdout;
    assert_eq!(first, sandbox.yester(["cat", &format!("{}:etc/passwd", names[0])]).run().ok().stdout);
    let text = sandbox.yester(["log", "/etc/passwd"]).run().ok().text();
    assert_eq!(text.lines().count(), 5, "{text}");
    for word in ["new", "mode", "content, time", "deleted", "2 snapshots", "-rw-------"] {
        assert!(text.contains(word), "no {word}: {text}");
    }
}

#[test]
fn a_time_ends_it_and_names_the_source() {
    let (sandbox, names) = with_history();
    let log = |path: String| sandbox.yester(["--json", "log", &path]).run().ok().json_lines().len();
    assert_eq!(log(format!("source{}:etc/passwd", names[1])), 1);
    assert_eq!(log(format!("{}:etc/passwd", names[4])), 4);
    assert_eq!(log("@latest:etc/passwd".into()), 5);
    // A directory is another one whenever something below it is.
    assert!(log("etc".into()) >= 4);
}

#[test]
fn what_never_was_is_said() {
    let (sandbox, names) = with_history();
    sandbox.yester(["log", "etc/nothing"]).run().fails(1, &["etc/nothing", "source"]);
    sandbox.yester(["log", "--source", "nonesuch", "etc"]).run().fails(1, &["nonesuch"]);
    sandbox.yester(["log", "@1999:etc"]).run().fails(1, &["@1999", &names[0]]);
}

#[test]
fn a_path_in_a_mount_is_enough() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, names) = with_history();
    for args in [&["--source", "source"][..], &[]] {
        let mounted = Mounted::with(&sandbox, args);
        let top = if args.is_empty() { mounted.path("source") } else { mounted.path("") };
        let lines = |path: &str| {
            let log = sandbox.bare_yester(["--json", "log", path]).folder(top.join("@latest/etc"));
            let lines = log.run().ok().json_lines();
            assert!(lines.iter().all(|line| line["source"] == "source"));
            (lines.len(), lines[0]["path"].as_str().expect("a path").to_owned())
        };
        let version = top.join("@versions/etc/passwd").join(&names[2]);
        let gone = top.join(&names[4]).join("etc/passwd");
        for path in [
            "passwd",
            "./passwd",
            "../etc/passwd",
            version.to_str().expect("text"),
            gone.to_str().expect("text"),
        ] {
            assert_eq!(lines(path), (5, "etc/passwd".to_owned()), "{path}");
        }
        assert_eq!(lines("../link").1, "link", "a link is not followed");
    }
    sandbox.bare_yester(["log", "etc/passwd"]).run().fails(1, &["repository"]);
}
