//! Archives of a drawn tree, unpacked by other programs, equal its model in all that the kind of archive can hold.

use std::path::Path;
use std::process::Command;

use fs_tests::Sandbox;
use fs_tests::needs::{self, Need};
use fs_tests::tree::{Entry, Kind, Tree};
use proptest::test_runner::TestCaseError;

use super::disk::Disk;
use super::state::State;
use super::strategy::{self, History};
use super::{check, draw, step};
use crate::export::{TAR, export, unpack};

const PYTHON: Need = Need::Program("python3", "python3");

/// The programs name a whole path at once, for which the kernel takes 4095 bytes with the folder's.
const LONGEST: usize = 3900;

/// What a zip holds, and nothing else, with modes and times.
const UNZIP: &str = r#"
import calendar, os, stat, sys, zipfile
to = os.fsencode(sys.argv[2])
os.mkdir(to)
made = []
with zipfile.ZipFile(sys.argv[1]) as archive:
    for info in archive.infolist():
        path, mode, data = os.path.join(to, info.filename.encode()), info.external_attr >> 16, archive.read(info)
        assert len(data) == info.file_size, info
        if info.is_dir():
            os.mkdir(path)
        elif stat.S_ISLNK(mode):
            os.symlink(data, path)
        else:
            with open(path, "xb") as file:
                file.write(data)
        made.append((path, mode, calendar.timegm(info.date_time + (0, 0, 0))))
for path, mode, time in reversed(made):
    if not stat.S_ISLNK(mode):
        os.chmod(path, stat.S_IMODE(mode))
    os.utime(path, (time, time), follow_symlinks=False)
"#;

/// A sandbox with an imported tree that other programs can reach all of, and its model.
fn imported(history: &History) -> Result<(Sandbox, Tree), TestCaseError> {
    let sandbox = Sandbox::with_repository();
    let (mut state, disk) = (State::new(), Disk::new(&sandbox.source()));
    let tree = step(&mut state, &disk, &history.steps.concat());
    if tree.keys().any(|path| path.len() > LONGEST) {
        return Err(TestCaseError::reject("a path longer than a kernel takes at once"));
    }
    check("the test's own tree, not the snapshot", &tree, &sandbox.source())?;
    sandbox.import();
    Ok((sandbox, tree))
}

/// Export it, and say so whether anything had to be left out.
fn exported(sandbox: &Sandbox, args: &[&str], to: &Path, whole: bool) {
    export(sandbox, args, to).code_is(if whole { 0 } else { 3 });
}

fn tar(history: &History) -> Result<(), TestCaseError> {
    let (sandbox, mut expected) = imported(history)?;
    let all = expected.len();
    expected.retain(|_, entry| entry.kind != Kind::Socket);
    let (archive, to) = (sandbox.path("all.tar"), sandbox.path("all"));
    exported(&sandbox, &["@latest:"], &archive, expected.len() == all);
    unpack(&archive, &to);
    check("what tar made", &expected, &to)
}

/// The entry as zip has it; `None` when it has no word for it.
fn zipped(path: &[u8], number: u64, entry: &Entry) -> Option<Entry> {
    let text = |bytes: &[u8]| str::from_utf8(bytes).is_ok();
    let holds = match entry.kind {
        Kind::File | Kind::Directory => true,
        Kind::Symlink => text(&entry.data),
        _ => false,
    };
    let (secs, _) = entry.mtime;
    // From 1980 to 2107, to two seconds.
    let mtime = if (315_532_800..4_354_819_200).contains(&secs) { secs & !1 } else { 315_532_800 };
    let nlink = u64::from(entry.kind != Kind::Directory);
    // Not setuid, setgid and sticky.
    let mode = entry.mode & 0o777;
    let entry = Entry { mode, uid: 0, gid: 0, mtime: (mtime, 0), nlink, identity: number, ..entry.clone() };
    (holds && text(path)).then(|| Entry { xattrs: std::collections::BTreeMap::new(), ..entry })
}

/// The path that a zip has escaped: U+F000 to U+F0FF stand for bytes.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(path).expect("text");
    let bytes = |char: char| match u32::from(char) {
        code @ 0xf000..=0xf0ff => vec![u8::try_from(code - 0xf000).expect("a byte")],
        _ => char.to_string().into_bytes(),
    };
    text.chars().flat_map(bytes).collect()
}

fn zip(history: &History) -> Result<(), TestCaseError> {
    let (sandbox, tree) = imported(history)?;
    let below = (0..).zip(&tree).filter(|(_, (path, _))| !path.is_empty());
    let mut expected: Tree = below
        .filter_map(|(number, (path, entry))| Some((path.clone(), zipped(path, number, entry)?)))
        .collect();
    let (archive, to) = (sandbox.path("all.zip"), sandbox.path("all"));
    exported(&sandbox, &["@latest:", "--zip"], &archive, expected.len() + 1 == tree.len());
    let ran =
        Command::new("python3").args(["-c", UNZIP]).arg(&archive).arg(&to).output().expect("python3 runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    // A name that Windows would misread has another one there, from which it can be told.
    let stored = fs_tests::tree::scan(&to).into_keys().map(|path| (unescaped(&path), path));
    let stored: std::collections::BTreeMap<_, _> = stored.collect();
    expected = expected
        .into_iter()
        .map(|(path, entry)| (stored.get(&path).cloned().unwrap_or(path), entry))
        .collect();
    // The archive has no word for the root.
    expected.insert(Vec::new(), fs_tests::tree::scan(&to)[&b""[..]].clone());
    check("what the zip held", &expected, &to)
}

#[test]
fn tar_makes_any_tree_again() {
    if needs::met(&[Need::Root, TAR]) {
        draw(8, &strategy::history(3), tar);
    }
}

#[test]
fn a_zip_holds_the_text_and_the_files_of_any_tree() {
    if needs::met(&[Need::Root, PYTHON]) {
        draw(8, &strategy::history(3), zip);
    }
}
