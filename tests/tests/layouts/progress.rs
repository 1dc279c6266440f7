//! What a terminal shows while many levels are imported.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};

use fs_tests::Sandbox;
use fs_tests::needs::{self, STRACE};
use fs_tests::plant::many;

use super::done;

const LEVELS: u64 = 6;

/// A source of some levels.
fn levels() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    let level = |number: u64| sandbox.path(format!("backup/daily.{number}"));
    many(&level(LEVELS - 1).join("localhost"), 300, 100);
    for number in (0..LEVELS).rev() {
        if number < LEVELS - 1 {
            done(Command::new("cp").arg("-al").arg(level(number + 1)).arg(level(number)));
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - number * 86_400);
        File::open(level(number)).expect("a level").set_modified(time).expect("it");
    }
    sandbox
}

/// The texts of the bar, as one after the other was drawn.
fn bars(shown: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = shown;
    // Orders to the terminal: ESC [ … letter.
    while let Some((before, order)) = rest.split_once("\x1b[") {
        plain += before;
        plain.push('\n');
        let end = order.find(|char: char| char.is_ascii_alphabetic()).expect("an order's end");
        rest = &order[end + 1..];
    }
    plain += rest;
    let lines = plain.split(['\n', '\r']).map(str::trim_end);
    lines.filter(|line| line.contains(" of 6)")).map(str::to_owned).collect()
}

#[test]
fn a_terminal_shows_how_far_it_is_and_what_is_left() {
    if !needs::met(&[STRACE]) {
        return;
    }
    for columns in [80, 40] {
        let sandbox = levels();
        let import = sandbox.yester(["import"]).arg(sandbox.path("backup"));
        let slow = import.slowed("getdents64", Duration::from_millis(100));
        let (status, shown) = slow.on_terminal(columns);
        assert!(status.success(), "{shown}");
        let bars = bars(&shown);
        assert!(bars.iter().all(|line| line.chars().count() <= columns.into()), "{bars:#?}");
        let has = |words: &[&str]| bars.iter().any(|line| words.iter().all(|word| line.contains(word)));
        // Nothing is known of the first level, which is new.
        assert!(!bars.iter().any(|line| line.contains("(1 of 6)") && line.contains("left")), "{bars:#?}");
        assert!(has(&["daily.1", " (5 of 6): ", " left"]), "{bars:#?}");
        assert_eq!(has(&[" (5 of 6): ", " files, "]), columns == 80, "{bars:#?}");
        // Each level's line stands by itself.
        let lines: Vec<_> = shown.lines().filter(|line| line.contains(" of localhost: daily.")).collect();
        assert_eq!(lines.len(), 6, "{shown:?}");
        let clean = |line: &&str| {
            line.trim_start_matches(['\r']).rsplit("\x1b[2K").next().is_some_and(|line| line.starts_with('@'))
        };
        assert!(lines.iter().all(clean), "{lines:#?}");
    }
}
