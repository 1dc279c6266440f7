use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use fs_core::clock::SystemClock;
use fs_core::import::{ImportOptions, import_tree};
use fs_core::monitor::{Cancellation, Silent};
use fs_core::service::{init, open_view};
use fs_core::view::{Options, Scope};
use fs_core::windows::attributes::{DIRECTORY, REPARSE_POINT};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;

/// A drive with one snapshot of source `web1`. Its tree is made by `make`.
fn drive(make: impl FnOnce(&Path)) -> (TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    let (repository, files) = (folder.path().join("repository"), folder.path().join("files"));
    fs::create_dir(&files).unwrap();
    make(&files);
    init(&repository).unwrap();
    let options = ImportOptions { source: Some(b"web1".to_vec()), ..ImportOptions::default() };
    import_tree(&repository, &files, &options, &Silent, &Cancellation::default()).unwrap();
    let view = open_view(&repository, Options::new(Scope::Repository, TimeZone::UTC, Arc::new(SystemClock)));
    (folder, Tree::new(view.unwrap()))
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn text(units: &[u16]) -> String {
    String::from_utf16(units).unwrap()
}

fn find(tree: &Tree, path: &str) -> Found {
    match tree.find(&utf16(path)) {
        Ok(found) => found,
        Err(missing) => panic!("{path}: {missing:?}"),
    }
}

fn status(tree: &Tree, path: &str) -> Status {
    match tree.find(&utf16(path)) {
        Err(Missing::Status(status)) => status,
        other => panic!("{path}: {other:?}"),
    }
}

fn content(tree: &Tree, path: &str) -> String {
    let mut buffer = [0; 100];
    let len = tree.read(&find(tree, path), 0, &mut buffer).unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

/// All names, listed `most` at a time.
fn list(tree: &Tree, path: &str, most: usize, pattern: &str) -> Vec<String> {
    let directory = find(tree, path);
    let listed = tree.listed(directory.node()).unwrap();
    let pattern = Pattern::new(&utf16(pattern));
    let mut names: Vec<Vec<u16>> = Vec::new();
    loop {
        let mut count = 0;
        let after = names.last().cloned();
        let ended = tree.list(&directory, &listed, after.as_deref(), pattern.as_ref(), &mut |name, _| {
            if count == most {
                return false;
            }
            count += 1;
            names.push(name.to_vec());
            true
        });
        if ended.unwrap() {
            return names.iter().map(|name| text(name)).collect();
        }
        assert_eq!(count, most);
    }
}

#[test]
fn case_does_not_count_and_is_kept() {
    let (_folder, tree) = drive(|files| {
        fs::create_dir(files.join("Docs")).unwrap();
        for name in ["README", "ReadMe", "readme", "Straße"] {
            fs::write(files.join("Docs").join(name), name).unwrap();
        }
    });
    let root = r"\web1\@latest\Docs";
    for (path, shown, expected) in [
        ("README", "README", "README"),
        ("rEADmE", "README", "README"),
        ("readme", "README", "README"),
        ("readme~2", "ReadMe~2", "ReadMe"),
        ("README~3", "readme~3", "readme"),
        ("README~3;1", "readme~3;1", "readme"),
        ("readme;1", "README;1", "README"),
        ("STRAßE", "Straße", "Straße"),
    ] {
        let path = format!(r"\WEB1\@Latest\dOCS\{path}");
        assert_eq!(text(&find(&tree, &path).path), format!(r"{root}\{shown}"), "{path}");
        assert_eq!(content(&tree, &path), expected, "{path}");
    }
    for most in 1..8 {
        let all = list(&tree, root, most, "*");
        assert_eq!(all, [".", "..", "README", "ReadMe~2", "Straße", "readme~3"], "{most}");
    }
    assert_eq!(list(&tree, root, 1, "*e*~?"), ["ReadMe~2", "readme~3"]);
    assert_eq!(status(&tree, r"\web1\@latest\Docs\readme~4"), Status::OBJECT_NAME_NOT_FOUND);
}

#[test]
fn names_that_windows_forbids_are_reached_by_what_is_shown() {
    let names: [&[u8]; 7] = [b"a:b", b"what?", b"dot.", b"space ", b"CON", b"nul.txt", b"\xff\xfe"];
    let (_folder, tree) = drive(|files| {
        for name in names {
            fs::write(files.join(OsStr::from_bytes(name)), name.escape_ascii().to_string()).unwrap();
        }
    });
    let shown = list(&tree, r"\web1\@latest", 3, "");
    assert_eq!(shown.len(), 2 + names.len());
    for name in &shown[2..] {
        assert!(!name.contains([':', '?']) && !name.ends_with(['.', ' ']), "{name:?}");
        let path = format!(r"\web1\@latest\{name}");
        let found = find(&tree, &path);
        assert_eq!(text(&found.path), path);
        let own = from_windows(&utf16(name)).unwrap();
        assert_eq!(content(&tree, &path), own.escape_ascii().to_string());
    }
    for name in ["a:b", "CON", "dot."] {
        assert_eq!(status(&tree, &format!(r"\web1\@latest\{name}")), Status::OBJECT_NAME_NOT_FOUND);
    }
}

#[test]
fn links_are_links_only_inside() {
    let (_folder, tree) = drive(|files| {
        fs::create_dir_all(files.join("a/b")).unwrap();
        for file in ["file", "File", "a:b"] {
            fs::write(files.join("a").join(file), "content").unwrap();
        }
        for (target, link) in [
            ("./a:b/", "a/escaped"),
            ("nowhere/a:b", "a/nowhere_escaped"),
            (".", "a/here"),
            ("file", "a/to_file"),
            ("../a/b", "a/to_folder"),
            ("../..", "a/out"),
            ("b/../../../x", "a/b/out"),
            ("/etc/passwd", "a/absolute"),
            ("nowhere", "a/dangling"),
            ("nowhere/../../../..", "a/unknown"),
            ("to_folder/../file", "a/through"),
            ("to_folder/x", "a/below"),
            ("circle", "a/circle"),
            ("..", "a/top"),
        ] {
            symlink(target, files.join(link)).unwrap();
        }
    });
    let link = |name: &str| find(&tree, &format!(r"\web1\@latest\a\{name}")).link.unwrap();
    let inside = |target: &str, directory| Link::Inside { target: utf16(target), directory };
    // `File` comes first, and keeps its name.
    assert_eq!(link("to_file"), inside("file~2", false));
    assert_eq!(link("escaped"), inside("a\u{f03a}b", false));
    assert_eq!(link("nowhere_escaped"), inside("nowhere\\a\u{f03a}b", false));
    assert_eq!(link("here"), inside(".", true));
    assert_eq!(link("to_folder"), inside(r"..\a\b", true));
    assert_eq!(link("dangling"), inside("nowhere", false));
    assert_eq!(link("below"), inside(r"to_folder\x", false));
    assert_eq!(link("top"), inside("..", true));
    for text in ["out", r"b\out", "absolute", "unknown", "through", "circle"] {
        assert_eq!(link(text), Link::Text, "{text}");
    }
    assert_eq!(content(&tree, r"\web1\@latest\a\absolute"), "/etc/passwd");
    let info = find(&tree, r"\web1\@latest\a\to_folder").info;
    assert_eq!(info.attributes, DIRECTORY | REPARSE_POINT);
    // Windows itself follows links of a path. A text file is no folder.
    assert!(matches!(tree.find(&utf16(r"\web1\@latest\a\to_folder\x")), Err(Missing::Link)));
    assert_eq!(status(&tree, r"\web1\@latest\a\absolute\x"), Status::OBJECT_PATH_NOT_FOUND);
    // Outside of snapshots a link would lead elsewhere.
    let versions = r"\web1\@versions\a\to_file";
    let [.., version] = &list(&tree, versions, 9, "")[..] else { panic!("no version") };
    assert_eq!(find(&tree, &format!(r"{versions}\{version}")).link, Some(Link::Text));
}

#[test]
fn missing_files_have_the_errors_of_windows() {
    let (_folder, tree) = drive(|files| fs::write(files.join("file"), "12345").unwrap());
    for (path, expected) in [
        (r"\web2", Status::OBJECT_NAME_NOT_FOUND),
        (r"\web2\x", Status::OBJECT_PATH_NOT_FOUND),
        (r"\web1\@latest\file\x", Status::OBJECT_PATH_NOT_FOUND),
        (r"\web1\@1999", Status::OBJECT_NAME_NOT_FOUND),
        (r"\web1\@latest\file;9", Status::OBJECT_NAME_NOT_FOUND),
    ] {
        assert_eq!(status(&tree, path), expected, "{path}");
    }
    let file = find(&tree, r"\web1\@latest\file");
    let mut buffer = [0; 3];
    assert_eq!(tree.read(&file, 3, &mut buffer).unwrap(), 2);
    assert_eq!(tree.read(&file, 5, &mut buffer).unwrap(), 0);
    assert!(tree.list(&file, &Listed::default(), None, None, &mut |_, _| true).is_err());
    assert!(tree.read(&find(&tree, r"\web1"), 0, &mut buffer).is_err());
}

#[test]
fn a_listing_goes_on_when_an_older_snapshot_comes() {
    let (folder, tree) = drive(|files| fs::write(files.join("file"), "now").unwrap());
    let import_at = |second: i64| {
        let options = ImportOptions {
            source: Some(b"web1".to_vec()),
            time: Some(Timestamp::from_second(second).unwrap()),
            ..ImportOptions::default()
        };
        let (repository, files) = (folder.path().join("repository"), folder.path().join("files"));
        import_tree(&repository, &files, &options, &Silent, &Cancellation::default()).unwrap();
        // A time expression means the newest of the present snapshots.
        find(&tree, r"\web1\@today");
    };
    import_at(2_000_000);
    let source = find(&tree, r"\web1");
    let listed = tree.listed(source.node()).unwrap();
    let all = list(&tree, r"\web1", 9, "");
    import_at(1_000_000);
    assert_eq!(list(&tree, r"\web1", 9, "").len(), all.len() + 1);
    let mut rest = Vec::new();
    let has_ended = tree.list(&source, &listed, Some(&utf16(&all[3])), None, &mut |name, _| {
        rest.push(text(name));
        true
    });
    assert!(has_ended.unwrap());
    assert_eq!(rest, all[4..]);
}

#[test]
fn expressions_are_folders_in_any_case() {
    let (_folder, tree) = drive(|files| fs::write(files.join("File"), "now").unwrap());
    for path in
        [r"\web1\@TODAY\file", r"\@today\WEB1\FILE", r"\WEB1\@Versions\File\@LATEST", r"\web1\@latest\FILE;1"]
    {
        assert_eq!(content(&tree, path), "now", "{path}");
    }
    assert!(find(&tree, r"\web1\@today").info.is_folder());
    assert_eq!(list(&tree, r"\", 1, "")[0], "web1");
    assert_eq!(list(&tree, r"\web1", 1, "")[..3], [".", "..", "@latest"]);
    let snapshot = list(&tree, r"\web1", 9, "")[3].clone();
    assert_eq!(find(&tree, r"\web1\@latest").info.id, find(&tree, &format!(r"\web1\{snapshot}")).info.id);
}
