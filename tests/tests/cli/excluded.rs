//! What an import excluded: commands say so, and do not take it for missing or empty.

use std::fs;

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::{Ran, Sandbox};
use serde_json::Value;

/// A name that is similar to an excluded one is not suggested.
#[test]
fn an_excluded_path_is_not_called_missing() {
    let sandbox = Sandbox::with_repository();
    let backup = sandbox.source().join("backup");
    file(sandbox.source().join("backups"), "similar");
    fs::rename(sandbox.repo(), &backup).expect("renamed");
    let out = sandbox.path("out");
    let out = out.to_str().expect("text");
    let run = |args: &[&str]| sandbox.bare_yester(["--repo"]).arg(&backup).args(args).run();
    run(&["import", sandbox.source().to_str().expect("text")]).ok();
    for inside in ["backup", "backup/config"] {
        let path = &format!("@latest:{inside}");
        for args in [&["ls", path][..], &["cat", path], &["restore", path, "--to", out], &["export", path]] {
            let ran = run(args);
            ran.fails(1, &[inside, "it was excluded from the snapshot"]);
            assert!(!ran.stderr().contains("did you mean"), "{ran}");
        }
    }
    run(&["ls", "@latest:backup?"]).fails(1, &["no such file", "did you mean"]);
}

#[test]
fn a_folder_whose_content_is_excluded_does_not_look_empty() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let disk = sandbox.source().join("disk");
    file(disk.join("below"), "below");
    sandbox.import();
    let import = |options: &[&str]| -> Ran {
        sandbox.yester(["import"]).args(options).arg(sandbox.source()).run().code_is(0)
    };
    rustix::mount::mount("tmpfs", &disk, "tmpfs", rustix::mount::MountFlags::empty(), None).expect("a tmpfs");
    let ran = import(&["--one-file-system", "-v"]);
    let is_named = |line: &str| line.contains("source/disk: ") && line.contains("another file system");
    assert!(ran.stderr().lines().any(is_named), "{ran}");
    assert!(!import(&["--one-file-system"]).stderr().contains("disk"));
    rustix::mount::unmount(&disk, rustix::mount::UnmountFlags::empty()).expect("unmounted");
    import(&[]);

    let ran = sandbox.yester(["ls", "@latest~1:disk"]).run().code_is(0);
    assert!(ran.stdout.is_empty() && ran.stderr().contains(":disk: its content was excluded"), "{ran}");
    assert!(sandbox.yester(["ls", "@latest~1:"]).run().code_is(0).stderr().is_empty());
    let text = sandbox.yester(["log", "disk"]).run().ok().text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].ends_with("content excluded"), "{text}");
    // Its content has not changed as far as is known.
    assert!(lines[1..].iter().all(|line| !line.contains("content,")), "{text}");
    let json = sandbox.yester(["--json", "log", "disk"]).run().ok().json_lines();
    let excluded: Vec<&Value> = json.iter().map(|interval| &interval["content_excluded"]).collect();
    assert_eq!(excluded, [&Value::Null, &true.into(), &Value::Null]);
}
