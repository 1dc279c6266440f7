//! Only its owner can access a repository, from creation on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use fs_tests::Sandbox;
use fs_tests::needs::{self, Need, STRACE};
use fs_tests::plant::{file, noise};

use super::text;

const UMASK: &str = "umask 000 && exec strace -f -qq -y -o \"$0\" \
    -e trace=mkdir,mkdirat,open,openat,openat2,creat,mknod,mknodat,chmod,fchmod,fchmodat \"$@\"";

/// The modes with which system calls created entries below `root`, each with its line of the trace.
fn created(trace: &Path, root: &Path) -> Vec<(u32, String)> {
    let trace = fs::read_to_string(trace).expect("a trace");
    let is_inside = |line: &&str| line.contains(text(root));
    let lines = trace.lines().filter(is_inside).filter(|line| !line.contains(" = -1 "));
    let creates = |line: &&str| line.contains("mkdir") || line.contains("O_CREAT") || line.contains("chmod");
    let mode = |line: &str| {
        let call = line.split(") = ").next().unwrap_or(line);
        let last = call.rsplit([',', '=']).find_map(|word| {
            let word = word.trim().trim_end_matches(['}', ')']);
            word.strip_prefix('0').and_then(|octal| u32::from_str_radix(octal, 8).ok())
        });
        (last.unwrap_or_else(|| panic!("no mode: {line}")), line.to_owned())
    };
    lines.filter(creates).map(mode).collect()
}

#[test]
fn nothing_is_open_to_others_for_a_moment() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::new();
    file(sandbox.source().join("secret"), noise(1, 100_000));
    let place = sandbox.path("place");
    fs::create_dir(&place).expect("a folder");
    let repository = place.join("repo");
    let source = sandbox.source();
    let commands: [&[&str]; 6] = [
        &["init"],
        &["import", text(&source)],
        &["tag", "@latest", "name"],
        &["rebuild-index"],
        &["check"],
        &["repair"],
    ];
    let trace = sandbox.path("trace");
    let mut seen = 0;
    for words in commands {
        let through = ["sh", "-c", UMASK, text(&trace)];
        let ran = sandbox.bare_yester(["--quiet", "--repo", text(&repository)]).args(words);
        ran.through(&through).run().code_is(0);
        for (mode, line) in created(&trace, &repository) {
            assert_eq!(mode & 0o077, 0, "{words:?}: {line}");
            seen += 1;
        }
        let mut paths = vec![repository.clone()];
        while let Some(path) = paths.pop() {
            let told = fs::symlink_metadata(&path).expect("an entry");
            assert_eq!(told.mode() & 0o077, 0, "{words:?}: {}", path.display());
            if told.is_dir() {
                paths.extend(fs::read_dir(path).expect("a folder").map(|entry| entry.expect("one").path()));
            }
        }
    }
    assert!(seen > 10, "the trace shows {seen} files and folders only");
}

/// Anyone who can write to a folder above can replace the repository.
#[test]
fn folders_above_are_never_open_to_writers() {
    let sandbox = Sandbox::new();
    let outer = sandbox.path("outer");
    let repository = outer.join("inner/repo");
    let through = ["sh", "-c", "umask 000 && exec \"$0\" \"$@\""];
    sandbox.bare_yester(["--repo", text(&repository), "init"]).through(&through).run().ok();
    for (path, mode) in [(&outer, 0o755), (&outer.join("inner"), 0o755), (&repository, 0o700)] {
        let told = fs::metadata(path).expect("a folder");
        assert_eq!(told.mode() & 0o777, mode, "{}", path.display());
    }
}

type Prepare = fn(&Path);

#[test]
fn init_refuses_what_others_have_prepared() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let prepared: [(&str, Prepare); 7] = [
        ("a folder of another user", |root| chown(root, Some(1777), None).expect("chown")),
        ("a link in place of the lock", |root| symlink("/nowhere", root.join("lock")).expect("a link")),
        ("a link in place of the packs", |root| symlink("/tmp", root.join("packs")).expect("a link")),
        ("open packs", |root| {
            fs::create_dir(root.join("packs")).expect("a folder");
            fs::set_permissions(root.join("packs"), Permissions::from_mode(0o755)).expect("chmod");
        }),
        ("packs of another user", |root| {
            fs::create_dir(root.join("packs")).expect("a folder");
            fs::set_permissions(root.join("packs"), Permissions::from_mode(0o700)).expect("chmod");
            chown(root.join("packs"), Some(1777), None).expect("chown");
        }),
        ("something else", |root| file(root.join("other"), "")),
        ("the lock of another user", |root| {
            file(root.join("lock"), "");
            chown(root.join("lock"), Some(1777), None).expect("chown");
        }),
    ];
    for (what, prepare) in prepared {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.repo()).expect("a folder");
        prepare(&sandbox.repo());
        let ran = sandbox.yester(["init"]).run().code_is(1);
        assert!(ran.stderr().contains(text(&sandbox.repo())), "{what}: {ran}");
        assert!(!sandbox.repo().join("config").exists(), "{what}");
    }
    // The next `init` continues where an interrupted one stopped.
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.repo()).expect("a folder");
    for name in ["log", "packs", "snapshots", "state", "tmp"] {
        fs::create_dir(sandbox.repo().join(name)).expect("a folder");
        fs::set_permissions(sandbox.repo().join(name), Permissions::from_mode(0o700)).expect("chmod");
    }
    sandbox.yester(["init"]).run().ok();
    assert_eq!(fs::metadata(sandbox.repo()).expect("a folder").mode() & 0o7777, 0o700);
}

#[test]
fn check_names_what_others_can_get_at() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "content");
    sandbox.import();
    let repository = sandbox.repo();
    // No other user can reach it.
    fs::set_permissions(repository.join("config"), Permissions::from_mode(0o666)).expect("chmod");
    sandbox.yester(["check"]).run().ok();
    fs::set_permissions(&repository, Permissions::from_mode(0o711)).expect("chmod");
    let ran = sandbox.yester(["check"]).run().code_is(0);
    assert!(ran.stderr().contains("other users can read or change one entry"), "{ran}");
    assert!(ran.stderr().contains(text(&repository.join("config"))), "{ran}");
    fs::set_permissions(repository.join("config"), Permissions::from_mode(0o640)).expect("chmod");
    let ran = sandbox.yester(["check"]).run().code_is(0);
    assert!(ran.stderr().contains("other users can read one entry"), "{ran}");
    let ran = sandbox.yester(["--json", "check"]).run().code_is(0);
    assert_eq!(ran.json_lines().last().expect("the whole")["exposed"], 1, "{ran}");
}

#[test]
fn a_folder_that_cannot_be_listed_hides_nothing_else() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let repository = sandbox.repo();
    let unlisted = repository.join("damaged");
    fs::create_dir(&unlisted).expect("a folder");
    for (path, mode) in [(&unlisted, 0o711), (&repository.join("config"), 0o640), (&repository, 0o711)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    }
    let ran = sandbox.yester(["check"]).failing("getdents64", Some(&unlisted)).run().code_is(0);
    assert!(ran.stderr().contains("other users can read one entry"), "{ran}");
    assert!(ran.stderr().contains("it is unknown who can access it"), "{ran}");
}

#[test]
fn a_listing_that_fails_is_no_empty_repository() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "content");
    sandbox.import();
    fs::remove_file(sandbox.repo().join("config")).expect("no config");
    for words in [&["init"][..], &["snapshots"]] {
        let ran = sandbox.yester(words).failing("getdents64", None).run().code_is(1);
        assert!(!ran.stderr().contains("not a yester repository"), "{ran}");
        assert!(!sandbox.repo().join("config").exists(), "{words:?}: {ran}");
    }
}
