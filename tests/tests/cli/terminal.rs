//! What a person at a terminal sees, of any width, and what a pipe is told.

use fs_tests::plant::{file, small};
use fs_tests::{Sandbox, Yester};
use std::fs;

/// Three snapshots, the first of a time long past.
fn with_history() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let old = sandbox.yester(["import", "--at", "2021-03-04T05:06"]).arg(sandbox.source());
    old.run().ok();
    file(sandbox.source().join("etc/passwd"), "another\n");
    sandbox.import();
    fs::remove_file(sandbox.source().join("hello.txt")).expect("it goes");
    sandbox.import();
    sandbox
}

/// What a terminal shows, without its orders.
fn plain(shown: &str) -> String {
    let mut plain = String::new();
    let mut rest = shown;
    while let Some((before, order)) = rest.split_once("\x1b[") {
        plain += before;
        let end = order.find(|char: char| char.is_ascii_alphabetic()).expect("an order's end");
        rest = &order[end + 1..];
    }
    (plain + rest).replace('\r', "")
}

#[track_caller]
fn shown(command: &Yester<'_>, columns: u16) -> String {
    let (status, shown) = command.on_terminal(columns);
    assert!(status.success(), "{shown}");
    shown
}

const COMMANDS: [&[&str]; 9] = [
    &["snapshots"],
    &["ls", "-l"],
    &["ls", "source"],
    &["ls", "@latest:"],
    &["ls", "-l", "@first:"],
    &["log", "hello.txt"],
    &["log", "etc/passwd"],
    &["stats"],
    &["timeline"],
];

#[test]
fn lines_are_no_wider_than_the_terminal() {
    let sandbox = with_history();
    for words in COMMANDS {
        for columns in [40, 80, 200] {
            let shown = plain(&shown(&sandbox.yester(words), columns));
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap_or_default();
            assert!(widest <= columns.into(), "{words:?} at {columns}:\n{shown}");
            assert!(widest > 0, "{words:?} shows nothing");
        }
    }
}

#[test]
fn a_narrow_terminal_shows_what_matters() {
    let sandbox = with_history();
    let wide = plain(&shown(&sandbox.yester(["snapshots"]), 80));
    let narrow = plain(&shown(&sandbox.yester(["snapshots"]), 40));
    for word in ["@2021-03-04T05-06-00", "source", "years ago", "complete", "files"] {
        assert!(wide.contains(word), "{word}: {wide}");
    }
    assert!(narrow.contains("@2021-03-04T05-06-00") && narrow.contains("source"), "{narrow}");
    assert!(!narrow.contains("files"), "{narrow}");
    let log = plain(&shown(&sandbox.yester(["log", "hello.txt"]), 40));
    assert!(log.contains("new") && log.contains("deleted"), "{log}");
}

#[test]
fn a_pipe_is_told_times_only_and_without_colours() {
    let sandbox = with_history();
    for words in COMMANDS {
        let text = sandbox.yester(words).run().ok().text();
        assert!(!text.contains(" ago") && !text.contains('\x1b'), "{words:?}: {text}");
    }
    let text = sandbox.yester(["snapshots"]).run().ok().text();
    assert!(text.lines().all(|line| line.contains("complete") && line.contains(" files  ")), "{text}");
}

#[test]
fn colours_are_for_who_wants_them() {
    let sandbox = with_history();
    let listing = |variable: &str, value: &str| {
        let command = sandbox.yester(["ls", "@first:"]).env("LS_COLORS", "di=01;35").env(variable, value);
        shown(&command, 80)
    };
    let coloured = listing("LANG", "C");
    assert!(coloured.contains("\x1b[1;35metc\x1b[0m"), "{coloured:?}");
    let plain = listing("NO_COLOR", "1");
    assert!(plain.contains("etc") && !plain.contains("\x1b[1;35m"), "{plain:?}");
    let log = shown(&sandbox.yester(["log", "hello.txt"]), 80);
    assert!(log.contains("\x1b[31mdeleted\x1b[m"), "{log:?}");
}
