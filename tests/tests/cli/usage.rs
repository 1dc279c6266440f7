//! Help, and arguments that make no sense.

use fs_tests::Sandbox;
use fs_tests::plant::small;

#[test]
fn help_and_version() {
    let sandbox = Sandbox::new();
    let help = sandbox.bare_yester(["--help"]).run().ok().text();
    let commands = [
        "init",
        "up",
        "import",
        "mount",
        "unmount",
        "snapshots",
        "ls",
        "cat",
        "diff",
        "export",
        "timeline",
        "stats",
    ];
    for command in commands {
        assert!(help.contains(command), "--help does not name {command}");
        assert!(!sandbox.bare_yester([command, "--help"]).run().ok().text().is_empty());
    }
    let version = sandbox.bare_yester(["--version"]).run().ok().text();
    assert!(version.starts_with("yester ") && version.lines().count() == 1, "{version}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let sandbox = Sandbox::with_repository();
    let wrong: [&[&str]; 13] = [
        &[],
        &["frobnicate"],
        &["--no-such-option"],
        &["import"],
        &["import", "a", "b"],
        &["mount"],
        &["mount", "--no-such-option", "/mnt"],
        &["unmount"],
        &["up"],
        &["up", "only-one"],
        &["cat"],
        &["ls", "--json=maybe", "@latest:"],
        &["-q", "-v", "snapshots"],
    ];
    for args in wrong {
        let ran = sandbox.yester(args).run();
        assert_eq!(ran.code(), Some(2), "{ran}");
        assert!(!ran.stderr().is_empty(), "nothing is said: {ran}");
        assert!(ran.stdout.is_empty(), "an error on stdout: {ran}");
    }
}

#[test]
fn an_unknown_mount_option_is_refused() {
    let sandbox = Sandbox::with_repository();
    std::fs::write(sandbox.source().join("file"), "x").expect("a file");
    sandbox.import();
    let ran = sandbox.yester(["mount", "-o", "no_such_option"]).arg(sandbox.mnt()).run();
    assert!(matches!(ran.code(), Some(1 | 2)), "{ran}");
    assert!(ran.stderr().contains("no_such_option"), "{ran}");
    assert!(fs_tests::mountinfo::at(&sandbox.mnt()).is_none());
}

#[test]
fn a_mistyped_source_or_path_is_known_by_one_that_is_like_it() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    sandbox.import_as("web1");
    let says = |place: &str, meant: &str| {
        let ran = sandbox.yester(["cat", place]).run();
        assert_eq!(ran.code(), Some(1), "{ran}");
        assert!(ran.stderr().contains(meant), "{ran}");
    };
    says("source@latest:etc/paswd", "did you mean source@latest:etc/passwd?");
    says("source@latest:ETC/passwd", "did you mean source@latest:etc/passwd?");
    says("wbe1@latest:etc/passwd", "did you mean web1?");
    let ran = sandbox.yester(["cat", "web1@latest:nothing/like/it"]).run();
    assert!(ran.code() == Some(1) && !ran.stderr().contains("did you mean"), "{ran}");
}

#[test]
fn what_only_windows_can_do_says_so() {
    let sandbox = Sandbox::with_repository();
    let import = sandbox.yester(["import", "--vss"]).arg(sandbox.source());
    import.run().fails(1, &["only on Windows"]);
}
