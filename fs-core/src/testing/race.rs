//! A race with another process, which exchanges a new folder for a symbolic link.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Calls `create` 300 times with its number and the path of a new folder. Meanwhile another thread exchanges
/// that path with a link. Panics if anything was created in the folder that the links lead to.
pub(crate) fn exchange_with_a_link(create: impl Fn(usize, &Path)) {
    let directory = tempfile::tempdir().unwrap();
    let victim = directory.path().join("victim");
    fs::create_dir(&victim).unwrap();
    let swaps = AtomicU32::new(0);
    for round in 0..300 {
        let at = |name: &str| directory.path().join(format!("{name}-{round}"));
        let (new, link) = (at("new"), at("link"));
        symlink(&victim, &link).unwrap();
        let (ready, over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.wait();
                while !over.load(Ordering::Relaxed) {
                    let swapped = renameat_with(CWD, &new, CWD, &link, RenameFlags::EXCHANGE);
                    swaps.fetch_add(u32::from(swapped.is_ok()), Ordering::Relaxed);
                }
            });
            ready.wait();
            create(round, &new);
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "round {round}");
    }
    assert!(swaps.into_inner() > 0, "no race");
}
