//! Folders that look like those of rsnapshot or dirvish but for something: nothing is left out in silence.

use std::fs;
use std::os::unix::fs::symlink;

use fs_tests::Sandbox;
use fs_tests::plant::file;

#[test]
fn a_stray_file_makes_no_tree_of_levels() {
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("backup");
    file(root.join("daily.0/web/file"), "x");
    file(root.join("rsnapshot.log"), "x");
    let words = ["rsnapshot.log", "--layout rsnapshot", "--layout tree"];
    for options in [&["import"][..], &["import", "-n"]] {
        sandbox.yester(options).arg(&root).run().fails(1, &words);
    }
    sandbox.yester(["up"]).arg(&root).arg(sandbox.mnt()).run().fails(1, &words);
    assert_eq!(sandbox.yester(["snapshots"]).run().ok().text(), "");
    let said = sandbox.yester(["import", "--layout", "rsnapshot"]).arg(&root).run().ok();
    assert!(said.stderr().contains("rsnapshot.log: it is no level"), "{said}");
    sandbox.yester(["import", "--layout", "tree"]).arg(&root).run().ok();
    let sources = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let sources: Vec<_> = sources.iter().map(|line| line["source"].as_str().expect("it")).collect();
    assert_eq!(sources, ["backup", "web"]);
}

#[test]
fn what_is_in_a_level_beside_backup_points_is_missed() {
    let sandbox = Sandbox::with_repository();
    let (root, conf) = (sandbox.path("backup"), sandbox.path("rsnapshot.conf"));
    // backup … ./
    file(root.join("daily.0/etc/passwd"), "x");
    file(root.join("daily.0/mail.mbox"), "x");
    file(&conf, format!("snapshot_root\t{}/\nretain\tdaily\t7\n", root.display()));
    let ran = sandbox.yester(["import", "--config"]).arg(&conf).run().code_is(3);
    assert!(ran.stderr().contains("daily.0/mail.mbox: ") && ran.stderr().contains("--layout tree"), "{ran}");
    // So is a level that the config does not know, and one that is elsewhere.
    fs::remove_file(root.join("daily.0/mail.mbox")).expect("a file less");
    let again = || sandbox.yester(["import", "--config"]).arg(&conf).run();
    again().ok();
    file(root.join("fortnightly.0/etc/passwd"), "x");
    assert!(again().code_is(3).stderr().contains("no interval fortnightly"));
    fs::remove_dir_all(root.join("fortnightly.0")).expect("a level less");
    file(sandbox.path("far/etc/passwd"), "x");
    symlink(sandbox.path("far"), root.join("daily.1")).expect("a link");
    assert!(again().code_is(3).stderr().contains("daily.1: it is a symbolic link"));
}

#[test]
fn intervals_of_other_names_get_a_hint() {
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("backup");
    file(root.join("fortnightly.0/web/file"), "x");
    for options in [&["import", "-n"][..], &["import"]] {
        let ran = sandbox.yester(options).arg(&root).run().ok();
        assert!(ran.stderr().contains("--layout rsnapshot"), "{ran}");
    }
    let ran = sandbox.yester(["import", "-n", "--layout", "tree"]).arg(&root).run().ok();
    assert_eq!(ran.stderr(), "", "it was said");
}

#[test]
fn a_linked_vault_is_named() {
    let sandbox = Sandbox::with_repository();
    let vault = |path: &str| {
        let vault = sandbox.path(path);
        file(vault.join("dirvish/default.conf"), "");
        file(vault.join("1/tree/file"), "x");
        let summary =
            "Backup-begin: 2024-06-01 03:00:00\nBackup-complete: 2024-06-01 03:07:00\nStatus: success\n";
        file(vault.join("1/summary"), summary);
    };
    vault("bank/one");
    vault("far/two");
    symlink("../far/two", sandbox.path("bank/two")).expect("a link");
    let ran = sandbox.yester(["import"]).arg(sandbox.path("bank")).run().code_is(3);
    assert!(
        ran.stderr().contains("bank/two: it is a symbolic link") && ran.text().contains("of one"),
        "{ran}"
    );
    // As it says.
    sandbox.yester(["import"]).arg(sandbox.path("bank/two")).run().ok();
    assert_eq!(sandbox.yester(["snapshots"]).run().ok().text().lines().count(), 2);
}
