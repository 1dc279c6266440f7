//! What counts as unchanged, from the outside: docs/unchanged.md.

use std::fs::{self, File, FileTimes};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, Need, RSYNC};
use fs_tests::plant::file;
use fs_tests::{Sandbox, wait_until};

use crate::layouts::done;

const PYTHON: Need = Need::Program("python3", "python3");

/// Sets a file's time to one of long ago.
fn set_old(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    let opened = File::options().write(true).open(path).expect("the file");
    opened.set_times(FileTimes::new().set_modified(time)).expect("its time");
}

/// Waits until a file's last change is so old that its ctime proves something.
fn settle(path: &Path) {
    let changed = fs::metadata(path).expect("the file").ctime();
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    wait_until("a ctime of the past", Duration::from_secs(10), || {
        (now().cast_signed() > changed + 3).then_some(())
    });
}

fn cat(sandbox: &Sandbox, place: &str) -> String {
    sandbox.yester(["cat", place]).run().ok().text()
}

#[test]
fn what_keeps_its_size_and_time_is_read_again() {
    let sandbox = Sandbox::with_repository();
    let path = |name: &str| sandbox.source().join(name);
    for name in ["container", "x", "y"] {
        file(path(name), name.as_bytes()[..1].repeat(4));
        set_old(&path(name));
    }
    settle(&path("y"));
    sandbox.import();
    File::options()
        .write(true)
        .open(path("container"))
        .and_then(|mut it| it.write_all(b"BBBB"))
        .expect("BBBB");
    set_old(&path("container"));
    fs::rename(path("x"), path("third")).expect("a name");
    fs::rename(path("y"), path("x")).expect("a name");
    fs::rename(path("third"), path("y")).expect("a name");
    sandbox.import();
    assert_eq!(
        ["container", "x", "y"].map(|name| cat(&sandbox, &format!("@latest:{name}"))),
        ["BBBB", "yyyy", "xxxx"]
    );
    let first = ["container", "x", "y"].map(|name| cat(&sandbox, &format!("@first:{name}")));
    assert_eq!(first, ["cccc", "xxxx", "yyyy"]);
}

/// Stores twice through one mapping, each time when it is asked to.
const PROGRAM: &str = "
import mmap, sys
with open(sys.argv[1], 'r+b') as file:
    mapped = mmap.mmap(file.fileno(), 0)
    for byte in b'12':
        mapped[0] = byte
        print(flush=True)
        sys.stdin.readline()
";

#[test]
fn what_is_written_through_a_mapping_is_found_by_checksum() {
    if !needs::met(&[PYTHON]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let path = sandbox.source().join("mapped");
    file(&path, vec![b'0'; 5000]);
    let mut python = Command::new("python3")
        .args(["-c", PROGRAM])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let (mut input, output) =
        (python.stdin.take().expect("its input"), python.stdout.take().expect("its output"));
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).expect("its first write");
    settle(&path);
    sandbox.import();
    assert_eq!(&cat(&sandbox, "@latest:mapped")[..1], "1");
    writeln!(input).expect("its turn");
    output.read_line(&mut line).expect("its second write");
    sandbox.yester(["import", "--checksum"]).arg(sandbox.source()).run().ok();
    drop(input);
    python.wait().expect("its end");
    assert_eq!(&cat(&sandbox, "@latest:mapped")[..1], "2");
}

#[test]
fn an_import_that_knows_no_inodes_says_so_once() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "content");
    sandbox.import();
    // As a version without a stat cache left it.
    fs::remove_dir_all(sandbox.repo().join("stat-cache")).expect("the stat cache");
    let import = || sandbox.yester(["import"]).arg(sandbox.source()).run().ok();
    let said = import();
    assert!(said.text().contains("all files were read, because"), "{said}");
    let said = import();
    assert!(!said.text().contains("files were read"), "{said}");
}

/// Real rsync makes the levels, in both ways that rsnapshot has. What it is asked to compare by content it puts into a new
/// file, also where size and time are the same.
#[test]
fn every_level_that_rsync_makes_is_what_was_on_disk() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    for with_links in [false, true] {
        let sandbox = Sandbox::with_repository();
        let (source, root) = (sandbox.source(), sandbox.path("root"));
        let level = |number: usize| root.join(format!("daily.{number}"));
        fs::create_dir(&root).expect("a root");
        let mut expected = Vec::new();
        for day in 0..5_u8 {
            for name in ["kept", "disguised", "d/disguised", "e/kept"] {
                let path = source.join(name);
                let is_kept = name.ends_with("kept") && path.exists();
                if !is_kept {
                    file(&path, vec![b'a' + day; 100]);
                }
                set_old(&path);
            }
            for number in (0..usize::from(day)).rev() {
                fs::rename(level(number), level(number + 1)).expect("a rotation");
            }
            let (last, new) = (level(1).join("web"), level(0).join("web"));
            let mut rsync = Command::new("rsync");
            rsync.args(["-a", "-c", "--delete"]);
            match (day, with_links) {
                (0, _) => fs::create_dir_all(&new).expect("a level"),
                (_, true) => {
                    fs::create_dir_all(&new).expect("a level");
                    rsync.arg("--link-dest").arg(&last);
                }
                (_, false) => done(Command::new("cp").arg("-al").arg(level(1)).arg(level(0))),
            }
            done(rsync.arg(source.join("")).arg(new.join("")));
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + 86_400 * u64::from(day));
            File::open(level(0)).and_then(|folder| folder.set_modified(time)).expect("the level's time");
            let ran = sandbox.yester(["--json", "import"]).arg(&root).run().ok();
            expected.push((ran.json()["name"].as_str().expect("a name").to_owned(), vec![b'a' + day; 100]));
        }
        for (name, content) in expected {
            for file in ["disguised", "d/disguised"] {
                let read = cat(&sandbox, &format!("web{name}:{file}"));
                assert_eq!(read.as_bytes(), content, "{file} of {name}, with links: {with_links}");
            }
            assert_eq!(cat(&sandbox, &format!("web{name}:kept")).as_bytes(), [b'a'; 100]);
        }
    }
}

#[test]
fn a_frozen_copy_stands_for_its_tree() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let path = sandbox.source().join("file");
    file(&path, "content");
    settle(&path);
    // The copy's clock stopped about when this was written, so this proves nothing.
    file(sandbox.source().join("fresh"), "content");
    let copies = ["one", "two", "three"].map(|name| sandbox.path(name));
    let mut seen = Vec::new();
    for copy in &copies {
        fs::create_dir(copy).expect("a mount point");
        done(Command::new("mount").arg("--bind").arg(sandbox.source()).arg(copy));
        let ran = sandbox
            .yester(["--json", "import", "--source", "home", "--origin", "/home"])
            .arg(copy)
            .run()
            .ok();
        seen.push((ran.json()["files_read"].as_u64(), ran.json()["files_unchanged"].as_u64()));
    }
    assert_eq!(seen, [(Some(2), Some(0)), (Some(1), Some(1)), (Some(1), Some(1))]);
}
