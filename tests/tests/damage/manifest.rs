//! Manifests and the config.

use std::fs;
use std::path::Path;

use fs_tests::Mounted;
use fs_tests::needs::{Need, met};

use super::{Fixture, files, flip, swap, truncate, zero_page};

#[test]
fn a_manifest() {
    let fixture = Fixture::new();
    let manifests = files(&fixture.repo().join("snapshots"));
    let [one, other] = &manifests[..2] else { panic!("no manifests") };
    let name = one.file_name().expect("a name").to_str().expect("text").to_owned();
    let len = fs::read(one).expect("a manifest").len();
    let listed = fixture.sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let victim = listed.iter().find(|snapshot| snapshot["snapshot"] == *name).expect("the snapshot");
    let victim = format!("source{}:large", victim["name"].as_str().expect("a name"));
    let run = |what: &str, damage: &dyn Fn()| {
        damage();
        let what = format!("{what} in manifest {name}");
        fixture.is_told(&what, &["manifest", &name]);
        let large = fs::read(fixture.sandbox.source().join("large")).expect("a file");
        let ran = fixture.sandbox.yester(["cat", &victim]).run();
        // The index remembers it, to the letter.
        assert!(ran.code() == Some(0) && ran.stdout == large, "{what}: {ran}");
        // The others are there still.
        let ran = fixture.sandbox.yester(["--json", "snapshots"]).run();
        let left = ran.json_lines();
        assert_eq!(left.len(), 3, "{what}: {ran}");
        for snapshot in left {
            let place = format!("source{}:large", snapshot["name"].as_str().expect("a name"));
            let ran = fixture.sandbox.yester(["cat", &place]).run();
            assert!(ran.stdout == large, "{what}: {ran}");
        }
        fixture.mend();
    };
    for at in [0, 4, 8, 24, len / 2, len - 1] {
        run("a flipped bit", &|| flip(one, at));
    }
    for len in [0, 10, len - 1] {
        run("a truncation", &|| truncate(one, len));
    }
    run("a zeroed page", &|| assert!(zero_page(one, 0)));
    run("a swapped file", &|| swap(one, other));
    run("a deletion", &|| fs::remove_file(one).expect("removed"));
}

#[test]
fn a_manifest_that_is_gone_is_missed_until_a_repair() {
    let fixture = Fixture::new();
    let listed = fixture.sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let (id, name) =
        (listed[1]["snapshot"].as_str().expect("an id"), listed[1]["name"].as_str().expect("a name"));
    fs::remove_file(fixture.repo().join("snapshots").join(id)).expect("removed");
    let is_missed = |what: &str| {
        let checked = fixture.is_told(what, &["manifest", id, "missing", "\"source\":\"source\""]);
        assert_eq!(checked.findings.len(), 1, "{what}: {}", checked.ran);
        let time = listed[1]["time"].as_str().expect("a time");
        assert_eq!(checked.findings[0]["time"], time, "{what}");
        let people = fixture.sandbox.yester(["check"]).run();
        let place = format!("source{}", name.split('_').next().expect("a name"));
        assert!(people.text().contains(&place), "{what}: {people}");
    };
    is_missed("deleted");
    fixture.import();
    is_missed("deleted, and another imported");
    fixture.sandbox.yester(["rebuild-index"]).run().ok();
    fixture.is_told("the log knows it", &["manifest", id, "missing"]);
    // As an expression its name would mean the snapshot before.
    let ran = fixture.sandbox.yester(["cat", &format!("source{name}:large")]).run();
    assert!(ran.code() == Some(4) && ran.stdout.is_empty() && ran.stderr().contains(id), "{ran}");
    fixture.sandbox.yester(["repair"]).run().code_is(3);
    fixture.is_clean("given up");
}

#[test]
fn the_config() {
    let fixture = Fixture::new();
    let config = fixture.repo().join("config");
    let len = fs::read(&config).expect("the config").len();
    let run = |what: &str, damage: &dyn Fn(&Path)| {
        damage(&config);
        for command in [&["check"][..], &["rebuild-index"], &["cat", "@latest:large"], &["import", "/tmp"]] {
            let ran = fixture.sandbox.yester(command).run();
            ran.fails(ran.code().expect("a status"), &["config"]);
            assert!(matches!(ran.code(), Some(1 | 4)) && ran.stdout.is_empty(), "{what}: {ran}");
        }
        let ran = fixture.sandbox.yester(["check"]).run();
        assert!(what.contains("version") || ran.code() == Some(4), "{what}: {ran}");
        fixture.mend();
    };
    for at in [0, 20, 36, 60, len - 1] {
        run("a flipped bit", &|path| flip(path, at));
    }
    // A later version, perhaps: nothing may be said of what it writes.
    run("a flipped bit of the version", &|path| flip(path, 8));
    for len in [0, 10, len - 1] {
        run("a truncation", &|path| truncate(path, len));
    }
    run("a zeroed page", &|path| assert!(zero_page(path, 0)));
    run("a swapped file", &|path| swap(path, &files(&fixture.repo().join("snapshots"))[0]));
    run("a deletion", &|path| fs::remove_file(path).expect("removed"));
    // A new config would have another secret, and make all packs unreadable for ever.
    fs::remove_file(&config).expect("removed");
    fixture.sandbox.yester(["init"]).run().fails(4, &["config"]);
    assert!(!config.exists());
    fixture.mend();
    fixture.is_clean("after all");
}

#[test]
fn a_mount_shows_no_other_snapshot_under_the_name_of_one_that_is_gone() {
    if !met(&[Need::Fuse]) {
        return;
    }
    let fixture = Fixture::new();
    let listed = fixture.sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let text = |key: &str| listed[1][key].as_str().expect("text");
    fs::remove_file(fixture.repo().join("snapshots").join(text("snapshot"))).expect("removed");
    fs::remove_file(fixture.repo().join("index-2.redb")).expect("removed");
    let mounted = Mounted::source(&fixture.sandbox);
    let error = fs::metadata(mounted.path(text("name"))).expect_err("no other snapshot");
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
    assert!(!mounted.names("").contains(&text("name").to_owned()));
    // Another time means the one before, as if this had never been.
    let day = text("name").split('T').next().expect("a day");
    assert!(fs::read(mounted.path(day).join("large")).is_ok());
}
