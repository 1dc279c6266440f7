use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise};
use fs_tests::{Sandbox, Wine};

use super::{Answers, play};

/// A tree with all that Windows wants otherwise.
fn plant(root: &Path) {
    for name in ["README", "ReadMe", "readme", "Grüße.txt"] {
        file(root.join("Docs").join(name), name);
    }
    for name in [&b"a:b"[..], b"CON", b"dot.", b"caf\xe9"] {
        file(root.join("forbidden").join(OsStr::from_bytes(name)), name);
    }
    file(root.join("odd.bin"), noise(3, 3_000_001));
    symlink("Docs", root.join("to-docs")).expect("a link");
    symlink("../Docs/readme", root.join("Docs/to-readme")).expect("a link");
    symlink("/etc/passwd", root.join("absolute")).expect("a link");
}

/// A drive of the whole repository, in which `plant` is source `source`.
fn ask(requests: &[&[&str]], words: &[&str], check: impl FnOnce(Answers)) {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    wine.install("double");
    plant(&sandbox.source());
    sandbox.import();
    check(play(&sandbox, &wine, words, requests));
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The names of a listing.
fn names(answer: &[String]) -> Vec<&str> {
    let (_, entries) = answer.split_last().expect("an answer");
    entries.iter().map(|line| line.splitn(3, ' ').nth(2).expect("a name")).collect()
}

#[test]
fn what_is_there_is_told() {
    let requests: &[&[&str]] = &[
        &["volume"],
        &["list", r"\", "4096"],
        &["list", r"\source", "4096"],
        &["list", r"\source\@latest", "400"],
        &["stat", r"\source\@latest\odd.bin"],
        &["security", r"\source\@latest\odd.bin"],
        &["read", r"\source\@latest\odd.bin", "0", "7"],
        &["read", r"\source\@latest\odd.bin", "1048573", "11"],
        &["read", r"\source\@latest\odd.bin", "2999999", "4096"],
        &["read", r"\source\@latest\odd.bin", "3000001", "1"],
        &["read", r"\source\@latest\Docs", "0", "1"],
        &["list", r"\source\@latest\odd.bin", "4096"],
        &["stat", r"\source\@latest\nothing"],
        &["stat", r"\source\nothing\at\all"],
        &["stat", r"\source\@latest\odd.bin\below"],
    ];
    ask(requests, &[], |mut answers| {
        let volume = answers.next().concat();
        assert!(
            volume.starts_with("volume 00000000 total=") && volume.ends_with(" label=yester"),
            "{volume}"
        );
        assert!(!volume.contains("=0 "), "{volume}");
        let top = answers.next();
        assert_eq!(names(&top)[0], "source");
        assert!(names(&top)[1].starts_with("@20"), "{top:?}");
        let snapshots = answers.next();
        assert_eq!(names(&snapshots)[..3], [".", "..", "@latest"]);
        assert_eq!(names(&snapshots).len(), 4);
        assert!(snapshots[..4].iter().all(|line| line.starts_with("d- 0 ")), "{snapshots:?}");
        let expected = [
            "d- 0 .",
            "d- 0 ..",
            "d- 0 Docs",
            "-- 11 absolute",
            "d- 0 forbidden",
            "-- 3000001 odd.bin",
            "dl 0 to-docs",
            "listed 00000000 7 entries in many buffers",
        ];
        assert_eq!(answers.next(), expected);
        let told = answers.next().concat();
        assert!(
            told.starts_with("stat 00000000 attributes=80 tag=0 size=3000001 room=3002368 created=13"),
            "{told}"
        );
        assert!(told.ends_with(r" links=1 name=\source\@latest\odd.bin"), "{told}");
        let security = answers.next().concat();
        let expected =
            "security 00000000 O:BAG:BAD:P(A;;0x1200a9;;;SY)(A;;0x1200a9;;;BA)(A;;0x1200a9;;;S-1-5-21-";
        assert!(security.starts_with(expected), "{security}");
        let bytes = noise(3, 3_000_001);
        answers.is(&format!("read 00000000 7 {}", hex(&bytes[..7])));
        answers.is(&format!("read 00000000 11 {}", hex(&bytes[1_048_573..][..11])));
        answers.is(&format!("read 00000000 2 {}", hex(&bytes[2_999_999..])));
        answers.is("read c0000011 0 ");
        answers.is("read c00000ba 0 ");
        answers.is("listed c0000103 0 entries in none");
        answers.is("stat c0000034");
        answers.is("stat c000003a");
        answers.is("stat c000003a");
    });
}

#[test]
fn names_are_windows() {
    let requests: &[&[&str]] = &[
        &["list", r"\@Latest\dOCS", "400"],
        &["list", r"\@latest\Docs", "400", "R*"],
        &["read", r"\@latest\docs\readME", "0", "9"],
        &["read", r"\@latest\docs\README~2", "0", "9"],
        &["read", r"\@latest\docs\readme~3", "0", "9"],
        &["stat", r"\@LATEST\DOCS\GRÜSSE.TXT"],
        &["stat", r"\@LATEST\DOCS\GRÜßE.TXT"],
        &["entry", r"\@latest\docs", "readMe~3"],
        &["entry", r"\@latest\docs", "readme~4"],
        &["list", r"\@latest\forbidden", "4096"],
        &["read", "\\@latest\\forbidden\\a\u{f03a}b", "0", "9"],
        &["read", "\\@latest\\forbidden\\\u{f043}ON", "0", "9"],
        &["read", "\\@latest\\forbidden\\caf\u{f0e9}", "0", "9"],
        &["link", r"\@latest\to-docs"],
        &["link", r"\@latest\docs\to-readme"],
        &["link", r"\@latest\absolute"],
        &["read", r"\@latest\absolute", "0", "99"],
        &["through", r"\@latest\to-docs\to-readme"],
        &["through", r"\@latest\to-docs\README"],
    ];
    ask(requests, &["--source", "source"], |mut answers| {
        let all = answers.next();
        let shown = [".", "..", "Grüße.txt", "README", "ReadMe~2", "readme~3", "to-readme"];
        assert_eq!(names(&all), shown);
        assert_eq!(names(&answers.next()), shown[3..6]);
        for content in ["README", "ReadMe", "readme"] {
            answers.is(&format!("read 00000000 6 {}", hex(content.as_bytes())));
        }
        // Of `ß` Windows knows no capital.
        answers.is("stat c0000034");
        let told = answers.next().concat();
        assert!(told.ends_with(r" name=\@latest\Docs\Grüße.txt"), "{told}");
        assert_eq!(answers.next(), ["-- 6 readme~3", "entry 00000000 1"]);
        answers.is("entry 00000000 0");
        let forbidden = answers.next();
        assert_eq!(names(&forbidden), [".", "..", "\u{f043}ON", "a\u{f03a}b", "caf\u{f0e9}", "dot\u{f02e}"]);
        for content in [&b"a:b"[..], b"CON", b"caf\xe9"] {
            answers.is(&format!("read 00000000 {} {}", content.len(), hex(content)));
        }
        answers.is("link 00000000 tag=a000000c relative=1 Docs");
        answers.is(r"link 00000000 tag=a000000c relative=1 ..\Docs\readme~3");
        answers.is("link c0000275");
        answers.is(&format!("read 00000000 11 {}", hex(b"/etc/passwd")));
        // WinFsp itself follows what it can before it tells the driver where to go on.
        answers.is(r"through 00000104 tag=a000000c relative=1 \@latest\Docs\readme~3");
        answers.is(r"through 00000104 tag=a000000c relative=1 \@latest\Docs\README");
    });
}

#[test]
fn times_are_folders() {
    let requests: &[&[&str]] = &[
        &["stat", r"\source\@today"],
        &["stat", r"\source\@0d\docs\readme~3"],
        &["stat", r"\@TODAY\Source\Docs"],
        &["stat", r"\source\@1999"],
        &["stat", r"\source\@nonsense"],
        &["list", r"\source\@versions\docs\README", "4096"],
        &["stat", r"\source\@VERSIONS\Docs\ReadMe~2\@latest"],
        &["stat", r"\source\@changes\@first..@latest\added"],
        &["stat", r"\source\@latest\Docs\readme~3;1"],
    ];
    ask(requests, &[], |mut answers| {
        for name in [r"\source\@today", r"\source\@0d\Docs\readme~3", r"\@today\source\Docs"] {
            let told = answers.next().concat();
            let (attributes, name) = if name.ends_with('3') { (80, name) } else { (10, name) };
            assert!(told.starts_with(&format!("stat 00000000 attributes={attributes} ")), "{told}");
            assert!(told.to_lowercase().ends_with(&format!(" name={name}").to_lowercase()), "{told}");
        }
        answers.is("stat c0000034");
        answers.is("stat c0000034");
        let versions = answers.next();
        assert_eq!(names(&versions).len(), 3, "{versions:?}");
        for size in [6, 0, 6] {
            let told = answers.next().concat();
            assert!(told.starts_with("stat 00000000 ") && told.contains(&format!(" size={size} ")), "{told}");
        }
    });
}

#[test]
fn nothing_can_be_written() {
    let requests: &[&[&str]] = &[
        &["create", r"\@latest\new"],
        &["write", r"\@latest\odd.bin"],
        &["driver", "create", r"\@latest\new"],
        &["driver", "write", r"\@latest\odd.bin"],
        &["driver", "delete", r"\@latest\odd.bin"],
        &["security", r"\@latest\odd.bin"],
        &["security", r"\@latest\private\file"],
    ];
    let changes = ["times", "rename", "delete", "room", "size", "bytes", "overwrite"];
    let changes = changes.map(|what| (["change", r"\@latest\odd.bin", what], format!("{what} c00000a2")));
    let requests = [requests, &changes.each_ref().map(|(request, _)| &request[..])].concat();
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    wine.install("double");
    plant(&sandbox.source());
    file(sandbox.source().join("private/file"), "for me");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(sandbox.source().join("private"), private).expect("a mode");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(sandbox.source(), readable).expect("a mode");
    sandbox.import();
    let mut answers = play(&sandbox, &wine, &["--source", "source", "-o", "allow_other"], &requests);
    // The access list refuses users, and the drive whom it cannot stop.
    answers.is("create c0000022");
    answers.is("write c0000022");
    for what in ["create", "write", "delete"] {
        answers.is(&format!("{what} c00000a2"));
    }
    let everyone = "(A;;0x1200a9;;;WD)";
    assert!(answers.next().concat().ends_with(everyone));
    // Closed is what is in a closed folder, too.
    assert!(!answers.next().concat().contains(everyone));
    for (_, refused) in &changes {
        answers.is(refused);
    }
}
