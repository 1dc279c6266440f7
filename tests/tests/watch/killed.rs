//! A watch that is killed at random moments while runs are made: nothing comes in twice, and all comes in.
//!
//! `YESTER_TEST_WATCH_KILLS` says how often (15): three times a run. Each run has its number in a file.

use std::env;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, Need, RSNAPSHOT, RSYNC};
use fs_tests::plant::{file, noise, small};
use fs_tests::wait::pause;
use fs_tests::{Sandbox, wait_until};
use rustix::process::Signal;

use super::writer::rsync;
use super::{LIMIT, check, command, count, snapshots, stays, watched};
use crate::layouts::rsnapshot::Rsnapshot;

const KILLS: u64 = 3;

fn rounds() -> u64 {
    let kills: u64 =
        env::var("YESTER_TEST_WATCH_KILLS").map_or(15, |kills| kills.parse().expect("a number of kills"));
    kills.div_ceil(KILLS)
}

/// The numbers of the runs that a source's snapshots hold, the oldest first; `folder` is where they are told.
fn runs(sandbox: &Sandbox, source: &str, folder: &Path, known: &mut Vec<(String, u64)>) -> Vec<u64> {
    let listed = snapshots(sandbox);
    let names = listed.iter().filter(|line| line["source"] == source);
    let path = folder.join("run");
    for name in names.skip(known.len()).map(|line| line["name"].as_str().expect("a name")) {
        let seen = sandbox
            .yester(["cat", "--source", source])
            .arg(format!("{name}:{}", path.display()))
            .run()
            .ok()
            .text();
        known.push((name.to_owned(), seen.parse().expect("a number")));
    }
    known.iter().map(|(_, run)| *run).collect()
}

fn count_of(sandbox: &Sandbox, source: &str) -> usize {
    snapshots(sandbox).iter().filter(|line| line["source"] == source).count()
}

#[test]
fn at_random_moments_while_runs_are_made() {
    if !needs::met(&[Need::Root, RSYNC, RSNAPSHOT]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (source, target) = (sandbox.source(), sandbox.path("target"));
    small(&source);
    let rsnapshot = Rsnapshot::new(&sandbox, true, false);
    let text = fs::read_to_string(rsnapshot.config()).expect("a config");
    fs::write(rsnapshot.config(), text.replace("retain\talpha\t2", "retain\talpha\t9999")).expect("it");
    let levels = format!("[[watch]]\nconfig = \"{}\"\n", rsnapshot.config().display());
    let config = watched(&target, "layout = \"tree\"\nquiet = \"1s\"") + &levels;
    let run = |number: u64| {
        file(source.join("run"), number.to_string());
        file(source.join("noise"), noise(number, 2_000_000));
        rsync(&["-a", "--delete"], &source, &target);
        rsnapshot.run("alpha");
    };
    // rsnapshot keeps the whole path.
    let whole = source.strip_prefix("/").expect("an absolute path");
    let seed = u64::from(SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.subsec_nanos()));
    let (mut of_target, mut of_levels) = (Vec::new(), Vec::new());
    run(0);
    let watch = command(&sandbox, &config);
    let mut running = watch.start();
    for round in 1..=rounds() {
        thread::scope(|scope| {
            scope.spawn(|| run(round));
            for kill in 0..KILLS {
                let chance = f64::from(noise(seed + round * KILLS + kill, 1)[0]) / 255.0;
                // A tree is imported after a second of quiet, a level at once.
                pause(Duration::from_secs(2).mul_f64(chance));
                running.signal(Signal::KILL);
                running.end();
                running = watch.start();
            }
        });
        let mut looked = 0;
        wait_until(&format!("round {round} (seed {seed}) to come in"), LIMIT, || {
            assert!(running.is_running(), "round {round}: it ended: {}", running.stderr());
            if count(&sandbox) == looked {
                return None;
            }
            looked = count(&sandbox);
            let seen = (
                runs(&sandbox, "target", Path::new(""), &mut of_target),
                runs(&sandbox, "localhost", whole, &mut of_levels),
            );
            // A tree's run may be overtaken by the next one, a level's not.
            assert!(seen.0.is_sorted_by(|one, other| one < other), "seed {seed}: {seen:?}");
            assert!(seen.1.iter().copied().eq(0..seen.1.len() as u64), "seed {seed}: {seen:?}");
            let both = count_of(&sandbox, "web1") == seen.1.len() && seen.1.last() == Some(&round);
            (seen.0.last() == Some(&round) && both).then_some(())
        });
    }
    let all = snapshots(&sandbox).len();
    stays(&sandbox, all, Duration::from_secs(3));
    let ended = {
        running.signal(Signal::TERM);
        running.finish().ok()
    };
    println!("seed {seed}: {} of {} runs of the tree came in; {ended}", of_target.len(), rounds() + 1);
    assert_eq!(count_of(&sandbox, "web1"), of_levels.len());
    check(&sandbox);
}
