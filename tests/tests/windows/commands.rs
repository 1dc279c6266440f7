use std::fs;

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::{Sandbox, Wine};

use super::{assert_kept, plant};

#[test]
fn a_tree_is_imported_looked_at_and_restored() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::new();
    let wine = Wine::new(&sandbox);
    let source = sandbox.source();
    plant(&source);
    wine.yester(["init"]).run().ok();
    let import = || wine.yester(["--json", "import"]).arg(Wine::path(&source)).run().ok().json();
    let first = import();
    assert_eq!((first["source"].as_str(), first["files"].as_u64()), (Some("source"), Some(307)), "{first}");
    let again = import();
    assert_eq!((again["files"].as_u64(), again["new_bytes"].as_u64()), (Some(307), Some(0)), "{again}");

    file(source.join("000/000001.bin"), "changed\n");
    file(source.join("new.txt"), "new\n");
    fs::remove_file(source.join("000/000002.bin")).expect("a file");
    import();
    assert_eq!(wine.yester(["--json", "snapshots"]).run().ok().json_lines().len(), 3);
    let differences = wine.yester(["diff", "@first", "@latest"]).run().ok().text();
    for line in ["M 000/000001.bin", "- 000/000002.bin", "+ new.txt"] {
        assert!(differences.lines().any(|found| found == line), "{line}: {differences}");
    }
    let names = wine.yester(["ls", "@latest:Grüße"]).run().ok();
    assert_eq!(names.text(), "日本語 🦀.txt\n");
    let bytes = wine.yester(["cat", "@latest:large.bin"]).run().ok();
    assert!(bytes.stdout == fs::read(source.join("large.bin")).expect("a file"));
    let log = wine.yester(["--json", "log", "--source", "source", "000/000001.bin"]).run().ok();
    assert_eq!(log.json_lines().len(), 2, "{log}");
    assert!(wine.yester(["find", "000002.bin", "--deleted"]).run().ok().text().contains("000/000002.bin"));
    assert!(wine.yester(["export", "@latest:a"]).run().ok().stdout.len() > 1024);
    for words in [&["stats"][..], &["timeline"], &["man"], &["completions", "powershell"]] {
        assert!(!wine.yester(words).run().ok().stdout.is_empty(), "{words:?}");
    }

    let to = sandbox.path("restored");
    wine.yester(["restore", "@latest:", "--to"]).arg(Wine::path(&to)).run().ok();
    assert_kept(&source, &to);
    // Nothing is replaced unless that is asked for, and then also what may not be written to.
    file(to.join("new.txt"), "mine\n");
    let refused = wine.yester(["restore", "@latest:", "--to"]).arg(Wine::path(&to)).run().code_is(3);
    assert!(refused.stderr().contains("new.txt: exists"), "{refused}");
    wine.yester(["restore", "--overwrite", "@latest:", "--to"]).arg(Wine::path(&to)).run().ok();
    assert_kept(&source, &to);

    wine.yester(["rebuild-index"]).run().ok();
    wine.yester(["check", "--read-data"]).run().ok();
    wine.yester(["repair", "--dry-run"]).run().ok();
}

#[test]
fn what_cannot_be_on_windows_says_so() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::new();
    let wine = Wine::new(&sandbox);
    wine.yester(["init"]).run().ok();
    wine.yester(["watch"]).run().fails(1, &["only on Linux"]);
    wine.yester(["import", "--layout", "dirvish", "Z:\\"]).run().fails(1, &["dirvish", "only on Linux"]);
    // Wine has no shadow copies.
    wine.yester(["import", "--vss", "C:\\"]).run().fails(1, &["cannot make a shadow copy of C:\\"]);
    let help = wine.yester(["--help"]).run().ok().text();
    assert!(help.contains("  import ") && !help.contains("  watch "), "{help}");
}
