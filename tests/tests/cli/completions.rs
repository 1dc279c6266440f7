//! What a shell offers while somebody types, and the manual.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use fs_tests::Sandbox;
use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};

const SCRIPT: Need = Need::Program("script", "bsdutils");

/// What a terminal shows of an interactive bash into which this is typed; `yester` is known to it.
fn typed(sandbox: &Sandbox, keys: &str) -> String {
    let yester = sandbox.public_binary();
    let folder = yester.parent().expect("its folder").display();
    let set_up = sandbox.path("bashrc");
    file(
        &set_up,
        format!(
            "PATH={folder}:$PATH; PS1='$ '; export YESTER_REPO={}; bind 'set bell-style none'\n\
             source <(yester completions bash)\n",
            sandbox.repo().display()
        ),
    );
    let bash = format!("bash --noprofile --rcfile {} -i", set_up.display());
    let mut script = Command::new("script")
        .args(["-qec", &bash, "/dev/null"])
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script");
    let keys = format!("{keys}\nexit\n");
    script.stdin.take().expect("its input").write_all(keys.as_bytes()).expect("typed");
    let output = script.wait_with_output().expect("its output");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_completes_times_and_paths() {
    if !needs::met(&[SCRIPT, Need::Program("bash", "bash")]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    file(sandbox.source().join("etc/only here"), "found: a name with a space\n");
    file(sandbox.source().join("unique/below/it"), "found: two folders down\n");
    sandbox.import();
    let shown = typed(&sandbox, "yester cat @lat\tuniq\tbel\ti\t");
    assert!(shown.contains("found: two folders down"), "{shown}");
    let shown = typed(&sandbox, "yester cat --source sou\t @lat\tetc/onl\t");
    assert!(shown.contains("found: a name with a space"), "{shown}");
    // Several sources: one is completed before its time.
    sandbox.import_as("other");
    let shown = typed(&sandbox, "yester cat oth\tlat\tunique/below/i\t");
    assert!(shown.contains("found: two folders down"), "{shown}");
}

#[test]
fn every_shell_can_ask() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = sandbox.bare_yester(["completions", shell]).run().ok().text();
        assert!(script.contains("YESTER_COMPLETE"), "{shell}: {script}");
    }
    let ran = sandbox.bare_yester(["completions", "tcsh"]).run();
    assert_eq!(ran.code(), Some(2), "{ran}");
    assert!(ran.stderr().contains("bash"), "{ran}");
}

#[test]
fn nothing_is_offered_where_there_is_no_repository() {
    let sandbox = Sandbox::new();
    let words = ["--", "yester", "--repo", "/nowhere", "cat", "@l"];
    let ran = sandbox.bare_yester(words).env("YESTER_COMPLETE", "fish").run();
    assert_eq!((ran.code(), ran.text().trim()), (Some(0), ""), "{ran}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let sandbox = Sandbox::new();
    let whole = sandbox.bare_yester(["man"]).run().ok().text();
    assert!(whole.contains(".TH yester 1"), "{whole}");
    let pages = sandbox.path("man1");
    sandbox.bare_yester(["man", "--dir"]).arg(&pages).run().ok();
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap_or_default();
    assert!(page("yester-import.1").contains("rsnapshot"), "{:?}", list(&pages));
    assert!(page("yester-restore.1").contains("overwrite"), "{:?}", list(&pages));
}

fn list(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
