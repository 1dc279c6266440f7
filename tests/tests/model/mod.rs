//! The model test: random histories of a tree are imported one step at a time, and every snapshot, walked through
//! the mount, equals the model of its step in every attribute and byte.

mod archives;
mod bytes;
mod content;
mod difference;
mod disk;
mod edit;
mod extremes;
mod node;
mod racy;
mod state;
mod strategy;
mod versions;

use std::env;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fs_tests::needs::{self, Need};
use fs_tests::tree::{Tree, differences, scan};
use fs_tests::{Mounted, Sandbox};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestError, TestRunner};

use disk::Disk;
use edit::Edit;
use state::State;
use strategy::History;

const SNAPSHOTS: usize = 5;

/// Play a history: each step on the disk, an import, and what the model was then.
fn play(history: &History) -> Result<(), TestCaseError> {
    let sandbox = Sandbox::with_repository();
    let mut mounted = history.mounted_early.then(|| Mounted::source_to_come(&sandbox));
    let (mut state, disk) = (State::new(), Disk::new(&sandbox.source()));
    let mut snapshots: Vec<(String, Tree)> = Vec::new();
    for (number, step) in history.steps.iter().enumerate() {
        let expected = self::step(&mut state, &disk, step);
        check("the test's own tree, not the snapshot", &expected, &sandbox.source())?;
        let name = sandbox.import();
        assert!(snapshots.iter().all(|(other, _)| *other != name), "two snapshots are named {name}");
        snapshots.push((name.clone(), expected));
        if let (Some(mounted), Some((_, expected))) = (&mounted, snapshots.last()) {
            mounted.wait_for(&name);
            check(&format!("snapshot {number}, just made"), expected, &mounted.path(&name))?;
        }
    }
    difference::check(&sandbox, &snapshots)?;
    let mounted = mounted.get_or_insert_with(|| Mounted::source(&sandbox));
    for (number, (name, expected)) in snapshots.iter().enumerate() {
        check(&format!("snapshot {number}, {name}"), expected, &mounted.path(name))?;
    }
    difference::check_mounted(mounted, &snapshots)?;
    let mount = mounted.path("");
    let found = versions::differences(&mount, &snapshots).unwrap_or_else(|error| vec![error.to_string()]);
    if !found.is_empty() {
        return Err(TestCaseError::fail(format!("@versions:\n  {}\n", found.join("\n  "))));
    }
    Ok(())
}

/// Do a step's edits to the model and on the disk, and say what must be there now.
fn step(state: &mut State, disk: &Disk, edits: &[Edit]) -> Tree {
    for edit in edits {
        for action in state.apply(edit) {
            disk.apply(state, &action);
        }
    }
    disk.set_times(state);
    state.expected()
}

/// Compare without a panic: while a failure is made smaller, most of them are of no interest.
fn check(what: &str, expected: &Tree, folder: &Path) -> Result<(), TestCaseError> {
    let found = differences(expected, &scan(folder));
    if found.is_empty() {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{what}:\n  {}\n", found.join("\n  "))))
}

fn number_from(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Run a test with so many drawn histories, or as many as the environment says, of its seed or a new one.
fn draw(
    cases: u32,
    histories: &impl Strategy<Value = History>,
    test: impl Fn(&History) -> Result<(), TestCaseError>,
) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let seed =
        number_from("YESTER_TEST_SEED").unwrap_or_else(|| now.as_secs() ^ u64::from(now.subsec_nanos()));
    eprintln!("histories drawn with YESTER_TEST_SEED={seed}");
    let config = Config {
        cases: number_from("YESTER_TEST_CASES")
            .map_or(cases, |cases| u32::try_from(cases).expect("fewer cases")),
        rng_seed: RngSeed::Fixed(seed),
        // Each try to make a failure smaller imports a whole history.
        max_shrink_iters: 150,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/model/regressions.txt"
        )))),
        ..Config::default()
    };
    TestRunner::new(config).run(histories, |history| test(&history)).unwrap_or_else(|error| match error {
        TestError::Fail(reason, history) => panic!("with YESTER_TEST_SEED={seed}: {reason}\n{history:#?}"),
        TestError::Abort(reason) => panic!("with YESTER_TEST_SEED={seed}: {reason}"),
    });
}

#[test]
fn every_snapshot_equals_the_model_of_its_step() {
    if needs::met(&[Need::Root, Need::Fuse]) {
        draw(6, &strategy::history(SNAPSHOTS), play);
    }
}
