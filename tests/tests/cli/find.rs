//! `yester find PATTERN`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};
use serde_json::Value;

/// `gone.txt` is in the first snapshot only, `etc/passwd` changes with the second, `new.txt` comes with the third.
fn with_history() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let path = |name: &str| sandbox.source().join(name);
    file(path("gone.txt"), "x".repeat(5000));
    let mut names = vec![sandbox.import()];
    fs::remove_file(path("gone.txt")).expect("it goes");
    file(path("etc/passwd"), "changed");
    names.push(sandbox.import());
    file(path("new.txt"), "new");
    names.push(sandbox.import());
    (sandbox, names)
}

fn found(sandbox: &Sandbox, args: &[&str]) -> Vec<Value> {
    sandbox.yester(["--json", "find"]).args(args).run().ok().json_lines()
}

fn paths(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    found(sandbox, args).iter().map(|line| line["path"].as_str().expect("a path").to_owned()).collect()
}

#[test]
fn everything_that_ever_was_is_found() {
    let (sandbox, names) = with_history();
    let lines = found(&sandbox, &["*.txt"]);
    let told = |field: &str| lines.iter().map(|line| line[field].clone()).collect::<Vec<Value>>();
    assert_eq!(told("path"), ["gone.txt", "hello.txt", "new.txt"]);
    assert_eq!(told("deleted"), [true, false, false]);
    assert_eq!(told("first"), [&*names[0], &names[0], &names[2]]);
    assert_eq!(told("last"), [&*names[0], &names[2], &names[2]]);
    assert_eq!(told("size"), [5000, 6, 3]);
    assert_eq!(told("snapshots"), [1, 3, 1]);
    let passwd = found(&sandbox, &["passwd"]);
    assert_eq!((&passwd[0]["versions"], &passwd[0]["path"]), (&2.into(), &"etc/passwd".into()));
    // What is told can be taken as it is.
    let text = sandbox.yester(["find", "gone*"]).run().ok().text();
    let place = text.split_whitespace().next_back().expect("a place").to_owned();
    assert_eq!(place, format!("{}:gone.txt", names[0]));
    assert_eq!(sandbox.yester(["cat", &place]).run().ok().stdout, "x".repeat(5000).into_bytes());
    assert!(text.contains("deleted") && text.contains("4.9 KiB") && text.contains("1 version"), "{text}");
}

#[test]
fn what_is_asked_for_narrows_it() {
    let (sandbox, names) = with_history();
    assert_eq!(paths(&sandbox, &["*", "--deleted"]), ["gone.txt"]);
    assert_eq!(paths(&sandbox, &["*.txt", "--since", &names[1]]), ["new.txt"]);
    assert_eq!(paths(&sandbox, &["*", "--since", &names[0]]), ["etc", "etc/passwd", "gone.txt", "new.txt"]);
    assert_eq!(paths(&sandbox, &["*.txt", "--since", "1999"]).len(), 3);
    assert_eq!(paths(&sandbox, &["*", "--larger", "4K"]), ["etc/deep/er/file", "gone.txt"]);
    assert_eq!(paths(&sandbox, &["etc/*"]), ["etc/deep", "etc/hello-again", "etc/passwd"]);
    assert!(paths(&sandbox, &["nothing"]).is_empty());
    sandbox.yester(["find", "["]).run().fails(1, &["["]);
    sandbox.yester(["find", "*", "--source", "nonesuch"]).run().fails(1, &["nonesuch"]);
    sandbox.yester(["find", "*", "--since", "@nonsense"]).run().fails(1, &["@nonsense"]);
}

#[test]
fn all_sources_are_searched_and_odd_names_told() {
    let (sandbox, _) = with_history();
    let odd = OsStr::from_bytes(b"odd\xff\nname.txt");
    file(sandbox.source().join(odd), "odd");
    let other = sandbox.import_as("other");
    let lines = found(&sandbox, &["odd*"]);
    assert_eq!((lines.len(), &lines[0]["source"]), (1, &"other".into()));
    assert_eq!(lines[0]["path_bytes"], "6f6464ff0a6e616d652e747874");
    let text = sandbox.yester(["find", "hello.txt"]).run().ok().text();
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains(&format!("other{other}:hello.txt")), "{text}");
}

#[test]
fn names_that_are_no_text_have_their_bytes_in_every_object() {
    let sandbox = Sandbox::with_repository();
    let bytes = OsStr::from_bytes;
    let link = sandbox.source().join(bytes(b"a\xff"));
    let import = || {
        let import = sandbox.yester(["--json", "import", "--source"]).arg(bytes(b"s\xfe"));
        import.arg(sandbox.source()).run().ok().json()
    };
    std::os::unix::fs::symlink(bytes(b"old\xfd"), &link).expect("a link");
    assert_eq!(import()["source_bytes"], "73fe");
    fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(bytes(b"new\xfc"), &link).expect("another link");
    import();
    let found = found(&sandbox, &["a*"]);
    assert_eq!((&found[0]["source_bytes"], &found[0]["path_bytes"]), (&"73fe".into(), &"61ff".into()));
    let log = sandbox.yester(["--json", "log"]).arg(bytes(b"a\xff")).run().ok().json_lines();
    assert_eq!((&log[0]["source_bytes"], &log[0]["target_bytes"]), (&"73fe".into(), &"6f6c64fd".into()));
    let diff = sandbox.yester(["--json", "diff", "@first", "@latest"]).run().ok().json_lines();
    let differs = diff.iter().find(|line| line["path_bytes"] == "61ff").expect("the link");
    assert_eq!(differs["before"]["target_bytes"], "6f6c64fd");
    assert_eq!(differs["after"]["target_bytes"], "6e6577fc");
}
