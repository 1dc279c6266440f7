//! The config file: what is wrong in it is said at once, with the line, and nothing is begun.

use std::ops::RangeInclusive;
use std::time::Duration;

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};
use fs_tests::wait::wait_within;
use rustix::process::Signal;

use super::{LIMIT, command, config_path, count, status, wait_for, watched};

/// A config, the lines that may be named, and a word that tells what is wrong.
type Wrong = (String, RangeInclusive<usize>, &'static str);

#[track_caller]
fn is_named_with_its_line(sandbox: &Sandbox, cases: Vec<Wrong>) {
    let path = config_path(sandbox);
    let path = path.to_str().expect("a path");
    let mut untold = Vec::new();
    for (config, lines, word) in cases {
        let ran = ended(command(sandbox, &config).start());
        let said = ran.stderr();
        let names =
            |line: usize| said.contains(&format!("line {line}")) || said.contains(&format!("toml:{line}"));
        let told = said.lines().count() == 1
            && ["yester: ", path, word].iter().all(|part| said.contains(part))
            && lines.clone().any(names);
        if ran.code() != Some(1) || !told {
            untold.push(format!("{config}→ line {lines:?}, {word}: {ran}"));
        }
    }
    assert!(untold.is_empty(), "{}", untold.join("\n"));
    assert_eq!(count(sandbox), 0);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let path = format!("path = \"{}\"", sandbox.source().display());
    let cases = vec![
        (format!("[[watch]]\n{path}\nquite = \"5s\"\n"), 3..=3, "quite"),
        (format!("repositry = \"/srv\"\n[[watch]]\n{path}\n"), 1..=1, "repositry"),
        (format!("[[watch]]\n{path}\nquiet = \"soon\"\n"), 3..=3, "soon"),
        (format!("[[watch]]\n{path}\nquiet = \"-5s\"\n"), 3..=3, "-5s"),
        (format!("[[watch]]\n{path}\nquiet = 5\n"), 3..=3, "integer"),
        (format!("[[watch]]\n{path}\nlive = true\nevery = \"1 fortnight\"\n"), 4..=4, "1 fortnight"),
        (format!("[[watch]]\n{path}\nlive = \"yes\"\n"), 3..=3, "boolean"),
        (format!("[[watch]]\n{path}\nlayout = \"borg\"\n"), 3..=3, "borg"),
        (format!("[[watch]]\n{path}\n[[watch]\n"), 3..=3, "]"),
        (format!("[[watch]]\n{path}\ntimezone = \"Europe/Berlin\"\n"), 3..=3, "timezone"),
    ];
    is_named_with_its_line(&sandbox, cases);
}

/// Each key by itself is right.
#[test]
fn what_does_not_fit_is_named_with_its_line() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let path = format!("path = \"{}\"", sandbox.source().display());
    let stamp = format!("stamp = \"{}\"", sandbox.path("stamp").display());
    let cases = vec![
        (format!("[[watch]]\n{path}\n\n[[watch]]\npath = \"web1\"\n"), 4..=5, "web1"),
        (format!("[[watch]]\n{path}\nquiet = \"5s\"\n{stamp}\n"), 1..=4, "stamp"),
        (format!("[[watch]]\n{path}\nlive = true\n{stamp}\n"), 1..=4, "stamp"),
        (format!("[[watch]]\n{path}\nstamp = \"stamp\"\n"), 1..=3, "stamp"),
        (format!("[[watch]]\n{path}\n[[watch]]\nquiet = \"5s\"\n"), 3..=4, "path"),
    ];
    is_named_with_its_line(&sandbox, cases);
}

/// A config that is not refused would let the watch run for ever.
fn ended(mut started: fs_tests::Started) -> fs_tests::Ran {
    wait_within(Duration::from_secs(30), || (!started.is_running()).then_some(()));
    started.signal(Signal::KILL);
    started.finish()
}

#[test]
fn without_a_source_it_says_where_to_put_one() {
    let sandbox = Sandbox::with_repository();
    let empty = ended(command(&sandbox, "timezone = \"UTC\"\n").start());
    empty.fails(1, &[config_path(&sandbox).to_str().expect("a path"), "[[watch]]"]);
    let usual = sandbox.path("home/config/yester/config.toml");
    let usual = usual.to_str().expect("a path");
    ended(sandbox.yester(["watch"]).start()).fails(1, &[usual, "[[watch]]"]);
    let missing = sandbox.path("missing.toml");
    ended(sandbox.yester(["watch", "--config"]).arg(&missing).start())
        .fails(1, &[missing.to_str().expect("a path")]);
}

#[test]
fn a_missing_repository_is_named() {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let ran = ended(command(&sandbox, &watched(&sandbox.source(), "")).start());
    ran.fails(1, &[sandbox.repo().to_str().expect("a path"), "yester init"]);
}

/// Repository and sources of the file that is read when none is named, as of `yester watch` and nothing more.
#[test]
fn the_usual_config_is_enough() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let text = format!(
        "repository = \"{}\"\n{}",
        sandbox.repo().display(),
        watched(&sandbox.source(), "quiet = \"1s\"\nevery = \"1h\"\none_file_system = true")
    );
    file(sandbox.path("home/config/yester/config.toml"), text);
    let mut watch = sandbox.bare_yester(["watch"]).start();
    wait_for(&sandbox, 1, LIMIT);
    let said = sandbox.bare_yester(["status"]).run();
    assert!(said.text().starts_with("watching since "), "{said}");
    watch.signal(Signal::TERM);
    watch.finish().ok();
    assert!(!status(&sandbox).running);
}

/// What rsync's `--fake-super` keeps is shown as it is meant to be, and a name of one's own is used.
#[test]
fn the_keys_do_as_the_options_of_import() {
    let sandbox = Sandbox::with_repository();
    let target = sandbox.path("target");
    file(target.join("null"), "");
    let faked = rustix::fs::setxattr(
        target.join("null"),
        "user.rsync.%stat",
        b"100640 0,0 1234:5678",
        rustix::fs::XattrFlags::empty(),
    );
    if faked.is_err() {
        fs_tests::needs::skipped("needs extended attributes in the temporary folder");
        return;
    }
    let keys = "quiet = \"1s\"\nsource = \"web1\"\nfake_super = true";
    let mut watch = command(&sandbox, &watched(&target, keys)).start();
    assert_eq!(wait_for(&sandbox, 1, LIMIT)[0]["source"], "web1");
    watch.signal(Signal::TERM);
    watch.finish().ok();
    let told = sandbox.yester(["--json", "ls", "--source", "web1", "@latest:"]).run().ok().text();
    assert!(told.contains("1234") && told.contains("5678"), "{told}");
}
