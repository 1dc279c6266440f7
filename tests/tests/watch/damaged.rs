//! The index is damaged while a watch and a mount use it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::{Mounted, Sandbox};

use super::{LIMIT, Watch, check, snapshots, wait_for, watched};

const PAGE: u64 = 4096;

/// Changes the file itself, as a failing disk would.
fn damage(index: &Path, what: &str) {
    let file = fs::File::options().write(true).open(index).expect("the index");
    let len = file.metadata().expect("a file").len();
    match what {
        "a truncation" => file.set_len(PAGE).expect("cut"),
        "a zeroed header" => file.write_all_at(&[0; 512], 0).expect("written"),
        _ => {
            for page in 1..len / PAGE {
                file.write_all_at(&[0xa5; 64], page * PAGE).expect("written");
            }
        }
    }
}

#[test]
fn neither_a_watch_nor_a_mount_ends() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let (folder, stamp) = (sandbox.source(), sandbox.path("stamp"));
    small(&folder);
    file(folder.join("large"), noise(1, 300_000));
    let watch = Watch::start(&sandbox, &watched(&folder, &format!("stamp = \"{}\"", stamp.display())));
    file(&stamp, "");
    wait_for(&sandbox, 1, LIMIT);
    let mut mounted = Mounted::source(&sandbox);
    let index = sandbox.repo().join("index-2.redb");
    for (number, what) in ["a truncation", "a zeroed header", "damaged pages"].into_iter().enumerate() {
        damage(&index, what);
        file(folder.join("run"), noise(number as u64 + 2, 2000));
        file(&stamp, "");
        wait_for(&sandbox, number + 2, LIMIT);
        let latest = snapshots(&sandbox).pop().expect("a snapshot");
        let latest = latest["name"].as_str().expect("a name").to_owned();
        mounted.wait_for(&latest);
        for name in ["run", "large", "hello.txt"] {
            let there = fs::read(mounted.path(&latest).join(name)).expect("a file");
            assert!(there == fs::read(folder.join(name)).expect("a file"), "{name} after {what}");
        }
        assert!(mounted.is_running(), "{what}");
        check(&sandbox);
    }
    watch.stop();
}
