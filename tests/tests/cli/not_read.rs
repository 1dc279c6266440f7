//! What an import could not read, and what it excluded. No command takes it for deleted, empty or complete.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, Need, SETPRIV, STRACE};
use fs_tests::plant::file;
use fs_tests::wait::wait_for_age;
use fs_tests::{Mounted, Ran, Sandbox};
use rustix::io::Errno;
use serde_json::{Value, json};

const TAR: Need = Need::Program("tar", "tar");
const UNZIP: Need = Need::Program("unzip", "unzip");
const REASON: &str = "Permission denied";

/// What user 65534 may not read once it is closed. `closed` cannot be opened. `names` can be listed, but
/// `lstat` of its entries fails.
const ALL: [&str; 4] = ["d/secret", "empty", "closed", "names"];
/// What a restore of all that lacks.
const LACKING: [&str; 5] = ["d/secret", "empty", "closed", "names/a", "names/sub"];

/// Closes these paths to user 65534, or opens them again.
fn close(sandbox: &Sandbox, paths: &[&str], closed: bool) {
    for path in paths {
        let mode = match (*path, closed) {
            ("names", true) => 0o744,
            ("closed", true) => 0o700,
            ("names" | "closed", false) => 0o755,
            _ => 0o600,
        };
        let (path, owner) = (sandbox.source().join(path), if closed { 0 } else { 65534 });
        chown(&path, Some(owner), Some(owner)).expect("an owner");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    }
}

fn import(sandbox: &Sandbox) -> Ran {
    sandbox.yester(["--json", "import"]).arg(sandbox.source()).as_nobody().run()
}

/// Two snapshots by user 65534. In the second, these paths could not be read. `None` if a need is not met.
fn history(paths: &[&str], needs: &[Need]) -> Option<Sandbox> {
    if !needs::met(&[&[Need::Root, SETPRIV], needs].concat()) {
        return None;
    }
    let sandbox = Sandbox::new();
    for path in ["ok", "d/secret", "closed/inside", "names/a", "names/sub/x"] {
        file(sandbox.source().join(path), path);
    }
    file(sandbox.source().join("empty"), "");
    sandbox.give_to_nobody();
    close(&sandbox, paths, false);
    sandbox.yester(["init"]).as_nobody().run().ok();
    import(&sandbox).ok();
    close(&sandbox, paths, true);
    import(&sandbox).code_is(3);
    Some(sandbox)
}

/// The entry of a folder in a snapshot, as `ls --json` shows it.
#[track_caller]
fn listed(sandbox: &Sandbox, folder: &str, name: &str) -> Value {
    let ran = sandbox.yester(["--json", "ls", folder]).run();
    let found = ran.json_lines().into_iter().find(|entry| entry["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {ran}"))
}

fn log(sandbox: &Sandbox, path: &str) -> (Vec<String>, Vec<Value>) {
    let text = sandbox.yester(["log", path]).run().ok().text();
    let json = sandbox.yester(["--json", "log", path]).run().ok().json_lines();
    (text.lines().map(str::to_owned).collect(), json)
}

/// Requires a line of stderr that names the path and the reason.
#[track_caller]
fn names(ran: &Ran, path: &str) {
    let path = format!("{path}: ");
    let is_it = |line: &str| line.starts_with("yester: ") && line.contains(&path) && line.contains(REASON);
    assert!(ran.stderr().lines().any(is_it), "it does not name {path}{ran}");
}

#[track_caller]
fn is_eio<T>(result: io::Result<T>) {
    let error = result.err().and_then(|error| error.raw_os_error());
    assert_eq!(error, Some(Errno::IO.raw_os_error()));
}

/// Lists a folder of a mount to its end.
fn read_dir(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    fs::read_dir(path).and_then(Iterator::collect)
}

fn is_missing(path: PathBuf) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[test]
fn a_file_is_listed_with_its_metadata() {
    let Some(sandbox) = history(&["d/secret"], &[Need::Fuse]) else { return };
    let secret = |time: &str| listed(&sandbox, &format!("{time}:d"), "secret");
    let (read, entry) = (secret("@first"), secret("@latest"));
    assert!(entry["not_read"].as_str().expect("a reason").contains(REASON), "{entry}");
    assert!(read["not_read"].is_null() && entry["content_before"].is_string(), "{entry}");
    assert!(entry["type"] == "file" && entry["mode"] == "0600" && entry["uid"] == 0, "{entry}");
    assert!(entry["size"] == 8 && entry["mtime"] == read["mtime"], "{entry}");
    assert_eq!(sandbox.yester(["ls", "@latest:d"]).run().ok().text(), "secret\n");
    let long = sandbox.yester(["ls", "-l", "@latest:d"]).run().ok().text();
    assert!(long.starts_with("-rw------- ") && long.contains("  secret  (not read: Permission"), "{long}");

    let mounted = Mounted::source(&sandbox);
    let meta = fs::metadata(mounted.path("@latest/d/secret")).expect("its metadata");
    assert_eq!((meta.len(), meta.mode(), meta.uid()), (8, 0o100_600, 0));
    assert_eq!(mounted.names("@latest/d"), ["secret"]);
    is_eio(fs::read(mounted.path("@latest/d/secret")));
    sandbox.yester(["cat", "@latest:d/secret"]).run().fails(1, &["d/secret", REASON]);
    let found = sandbox.yester(["--json", "find", "secret"]).run().ok().json();
    assert_eq!((&found["path"], &found["deleted"]), (&"d/secret".into(), &false.into()));
    assert!(sandbox.yester(["find", "--deleted", "*"]).run().ok().stdout.is_empty());
}

#[test]
fn cat_fails_for_an_empty_file_too() {
    let Some(sandbox) = history(&["empty"], &[]) else { return };
    sandbox.yester(["cat", "@latest:empty"]).run().fails(1, &["empty", REASON]);
}

/// The kernel asks for no bytes beyond the size.
#[test]
fn a_mount_fails_for_an_empty_file_too() {
    let Some(sandbox) = history(&["empty"], &[Need::Fuse]) else { return };
    is_eio(fs::read(Mounted::source(&sandbox).path("@latest/empty")));
}

#[test]
fn the_content_before_is_the_one_last_read() {
    let Some(sandbox) = history(&["d/secret", "closed"], &[]) else { return };
    let before = |folder: &str, name: &str| listed(&sandbox, folder, name)["content_before"].clone();
    let (secret, closed) = (before("@latest:d", "secret"), before("@latest:", "closed"));
    assert!(secret.is_string() && closed.is_string() && secret != closed, "{secret} {closed}");
    // The next import cannot read any of this.
    let never = sandbox.source().join("never");
    file(&never, "never read");
    fs::set_permissions(&never, Permissions::from_mode(0o600)).expect("a mode");
    file(sandbox.source().join("d/secret"), "other content");
    file(sandbox.source().join("closed/new"), "new");
    import(&sandbox).code_is(3);
    assert_eq!(listed(&sandbox, "@latest:d", "secret")["size"], 13);
    assert_eq!((before("@latest:d", "secret"), before("@latest:", "closed")), (secret, closed));
    let never = listed(&sandbox, "@latest:", "never");
    assert!(never["not_read"].is_string() && never["content_before"].is_null(), "{never}");
    assert_eq!(sandbox.yester(["--json", "find", "never"]).run().ok().json()["versions"], 0);
}

#[test]
fn only_what_was_read_is_a_version() {
    let Some(sandbox) = history(&["d/secret"], &[Need::Fuse]) else { return };
    let (_, json) = log(&sandbox, "d/secret");
    assert!(json[0]["version"] == 1 && json[0]["not_read"].is_null(), "{}", json[0]);
    assert!(json[1]["version"].is_null() && json[1]["not_read"].is_string(), "{}", json[1]);
    let mounted = Mounted::source(&sandbox);
    for number in ["1", "-1"] {
        let version = fs::read(mounted.path(format!("@latest/d/secret;{number}"))).expect("a version");
        assert_eq!(version, b"d/secret");
    }
    assert!(is_missing(mounted.path("@latest/d/secret;2")));
    assert_eq!(mounted.names("@versions/d/secret"), [json[0]["first"].as_str().expect("a name")]);
}

#[test]
fn diff_does_not_know() {
    let Some(sandbox) = history(&["d/secret", "closed", "names"], &[]) else { return };
    let all = "m closed/\n? closed/inside\n? d/secret\nm names/\n? names/a\n? names/sub/\n? names/sub/x\n";
    for [from, to] in [["@first", "@latest"], ["@latest", "@first"]] {
        assert_eq!(sandbox.yester(["diff", from, to]).run().ok().text(), all);
    }
    let json = sandbox.yester(["--json", "diff", "@first", "@latest", "d/secret"]).run().ok().json();
    assert_eq!((&json["change"], &json["before"]["size"]), (&"not read".into(), &8.into()));
    // Nobody knows whether its content differs.
    assert_eq!(json["differs"], json!(["owner"]));
}

/// The printed path can be read, if it can be in any snapshot.
#[test]
fn find_names_a_snapshot_that_has_the_content() {
    let Some(sandbox) = history(&["d/secret", "closed"], &[]) else { return };
    let never = sandbox.source().join("never");
    file(&never, "never read");
    fs::set_permissions(&never, Permissions::from_mode(0o600)).expect("a mode");
    import(&sandbox).code_is(3);
    for name in ["secret", "closed", "never"] {
        let text = sandbox.yester(["find", name]).run().ok().text();
        assert!(text.contains("  not read  "), "{text}");
        let json = sandbox.yester(["--json", "find", name]).run().ok().json();
        assert_eq!((&json["not_read"], &json["deleted"]), (&json!(true), &json!(false)), "{json}");
        let place = text.split_whitespace().next_back().expect("a place");
        if name == "never" {
            assert!(json["last_read"].is_null() && place.starts_with(json["last"].as_str().expect("a name")));
            continue;
        }
        assert!(json["last_read"] == json["first"] && json["last"] != json["first"], "{json}");
        let command = if name == "closed" { "ls" } else { "cat" };
        assert!(!sandbox.yester([command, place]).run().ok().stdout.is_empty());
    }
    let ok = sandbox.yester(["--json", "find", "ok"]).run().ok().json();
    assert!(ok["not_read"].is_null() && ok["last_read"].is_null(), "{ok}");
}

/// The first snapshot has no `names/new`, and nobody knows what the second one lacks.
#[test]
fn diff_names_what_only_one_side_could_have() {
    let Some(sandbox) = history(&["names"], &[]) else { return };
    file(sandbox.source().join("names/new"), "new");
    import(&sandbox).code_is(3);
    let new = |from: &str, to: &str| {
        let diff = |options: &[&str]| sandbox.yester(["diff", from, to]).args(options).run().code_is(0);
        let text = diff(&[]).text();
        assert!(diff(&["--stat"]).text().contains(" not read"));
        assert!(diff(&["--patch"]).stderr().contains("names/new: left out of the patch"));
        text.lines().filter(|line| line.ends_with("names/new")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(new("@first", "@latest"), ["? names/new"]);
    assert_eq!(new("@latest", "@first"), ["? names/new"]);
    let json = sandbox.yester(["--json", "diff", "@first", "@latest", "names"]).run().ok().json_lines();
    let new = json.iter().find(|line| line["path"] == "names/new").expect("an object");
    assert_eq!((&new["change"], &new["before"]), (&"not read".into(), &Value::Null));
    import(&sandbox).code_is(3);
    assert_eq!(sandbox.yester(["diff", "@latest~1", "@latest"]).run().ok().text(), "");
}

/// Below a folder that was once excluded, what appears later is new.
#[test]
fn log_does_not_call_deleted_what_was_never_there() {
    let sandbox = Sandbox::with_repository();
    let backup = sandbox.source().join("backup");
    file(sandbox.source().join("ok"), "ok");
    fs::rename(sandbox.repo(), &backup).expect("renamed");
    sandbox.bare_yester(["--repo"]).arg(&backup).arg("import").arg(sandbox.source()).run().ok();
    fs::rename(&backup, sandbox.repo()).expect("renamed");
    sandbox.import();
    file(backup.join("later"), "later");
    sandbox.import();
    for path in ["backup", "backup/later"] {
        let (text, json) = log(&sandbox, path);
        let words: Vec<_> = text.iter().map(|line| line.rsplit("  ").next().expect("words")).collect();
        assert_eq!(words, ["excluded", "missing", "new"], "{path}");
        assert_eq!(json[1]["absent"], "missing", "{path}");
    }
}

#[test]
fn restore_names_it_and_makes_no_file() {
    let Some(sandbox) = history(&ALL, &[]) else { return };
    let to = sandbox.path("out");
    let restore = |path: &str, more: &[&str]| {
        sandbox.yester(["restore", path, "--to"]).arg(&to).args(more).run().code_is(3)
    };
    let ran = restore("@latest:d/secret", &[]);
    names(&ran, "out");
    assert!(ran.stderr().contains("out: d/secret could not be read into the snapshot: "), "{ran}");
    assert!(!to.exists());
    let ran = restore("@latest:", &[]);
    for path in LACKING {
        names(&ran, &format!("out/{path}"));
        assert_eq!(to.join(path).exists(), path == "closed", "{path}");
    }
    assert_eq!(fs::read(to.join("ok")).expect("a file"), b"ok");
    assert_eq!(fs::metadata(to.join("closed")).expect("a folder").mode(), 0o40_700);
    assert!(read_dir(&to.join("closed")).expect("a folder").is_empty());
    // What exists already stays.
    file(to.join("d/secret"), "mine");
    names(&restore("@latest:", &["--overwrite"]), "out/d/secret");
    assert_eq!(fs::read(to.join("d/secret")).expect("a file"), b"mine");
}

/// Also if it is a name alone that is to be restored, or may have been in a folder.
#[test]
fn restore_and_export_continue_without_it() {
    let Some(sandbox) = history(&["closed", "names"], &[TAR]) else { return };
    let to = sandbox.path("out");
    let restore =
        |paths: &[&str]| sandbox.yester(["--json", "restore", "--to"]).arg(&to).args(paths).run().code_is(3);
    for path in ["names/a", "closed/inside"] {
        let at = format!("@latest:{path}");
        for options in [&["--dry-run"][..], &[]] {
            let ran = restore(&[&[&*at], options].concat());
            names(&ran, &at);
            assert!(ran.json()["troubled"] == 1 && !to.exists(), "{ran}");
        }
        let ran = sandbox.yester(["export", &at]).run().code_is(3);
        names(&ran, &at);
        let archive = sandbox.path("archive");
        fs::write(&archive, &ran.stdout).expect("an archive");
        let listed = Command::new("tar").arg("-tf").arg(&archive).output().expect("a list");
        assert!(listed.status.success() && listed.stdout.is_empty(), "{path}");
    }
    let ran = restore(&["@latest:names/a", "@latest:ok", "@latest:closed"]);
    names(&ran, "@latest:names/a");
    assert!(ran.stderr().contains("out/closed: closed could not be read into the snapshot: "), "{ran}");
    let troubled: Vec<Value> = ran.json_lines().iter().map(|line| line["troubled"].clone()).collect();
    assert_eq!(troubled, [1, 0, 1]);
    assert_eq!(fs::read(to.join("ok")).expect("a file"), b"ok");
    // A name that is mistyped still stops all of it.
    let typed = sandbox.yester(["restore", "@latest:names/a", "@latest:okk", "--to"]).arg(sandbox.path("no"));
    assert!(typed.run().code_is(1).stderr().contains("okk: no such file"));
}

#[test]
fn export_names_it_and_stores_no_file() {
    let Some(sandbox) = history(&ALL, &[TAR, UNZIP]) else { return };
    let archive = sandbox.path("archive");
    for (options, list) in [(&[][..], ["tar", "-tf"]), (&["--zip"], ["unzip", "-Z1"])] {
        let ran = sandbox.yester(["export", "@latest:"]).args(options).run().code_is(3);
        LACKING.iter().for_each(|path| names(&ran, path));
        fs::write(&archive, &ran.stdout).expect("an archive");
        let stored = Command::new(list[0]).arg(list[1]).arg(&archive).output().expect("a list");
        let stored = String::from_utf8(stored.stdout).expect("names");
        let stored: Vec<&str> = stored.lines().filter(|name| *name != "./").collect();
        assert_eq!(stored, ["closed/", "d/", "names/", "ok"], "{list:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_opened_does_not_look_empty() {
    let Some(sandbox) = history(&["closed"], &[Need::Fuse]) else { return };
    let entry = listed(&sandbox, "@latest:", "closed");
    assert!(entry["type"] == "directory" && entry["mode"] == "0700" && entry["uid"] == 0, "{entry}");
    assert!(entry["not_read"].is_string() && entry["content_before"].is_string(), "{entry}");
    let long = sandbox.yester(["ls", "-l", "@latest:"]).run().ok().text();
    assert!(long.lines().any(|line| line.contains("  closed  (not read: Permission")), "{long}");
    names(&sandbox.yester(["ls", "@latest:closed"]).run().code_is(3), "closed");
    sandbox.yester(["cat", "@latest:closed/inside"]).run().fails(1, &["closed/inside", REASON]);
    let (lines, _) = log(&sandbox, "closed/inside");
    assert!(lines[1].starts_with("- ") && lines[1].ends_with("not read"), "{lines:?}");

    let mounted = Mounted::source(&sandbox);
    let closed = mounted.path("@latest/closed");
    assert_eq!(fs::metadata(&closed).expect("its metadata").mode(), 0o40_700);
    is_eio(read_dir(&closed));
    is_eio(fs::metadata(closed.join("inside")));
    is_eio(fs::metadata(closed.join("never was")));
    assert_eq!(fs::read(closed.join("inside;-1")).expect("the version before"), b"closed/inside");
}

#[test]
fn a_name_alone_is_kept() {
    let Some(sandbox) = history(&["names"], &[Need::Fuse]) else { return };
    let ran = sandbox.yester(["ls", "@latest:names"]).run().code_is(3);
    names(&ran, "names");
    assert_eq!(ran.text(), "a\nsub\n");
    let long = sandbox.yester(["ls", "-l", "@latest:names"]).run().code_is(3).text();
    assert!(long.lines().all(|line| line.contains("  (not read: Permission")), "{long}");
    let entry = listed(&sandbox, "@latest:names", "a");
    assert!(entry["absent"] == "not read" && entry["type"].is_null(), "{entry}");

    let mounted = Mounted::source(&sandbox);
    let folder = mounted.path("@latest/names");
    is_eio(read_dir(&folder));
    is_eio(fs::metadata(folder.join("a")));
    is_eio(fs::metadata(folder.join("sub/x")));
    assert!(is_missing(folder.join("never was")));
}

#[test]
fn what_becomes_readable_is_read() {
    let Some(sandbox) = history(&ALL, &[]) else { return };
    close(&sandbox, &ALL, false);
    assert_eq!(import(&sandbox).ok().json()["status"], "complete");
    assert_eq!(sandbox.yester(["diff", "@first", "@latest"]).run().ok().text(), "");
    for path in ["d/secret", "closed/inside", "names/a", "names/sub/x"] {
        assert_eq!(sandbox.yester(["cat", &format!("@latest:{path}")]).run().ok().text(), path);
        let (lines, json) = log(&sandbox, path);
        assert_eq!([0, 1, 2].map(|at| json[at]["version"].as_u64()), [Some(1), None, Some(1)], "{path}");
        // This one has its owner back, too.
        assert!(path == "d/secret" || lines[2].ends_with("read again"), "{lines:?}");
    }
}

/// Imports the source, and reads every file. The disk fails to read `secret`, of which nothing has changed.
fn import_failing(sandbox: &Sandbox) -> Ran {
    let secret = sandbox.source().join("secret");
    let import = sandbox.yester(["import", "--checksum"]).arg(sandbox.source());
    import.failing("read,pread64", Some(&secret)).run().code_is(3)
}

#[test]
fn an_unread_file_does_not_count_as_unchanged() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    ["secret", "other"].iter().for_each(|name| file(sandbox.source().join(name), name));
    // A file that was just changed is always read.
    wait_for_age(SystemTime::now(), Duration::from_millis(3100));
    import_failing(&sandbox);
    assert!(listed(&sandbox, "@latest:", "secret")["not_read"].is_string());
    let ran = sandbox.yester(["--json", "import"]).arg(sandbox.source()).run().ok().json();
    assert_eq!((&ran["files_read"], &ran["files_unchanged"]), (&1.into(), &1.into()));
    assert_eq!(sandbox.yester(["cat", "@latest:secret"]).run().ok().text(), "secret");
}

#[test]
fn log_calls_a_file_not_read_and_then_read_again() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("secret"), "secret");
    sandbox.import();
    import_failing(&sandbox);
    sandbox.import();
    let (lines, json) = log(&sandbox, "secret");
    for (at, word) in [(1, "  not read: Input/output error"), (2, "  read again")] {
        assert!(lines[at].contains(word) && json[at]["changed"] == json!([]), "{lines:?}");
    }
}

/// Compares what the commands show of a repository and of its copy, and checks both.
#[track_caller]
fn copy_keeps_all(sandbox: &Sandbox, from: &Path, folders: &[&str], paths: &[&str]) {
    let copy = sandbox.path("copy");
    sandbox.bare_yester(["init"]).arg(&copy).run().ok();
    sandbox.bare_yester(["copy", "--from"]).arg(from).arg("--to").arg(&copy).run().ok();
    let shown = |repository: &Path| {
        let run = |args: &[&str]| sandbox.bare_yester(["--repo"]).arg(repository).args(args).run();
        run(&["check", "--read-data"]).ok();
        let list = |folder: &&str| run(&["ls", "-l", &format!("@latest:{folder}")]).text();
        let log = |path: &&str| {
            let mut lines = run(&["--json", "log", path]).ok().json_lines();
            for before in lines.iter_mut().filter_map(|line| line.get_mut("content_before")) {
                // Each repository has its own ids.
                *before = before.is_string().into();
            }
            lines
        };
        (folders.iter().map(list).collect::<Vec<_>>(), paths.iter().map(log).collect::<Vec<_>>())
    };
    assert_eq!(shown(from), shown(&copy));
}

#[test]
fn a_copy_keeps_what_was_not_read() {
    let Some(sandbox) = history(&ALL, &[]) else { return };
    let paths = ["d/secret", "empty", "closed", "closed/inside", "names", "names/a", "names/sub/x"];
    copy_keeps_all(&sandbox, &sandbox.repo(), &["", "d", "closed", "names"], &paths);
}

/// Whether `cp -a` and `tar` could copy a snapshot of the mount. `cp` makes a folder of this name in the
/// sandbox.
fn copied(sandbox: &Sandbox, mounted: &Mounted, name: &str) -> [bool; 2] {
    let from = mounted.path(name).join(".");
    let (mut cp, mut tar) = (Command::new("cp"), Command::new("tar"));
    cp.arg("-a").arg(&from).arg(sandbox.path(name));
    tar.arg("-cf").arg(sandbox.path("archive")).arg("-C").arg(&from).arg(".");
    [cp, tar].map(|mut tool| tool.output().expect("a tool that runs").status.success())
}

#[test]
fn cp_and_tar_of_a_mount_fail() {
    for path in ["d/secret", "empty", "closed", "names"] {
        let Some(sandbox) = history(&[path], &[Need::Fuse, TAR]) else { return };
        let mounted = Mounted::source(&sandbox);
        assert_eq!(copied(&sandbox, &mounted, "@first"), [true; 2], "{path}");
        assert_eq!(copied(&sandbox, &mounted, "@latest"), [false; 2], "{path}");
        assert!(sandbox.path("@latest/ok").exists(), "{path}");
    }
}

/// First `backup` is a folder with a file, and then the repository.
#[test]
fn the_repository_itself_is_excluded() {
    let sandbox = Sandbox::with_repository();
    let backup = sandbox.source().join("backup");
    file(sandbox.source().join("ok"), "ok");
    file(backup.join("old"), "old");
    sandbox.import();
    fs::remove_dir_all(&backup).expect("removed");
    fs::rename(sandbox.repo(), &backup).expect("renamed");
    let run = |args: &[&str]| sandbox.bare_yester(["--repo"]).arg(&backup).args(args).run().ok();
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    run(&["import", &text(&sandbox.source())]);
    assert_eq!(run(&["ls", "@latest:"]).text(), "ok\n");
    let long = run(&["ls", "-l", "@latest:"]).text();
    assert!(long.lines().any(|line| line.starts_with("excluded ") && line.ends_with(" backup")), "{long}");
    let json = run(&["--json", "ls", "@latest:"]).json_lines();
    assert!(json.contains(&json!({ "name": "backup", "absent": "excluded" })), "{json:?}");
    let out = sandbox.path("out");
    let ran = run(&["restore", "@latest:", "--to", &text(&out)]);
    assert!(out.join("ok").exists() && !out.join("backup").exists() && !ran.stderr().contains("backup"));

    for [from, to] in [["@first", "@latest"], ["@latest", "@first"]] {
        assert_eq!(run(&["diff", from, to]).text(), "? backup/\n? backup/old\n");
        let json = run(&["--json", "diff", from, to]).json_lines();
        assert!(json.iter().all(|line| line["change"] == "excluded"), "{json:?}");
    }
    for path in ["backup", "backup/old"] {
        let text = run(&["log", path]).text();
        assert!(text.lines().nth(1).is_some_and(|line| line.ends_with(" excluded")), "{text}");
        assert_eq!(run(&["--json", "log", path]).json_lines()[1]["absent"], "excluded");
    }
    assert!(run(&["find", "--deleted", "*"]).stdout.is_empty());
    assert_eq!(run(&["--json", "find", "old"]).json()["absent"], "excluded");
    copy_keeps_all(&sandbox, &backup, &[""], &["backup", "backup/old"]);
}

/// Also a mount of history, which `inner` is here.
#[test]
fn what_was_excluded_is_absent_in_a_mount() {
    if !needs::met(&[Need::Fuse, TAR]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let inner = sandbox.source().join("inner");
    file(sandbox.source().join("ok"), "ok");
    fs::create_dir(&inner).expect("a folder");
    sandbox.import();
    let covered = Mounted::start(&sandbox.yester(["mount"]).arg(&inner), &inner);
    sandbox.import();
    drop(covered);
    assert_eq!(listed(&sandbox, "@latest:", "inner"), json!({ "name": "inner", "absent": "excluded" }));
    let mounted = Mounted::source(&sandbox);
    assert_eq!(mounted.names("@first"), ["inner", "ok"]);
    assert_eq!(mounted.names("@latest"), ["ok"]);
    assert!(is_missing(mounted.path("@latest/inner")));
    assert_eq!(copied(&sandbox, &mounted, "@latest"), [true; 2]);
}
