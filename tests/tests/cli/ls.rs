//! `yester ls T:PATH`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};
use serde_json::Value;

#[test]
fn names_are_listed() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    for path in
        [format!("{name}:"), "@latest:".to_owned(), "@latest:/".to_owned(), "source@latest:".to_owned()]
    {
        let text = sandbox.yester(["ls", &path]).run().ok().text();
        for name in ["hello.txt", "empty", "etc", "hollow", "link"] {
            assert!(text.contains(name), "{path} does not list {name}: {text}");
        }
        assert!(!text.contains("passwd"), "a plain listing goes deeper: {text}");
    }
    assert!(sandbox.yester(["ls", "@latest:etc"]).run().ok().text().contains("passwd"));
    assert!(sandbox.yester(["ls", "@latest:etc/passwd"]).run().ok().text().contains("passwd"));
    assert_eq!(sandbox.yester(["ls", "@latest:hollow"]).run().ok().text(), "");
}

#[test]
fn json_has_every_attribute() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    fs::set_permissions(sandbox.source().join("empty"), fs::Permissions::from_mode(0o640)).expect("a mode");
    sandbox.import();
    let lines = sandbox.yester(["--json", "ls", "@latest:"]).run().ok().json_lines();
    let by_name: BTreeMap<String, &Value> =
        lines.iter().map(|entry| (entry["name"].as_str().expect("a name").to_owned(), entry)).collect();
    let names: Vec<&str> = by_name.keys().map(String::as_str).collect();
    assert_eq!(names, ["empty", "etc", "hello.txt", "hollow", "link"]);
    for (name, entry) in &by_name {
        for field in ["type", "mode", "uid", "gid", "size", "mtime"] {
            assert!(!entry[field].is_null(), "{name} has no {field}: {entry}");
        }
    }
    assert_eq!(by_name["hello.txt"]["size"], 6);
    assert_eq!(by_name["empty"]["size"], 0);
    let types: BTreeSet<&str> =
        ["hello.txt", "etc", "link"].map(|name| by_name[name]["type"].as_str().expect("a type")).into();
    assert_eq!(types.len(), 3, "file, directory and symlink have the same type: {types:?}");
    assert_eq!(by_name["empty"]["type"], by_name["hello.txt"]["type"]);
    assert_ne!(by_name["empty"]["mode"], by_name["hello.txt"]["mode"]);
}

#[test]
fn odd_names_break_neither_lines_nor_json() {
    let sandbox = Sandbox::with_repository();
    let odd: [&[u8]; 5] = [b"new\nline", b"\xff\xfe", b"\x1b[31mred", b"quote\"", b"tab\t"];
    for name in odd {
        file(sandbox.source().join(OsStr::from_bytes(name)), "x");
    }
    sandbox.import();
    assert_eq!(sandbox.yester(["--json", "ls", "@latest:"]).run().ok().json_lines().len(), odd.len());
    sandbox.yester(["ls", "@latest:"]).run().ok();
    for name in odd {
        let path = OsStr::from_bytes(&[b"@latest:", name].concat()).to_owned();
        assert_eq!(sandbox.yester(["cat"]).arg(path).run().ok().stdout, b"x", "{}", name.escape_ascii());
    }
}

#[test]
fn what_is_not_there_is_said() {
    let sandbox = Sandbox::with_repository();
    let early = sandbox.yester(["ls", "@latest:"]).run();
    assert_eq!(early.code(), Some(1), "a repository without snapshots: {early}");
    small(&sandbox.source());
    sandbox.import();
    let ls = |path: &str| sandbox.yester(["ls", path]).run();
    ls("@latest:no/such").fails(1, &["no/such"]);
    ls("@2000:").fails(1, &["@2000"]);
    ls("nonesuch@latest:").fails(1, &["nonesuch"]);
}
