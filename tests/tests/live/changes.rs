//! `@changes/@A..@B`: what differs, as folders.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::tree::scan;
use fs_tests::{Mounted, Sandbox};

fn paths(folder: &Path) -> Vec<String> {
    scan(folder).into_keys().map(|path| String::from_utf8_lossy(&path).into_owned()).collect()
}

#[test]
fn what_differs_is_there_and_nothing_else() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    small(&source);
    file(source.join("old/note"), "gone\n");
    let first = sandbox.import();
    file(source.join("hello.txt"), "hello again\n");
    file(source.join("new/deep/note"), "here\n");
    fs::remove_dir_all(source.join("old")).expect("removed");
    let second = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    assert!(!mounted.names("").contains(&"@changes".to_owned()), "it is listed");
    assert_eq!(mounted.names("@changes"), Vec::<String>::new());
    let target = fs::read_link(mounted.path("@changes/@first..@latest")).expect("a link");
    assert_eq!(target.to_str(), Some(format!("{first}..{second}").as_str()));
    let changes = mounted.path("@changes/@first..@latest");
    assert_eq!(mounted.names("@changes/@first..@latest"), ["added", "deleted", "modified"]);
    // `hello.txt` has a second name in `etc`, and differs there too.
    assert_eq!(paths(&changes.join("added")), ["", "etc", "new", "new/deep", "new/deep/note"]);
    assert_eq!(paths(&changes.join("deleted")), ["", "etc", "old", "old/note"]);
    assert_eq!(paths(&changes.join("modified")), ["", "etc", "etc/hello-again", "hello.txt"]);
    assert_eq!(fs::read(changes.join("modified/hello.txt")).expect("a file"), b"hello again\n");
    assert_eq!(fs::read(changes.join("deleted/old/note")).expect("a file"), b"gone\n");
    let ino = |path: &str| fs::symlink_metadata(mounted.path(path)).expect("a file").ino();
    let in_changes = |path: &str| ino(&format!("@changes/{first}..{second}/{path}"));
    assert_eq!(in_changes("modified/hello.txt"), ino("@latest/hello.txt"));
    assert_eq!(in_changes("deleted/old/note"), ino("@first/old/note"));
    assert_ne!(in_changes("added/new"), ino("@latest/new"), "a folder is in one place");
    assert!(!mounted.path("@changes/@first..@nonsense").exists());
    // Both places stay where they are, whichever was looked at last.
    let (there, here) = (mounted.path("@latest/new/deep"), changes.join("added/new/deep"));
    for _ in 0..3 {
        assert_eq!(
            fs::read(there.join("note")).expect("a file"),
            fs::read(here.join("note")).expect("a file")
        );
        let up = |folder: &Path| fs::metadata(folder.join("..")).expect("a folder").ino();
        assert_eq!((up(&there), up(&here)), (ino("@latest/new"), in_changes("added/new")));
    }
    // What is new means something at once.
    file(source.join("third"), "x");
    sandbox.import();
    assert_eq!(mounted.names("@changes/@latest~1..@latest/added"), ["third"]);
}
