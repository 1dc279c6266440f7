//! Where the repository is when nobody says.

use fs_tests::Sandbox;
use fs_tests::plant::small;

#[test]
fn the_embedded_repository_lies_in_the_data_folder() {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    sandbox.bare_yester(["init"]).run().ok();
    let place = sandbox.path("home/data/yester/repository");
    assert!(place.join("config").is_file(), "no repository in {}", place.display());
    sandbox.bare_yester(["import"]).arg(sandbox.source()).run().ok();
    assert_eq!(sandbox.bare_yester(["cat", "@latest:hello.txt"]).run().ok().stdout, b"hello\n");
    assert_eq!(
        sandbox
            .bare_yester(["--repo"])
            .arg(&place)
            .args(["--json", "snapshots"])
            .run()
            .ok()
            .json_lines()
            .len(),
        1
    );
}

#[test]
fn without_a_data_folder_it_lies_in_the_home() {
    let sandbox = Sandbox::new();
    sandbox.bare_yester(["init"]).env_remove("XDG_DATA_HOME").run().ok();
    assert!(sandbox.path("home/.local/share/yester/repository/config").is_file());
}

#[test]
fn the_environment_names_one_and_the_command_line_overrules_it() {
    let sandbox = Sandbox::new();
    let (named, told) = (sandbox.path("named"), sandbox.path("told"));
    sandbox.bare_yester(["init"]).env("YESTER_REPO", &named).run().ok();
    assert!(named.join("config").is_file());
    sandbox.bare_yester(["-r"]).arg(&told).arg("init").env("YESTER_REPO", &named).run().ok();
    assert!(told.join("config").is_file());
    assert!(!sandbox.path("home/data/yester/repository").exists());
}

#[test]
fn a_missing_default_is_named_in_the_error() {
    let sandbox = Sandbox::new();
    sandbox.bare_yester(["snapshots"]).run().fails(1, &["home/data/yester/repository", "init"]);
}

/// The repository in the tree that is imported: it must not swallow itself.
#[test]
fn a_repository_inside_its_source_is_left_out() {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let inside = sandbox.source().join("backup");
    let run = |args: &[&str]| sandbox.bare_yester(["--repo"]).arg(&inside).args(args).run();
    run(&["init"]).ok();
    let source = sandbox.source();
    let import = run(&["import", source.to_str().expect("a plain path")]);
    if import.code() == Some(0) {
        let stored = run(&["--json", "ls", "@latest:backup"]);
        assert!(stored.code() == Some(1) || stored.ok().json_lines().is_empty(), "it holds itself");
    } else {
        import.fails(1, &[inside.to_str().expect("a plain path")]);
    }
}
