use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::tree::{Kind, scan};
use fs_tests::{Sandbox, Wine};
use rustix::fs::XattrFlags;

use super::{assert_kept, plant};

const ATTRIBUTES: &str = "user.DOSATTRIB";

#[test]
fn what_windows_has_written_linux_gives_back() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::new();
    let wine = Wine::new(&sandbox);
    plant(&sandbox.source());
    // These characters could stand for bytes, but not here: `A` needs none, and no name has a slash.
    for name in ["\u{f041}", "a\u{f02f}b", "\u{f02e}\u{f02e}"] {
        file(sandbox.source().join(name), name);
    }
    wine.yester(["init"]).run().ok();
    wine.yester(["import"]).arg(Wine::path(sandbox.source())).run().ok();
    let to = sandbox.path("restored");
    sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).run().ok();
    assert_kept(&sandbox.source(), &to);
    // The same history goes on, when it is said: bytes that are there are not stored again.
    let go_on = ["--json", "import", "--source", "source", "--allow-other-tree"];
    let here = sandbox.yester(go_on).arg(sandbox.source()).run().ok().json();
    assert_eq!(here["files"].as_u64(), Some(310), "{here}");
    assert!(here["new_bytes"].as_u64().is_some_and(|bytes| bytes < 100_000), "{here}");
    // It warns that others can read what has no modes on Windows.
    sandbox.yester(["check", "--read-data"]).run().code_is(0);
    wine.yester(["check", "--read-data"]).run().ok();
}

#[test]
fn what_linux_has_written_windows_reads() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    let source = sandbox.source();
    plant(&source);
    symlink("hollow", source.join("link")).expect("a link");
    sandbox.import();
    for words in [
        &["--json", "snapshots"][..],
        &["ls", "-l", "@latest:"],
        &["--json", "stats"],
        &["--json", "find", "*.txt"],
    ] {
        let (here, there) = (sandbox.yester(words).run().ok(), wine.yester(words).run().ok());
        assert_eq!(here.text(), there.text(), "{words:?}");
    }
    for (path, entry) in scan(&source).into_iter().filter(|(_, entry)| entry.kind == Kind::File).step_by(30) {
        let place = [b"@latest:", &path[..]].concat();
        let there = wine.yester(["cat"]).arg(OsStr::from_bytes(&place)).run().ok();
        assert!(there.stdout == *entry.data, "{}: other bytes", path.escape_ascii());
    }
    wine.yester(["check", "--read-data"]).run().ok();
}

#[test]
fn what_is_hidden_stays_hidden() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    // As Samba or Wine on Linux notes it: hidden, and of a folder that it is the system's, too.
    for (name, value) in [("folder/file", "0x2"), ("folder", "0x16")] {
        let path = sandbox.source().join(name);
        if name == "folder/file" {
            file(&path, "hidden\n");
        }
        rustix::fs::setxattr(&path, ATTRIBUTES, value.as_bytes(), XattrFlags::empty()).expect("an attribute");
    }
    sandbox.import();
    let to = sandbox.path("restored");
    wine.yester(["restore", "@latest:", "--to"]).arg(Wine::path(&to)).run().ok();
    wine.yester(["import", "--source", "back"]).arg(Wine::path(&to)).run().ok();
    let back = sandbox.path("back");
    sandbox.yester(["restore", "back@latest:", "--to"]).arg(&back).run().ok();
    let hidden = |name: &str| {
        let mut value = [0; 64];
        let len = rustix::fs::getxattr(back.join(name), ATTRIBUTES, &mut value[..]).expect("an attribute");
        let text = value[..len].split(|byte| *byte == 0).next().unwrap_or_default();
        let text = str::from_utf8(text).expect("text").trim_start_matches("0x");
        u32::from_str_radix(text, 16).expect("a number") & 0x6
    };
    assert_eq!((hidden("folder/file"), hidden("folder")), (0x2, 0x6));
}

#[test]
fn names_that_windows_forbids_come_back_as_they_were() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    let source = sandbox.source();
    for name in [&b"a:b"[..], b"CON/nul.txt", b"what?/end.", b"back\\slash", b"caf\xe9", b"plain"] {
        file(source.join(OsStr::from_bytes(name)), name);
    }
    sandbox.import();
    let to = sandbox.path("restored");
    wine.yester(["restore", "@latest:", "--to"]).arg(Wine::path(&to)).run().ok();
    assert_eq!(fs::read(to.join("a\u{f03a}b")).expect("a file"), b"a:b");
    wine.yester(["import", "--source", "back"]).arg(Wine::path(&to)).run().ok();
    let back = sandbox.path("back");
    sandbox.yester(["restore", "back@latest:", "--to"]).arg(&back).run().ok();
    assert_kept(&source, &back);
}

#[test]
fn what_is_one_name_to_windows_replaces_nothing() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    for name in ["README", "readme", "A/x", "a/x", "\u{c4}", "\u{e4}"] {
        file(sandbox.source().join(name), name);
    }
    sandbox.import();
    for words in [&["restore", "--overwrite"][..], &["restore"]] {
        let to = sandbox.path(words.join(""));
        let ran = wine.yester(words).args(["@latest:", "--to"]).arg(Wine::path(&to)).run().code_is(3);
        let files = scan(&to).into_iter().filter(|(_, entry)| entry.kind == Kind::File);
        // Whichever came first.
        assert_eq!(files.count(), 3, "{words:?}: {ran}");
        assert_eq!(ran.stderr().lines().filter(|line| line.contains(": ")).count(), 3, "{words:?}: {ran}");
    }
}
