//! A tree in which people work.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use fs_tests::plant::file;
use fs_tests::{Sandbox, wait_until};

use super::{LIMIT, Watch, count, snapshots, stays, wait_for, watched};
use crate::layouts;

#[test]
fn changes_appear_and_nothing_else() {
    let sandbox = Sandbox::with_repository();
    layouts::live(&sandbox.source(), 0);
    let watch = Watch::start(&sandbox, &watched(&sandbox.source(), "live = true\nevery = \"1s\""));
    wait_for(&sandbox, 1, LIMIT);
    stays(&sandbox, 1, Duration::from_secs(4));
    // One step, of a file with one name: a look that comes in between sees all of it or nothing.
    file(sandbox.path("new"), "no longer empty\n");
    fs::rename(sandbox.path("new"), sandbox.source().join("empty")).expect("a rename");
    wait_for(&sandbox, 2, LIMIT);
    stays(&sandbox, 2, Duration::from_secs(4));
    assert_eq!(sandbox.yester(["cat", "@latest:empty"]).run().ok().text(), "no longer empty\n");
    watch.stop().ok();
}

/// It is never quiet, and yet has a history.
#[test]
fn somebody_writes_all_the_time() {
    let sandbox = Sandbox::with_repository();
    let log = sandbox.source().join("log");
    layouts::live(&sandbox.source(), 0);
    let watch = Watch::start(&sandbox, &watched(&sandbox.source(), "live = true\nevery = \"1s\""));
    let begin = Instant::now();
    let mut file = fs::File::create(&log).expect("a log");
    wait_until("four snapshots", Duration::from_secs(40), || {
        file.write_all(b"one more line\n").expect("a line");
        (count(&sandbox) >= 4).then_some(())
    });
    // Each time that `every` has passed, and not more often.
    let most = begin.elapsed().as_secs() + 2;
    assert!(u64::try_from(count(&sandbox)).expect("few") <= most);
    watch.stop();
    let sizes: Vec<u64> =
        snapshots(&sandbox).iter().map(|line| line["bytes"].as_u64().expect("bytes")).collect();
    assert!(sizes.windows(2).all(|two| two[0] < two[1]), "{sizes:?}");
}
