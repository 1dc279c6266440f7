//! Damage → repair → a clean check: what is not named as left out is there, byte by byte, and imports go on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fs_tests::needs::{Need, met};
use fs_tests::{Mounted, Ran};
use rustix::io::Errno;
use serde_json::Value;

use super::{Fixture, PACK_HEADER_LEN, Pack, files, flip, swap, truncate, zero_page};

/// What a repair said.
pub(super) struct Repair {
    ran: Ran,
    /// Times of snapshots, and paths.
    lost: BTreeSet<(String, String)>,
    summary: Value,
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

impl Repair {
    fn of(fixture: &Fixture, args: &[&str]) -> Self {
        let ran = fixture.sandbox.yester(["--json", "repair"]).args(args).run();
        assert!(matches!(ran.code(), Some(0 | 3)), "{ran}");
        let mut lines = ran.json_lines();
        let summary = lines.pop().expect("a summary");
        let lost: BTreeSet<_> = lines.iter().map(|loss| (text(&loss["time"]), text(&loss["path"]))).collect();
        let names = |key: &str| summary[key].as_array().is_some_and(|lost| !lost.is_empty());
        let told = !lost.is_empty() || names("lost_snapshots");
        assert_eq!(ran.code(), Some(if told { 3 } else { 0 }), "{ran}");
        Self { ran, lost, summary }
    }

    fn lost_snapshots(&self) -> usize {
        self.summary["lost_snapshots"].as_array().expect("a list").len()
    }
}

/// All files and their bytes, but for the lock.
fn state(fixture: &Fixture) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = files(&fixture.repo()).into_iter().filter(|path| !path.ends_with("lock"));
    paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// The snapshots that there are: their names, by their times. In one second a name depends on the others.
fn names(fixture: &Fixture) -> BTreeMap<String, String> {
    let listed = fixture.sandbox.yester(["--json", "snapshots"]).run().ok();
    let name = |one: &Value| (text(&one["time"]), format!("source{}", text(&one["name"])));
    listed.json_lines().iter().map(name).collect()
}

/// Those of the repository that was saved.
fn sound_names(fixture: &Fixture) -> BTreeMap<String, String> {
    let damaged = fixture.sandbox.path("damaged");
    fs::rename(fixture.repo(), &damaged).expect("renamed");
    fs::rename(fixture.sandbox.path("sound"), fixture.repo()).expect("renamed");
    let names = names(fixture);
    fs::rename(fixture.repo(), fixture.sandbox.path("sound")).expect("renamed");
    fs::rename(&damaged, fixture.repo()).expect("renamed");
    names
}

/// What a path held when the repository was sound is there still, or named.
#[track_caller]
fn keeps_the_rest(fixture: &Fixture, what: &str, sound: &BTreeMap<String, String>, repair: &Repair) {
    let names = names(fixture);
    assert_eq!(names.len() + repair.lost_snapshots(), sound.len(), "{what}: {}", repair.ran);
    let (mut places, mut expected) = (Vec::new(), Vec::new());
    for (time, name) in &names {
        let of_it = fixture.files.iter().filter(|((snapshot, _), _)| *snapshot == sound[time]);
        for ((_, path), content) in of_it {
            let is_lost = repair.lost.iter().any(|(at, lost)| {
                at == time && (lost.is_empty() || path == lost || path.starts_with(&format!("{lost}/")))
            });
            let place = format!("{name}:{path}");
            if is_lost {
                // Left out, or, when it was another entry of its directory that is lost, right.
                let ran = fixture.sandbox.yester(["cat", &place]).run();
                assert!(ran.code() == Some(1) || ran.stdout == *content, "{what}: {place}: {ran}");
            } else {
                places.push(place);
                expected.extend_from_slice(content);
            }
        }
    }
    if !places.is_empty() {
        let ran = fixture.sandbox.yester(["cat"]).args(&places).run();
        assert!(ran.code() == Some(0) && ran.stdout == expected, "{what}: {ran}");
    }
}

/// Repairs what is damaged now, looks at what comes of it, imports again, and takes the sound repository back.
#[track_caller]
fn heals(fixture: &Fixture, what: &str) -> Repair {
    heals_with(fixture, what, &[])
}

/// Does the same with options for `repair`.
#[track_caller]
pub(super) fn heals_with(fixture: &Fixture, what: &str, options: &[&str]) -> Repair {
    let before = state(fixture);
    let sound = sound_names(fixture);
    let foretold = Repair::of(fixture, &[options, &["--dry-run"]].concat());
    assert!(state(fixture) == before, "{what}: --dry-run changed something");
    let repair = Repair::of(fixture, options);
    assert_eq!(foretold.lost, repair.lost, "{what}");
    fixture.is_clean(what);
    keeps_the_rest(fixture, what, &sound, &repair);
    let again = Repair::of(fixture, &[]);
    assert!(again.lost.is_empty() && again.summary["clean"] == true, "{what}: {}", again.ran);
    // Quarantined, not destroyed: every damaged file is there with its bytes, unless it was only made whole.
    let aside: Vec<Vec<u8>> = match fixture.repo().join("damaged") {
        folder if folder.exists() => {
            files(&folder).iter().map(|path| fs::read(path).expect("a file")).collect()
        }
        _ => Vec::new(),
    };
    for (path, bytes) in before.iter().filter(|(path, _)| !path.ends_with("index-2.redb")) {
        let kept = fs::read(path).is_ok_and(|now| now == *bytes) || aside.contains(bytes);
        let name = path.file_name().expect("a name").to_string_lossy();
        let packs = repair.summary["damaged_packs"].as_array().expect("a list");
        let restored = packs.iter().any(|pack| pack["pack"] == *name && pack["written_again"] == true);
        assert!(kept || restored, "{what}: {} is gone: {}", path.display(), repair.ran);
    }
    // What still exists comes back.
    let name = fixture.sandbox.import();
    for path in files(&fixture.sandbox.source()) {
        let inside =
            path.strip_prefix(fixture.sandbox.source()).expect("in the source").display().to_string();
        let ran = fixture.sandbox.yester(["cat"]).arg(format!("source{name}:{inside}")).run();
        assert!(ran.stdout == fs::read(&path).expect("a file"), "{what}: {inside} after an import: {ran}");
        if inside.starts_with("many/") {
            break;
        }
    }
    fixture.is_clean(&format!("an import after {what}"));
    fixture.mend();
    repair
}

/// The largest pack of each kind, and another pack.
fn victims(fixture: &Fixture) -> Vec<(Pack, Pack)> {
    [false, true]
        .into_iter()
        .map(|metadata| {
            let of_kind = fixture.packs().into_iter().filter(|pack| pack.metadata == metadata);
            let pack = of_kind.max_by_key(|pack| pack.len).expect("a pack");
            let other = fixture.packs().into_iter().find(|other| other.name != pack.name).expect("two packs");
            (pack, other)
        })
        .collect()
}

type Damage<'a> = &'a dyn Fn(&Path);

#[test]
fn the_frame_of_a_pack_is_made_again_without_loss() {
    let fixture = Fixture::new();
    for (pack, _) in victims(&fixture) {
        let sound = fs::read(&pack.path).expect("a pack");
        let catalogue = pack.catalogue.clone();
        let run = |what: &str, damage: Damage<'_>| {
            damage(&pack.path);
            let what = format!("{what} of pack {}", pack.name);
            let before = fs::read(&pack.path).expect("a pack");
            let repair = Repair::of(&fixture, &[]);
            assert!(repair.lost.is_empty() && repair.ran.code() == Some(0), "{what}: {}", repair.ran);
            assert!(fs::read(&pack.path).ok() == Some(sound.clone()), "{what}: not as it was written");
            assert!(before != sound, "{what}: no damage");
            fs::write(&pack.path, before).expect("written");
            heals(&fixture, &what);
        };
        run("a flipped bit in the header", &|path| flip(path, 3));
        run("a flipped bit in the catalogue", &|path| flip(path, catalogue.start + 30));
        run("a flipped bit in the trailer", &|path| flip(path, pack.len - 5));
        run("a truncation in the trailer", &|path| truncate(path, pack.len - 5));
        run("a truncation in the catalogue", &|path| truncate(path, catalogue.start + 10));
        run("the loss of the catalogue", &|path| truncate(path, catalogue.start));
    }
}

#[test]
fn blocks_that_are_lost_cost_what_is_in_them() {
    let fixture = Fixture::new();
    for (pack, other) in victims(&fixture) {
        let blocks = PACK_HEADER_LEN..pack.catalogue.start;
        let middle = blocks.start.midpoint(blocks.end);
        let run = |what: &str, damage: Damage<'_>| {
            damage(&pack.path);
            heals(&fixture, &format!("{what} in pack {}", pack.name))
        };
        for at in [blocks.start, middle, blocks.end - 1] {
            assert!(!run("a flipped bit", &|path| flip(path, at)).lost.is_empty());
        }
        for len in [0, 4, blocks.start, middle] {
            assert!(!run("a truncation", &|path| truncate(path, len)).lost.is_empty());
        }
        for at in [0, middle, pack.len - 1] {
            run("a zeroed page", &|path| assert!(zero_page(path, at)));
        }
        let swapped = run("a swapped file", &|path| swap(path, &other.path));
        assert!(swapped.lost.is_empty(), "both are there: {}", swapped.ran);
        let with_manifest = files(&fixture.repo().join("snapshots"))[0].clone();
        assert_eq!(run("a manifest", &|path| swap(path, &with_manifest)).lost_snapshots(), 1);
        run("a deletion", &|path| fs::remove_file(path).expect("removed"));
    }
}

#[test]
fn every_pack_may_be_gone() {
    let fixture = Fixture::new();
    for pack in fixture.packs() {
        fs::remove_file(&pack.path).expect("removed");
        heals(&fixture, &format!("pack {} deleted", pack.name));
    }
    for pack in fixture.packs() {
        fs::remove_file(&pack.path).expect("removed");
    }
    let repair = heals_with(&fixture, "all packs deleted", &["--really"]);
    assert!(repair.lost.len() == 3 && repair.lost.iter().all(|(_, path)| path.is_empty()), "{}", repair.ran);
}

#[test]
fn packs_that_are_away_are_not_given_up() {
    let fixture = Fixture::new();
    let packs = fixture.packs();
    let refuses = |missing: usize| {
        let before = state(&fixture);
        for args in [&["repair"][..], &["repair", "--dry-run"]] {
            let told = format!("{missing} of {} packs are missing", packs.len());
            fixture.sandbox.yester(args).run().fails(1, &[&told, "mounted", "--really"]);
        }
        assert!(state(&fixture) == before, "something changed");
    };
    // Nor may an import or a tag forget what is missing.
    let source = fixture.sandbox.source();
    let import = || fixture.sandbox.yester(["import"]).arg(&source);
    let refuses = |missing: usize| {
        let told = format!("{missing} of {} packs are missing", packs.len());
        import().run().fails(1, &[&told, "mounted", "--heal"]);
        fixture.sandbox.yester(["rebuild-index"]).run().fails(1, &[&told, "mounted"]);
        fixture.sandbox.yester(["tag", "@latest", "name"]).run().fails(1, &[&told, "mounted"]);
        refuses(missing);
    };
    let most = packs.len() / 2 + 1;
    for pack in &packs[..most] {
        fs::remove_file(&pack.path).expect("removed");
    }
    refuses(most);
    heals_with(&fixture, "most packs deleted", &["--really"]);
    // Looks like an empty mount point on which nothing is mounted.
    let (folder, away) = (fixture.repo().join("packs"), fixture.sandbox.path("away"));
    fs::rename(&folder, &away).expect("renamed");
    fs::create_dir(&folder).expect("a folder");
    refuses(packs.len());
    fs::remove_file(fixture.repo().join("index-2.redb")).expect("removed");
    fixture.sandbox.yester(["repair"]).run().fails(1, &["packs are missing", "--really"]);
    import().run().fails(1, &["all packs are missing", "mounted", "--heal"]);
    fs::remove_dir(&folder).expect("removed");
    fs::rename(&away, &folder).expect("renamed");
    fixture.sandbox.yester(["repair"]).run().ok();
    fixture.is_clean("brought back");
}

#[test]
fn a_manifest() {
    let fixture = Fixture::new();
    let manifests = files(&fixture.repo().join("snapshots"));
    let run = |what: &str, lost: usize, damage: &dyn Fn()| {
        damage();
        let repair = heals(&fixture, &format!("{what} in a manifest"));
        assert!(repair.lost_snapshots() == lost && repair.lost.is_empty(), "{what}: {}", repair.ran);
    };
    for manifest in &manifests[..2] {
        let len = fs::read(manifest).expect("a manifest").len();
        for at in [0, 10, len - 1] {
            run("a flipped bit", 1, &|| flip(manifest, at));
        }
        run("a truncation", 1, &|| truncate(manifest, len / 2));
        run("a zeroed page", 1, &|| assert!(zero_page(manifest, 0)));
    }
    run("a swapped file", 2, &|| swap(&manifests[0], &manifests[1]));
}

#[test]
fn the_index() {
    let fixture = Fixture::new();
    let index = fixture.repo().join("index-2.redb");
    let len = fs::read(&index).expect("the index").len();
    let run = |what: &str, damage: Damage<'_>| {
        damage(&index);
        let repair = heals(&fixture, what);
        assert!(
            repair.ran.code() == Some(0) && repair.summary["index"].is_string(),
            "{what}: {}",
            repair.ran
        );
    };
    run("a deletion", &|path| fs::remove_file(path).expect("removed"));
    run("a truncation", &|path| truncate(path, len / 8));
    run("a zeroed header", &|path| assert!(zero_page(path, 0)));
    run("other bytes", &|path| fs::write(path, vec![0xa5; len]).expect("written"));
}

#[test]
fn the_config_cannot_be_repaired() {
    let fixture = Fixture::new();
    let config = fixture.repo().join("config");
    let run = |damage: Damage<'_>| {
        damage(&config);
        let before = state(&fixture);
        fixture.sandbox.yester(["repair"]).run().fails(4, &["config", "copy of the repository"]);
        assert!(state(&fixture) == before, "something changed");
        fixture.mend();
    };
    run(&|path| flip(path, 40));
    run(&|path| truncate(path, 20));
    run(&|path| assert!(zero_page(path, 0)));
    run(&|path| fs::remove_file(path).expect("removed"));
}

#[test]
fn nothing_changes_where_nothing_is_wrong() {
    let fixture = Fixture::new();
    let before = state(&fixture);
    for args in [&[][..], &["--dry-run"]] {
        let repair = Repair::of(&fixture, args);
        assert!(repair.summary["clean"] == true && repair.ran.code() == Some(0), "{}", repair.ran);
        assert!(state(&fixture) == before, "{args:?} changed something");
    }
    let people = fixture.sandbox.yester(["repair"]).run().ok();
    assert!(people.text().contains("nothing to repair"), "{people}");
}

#[test]
fn people_are_told_what_to_do() {
    let fixture = Fixture::new();
    let (pack, _) = victims(&fixture).remove(0);
    flip(&pack.path, 3000);
    let dry = fixture.sandbox.yester(["repair", "--dry-run"]).run().code_is(3);
    assert!(dry.text().contains("import --heal") && dry.text().contains("Nothing was changed"), "{dry}");
    let ran = fixture.sandbox.yester(["repair"]).run().code_is(3);
    for words in [
        ":large: left out",
        "quarantined as damaged/packs/",
        "quarantined as damaged/snapshots/",
        "delete them",
    ] {
        assert!(ran.text().contains(words), "{words}: {ran}");
    }
}

#[test]
fn what_was_healed_first_is_not_lost() {
    let fixture = Fixture::new();
    for (pack, _) in victims(&fixture) {
        flip(&pack.path, PACK_HEADER_LEN.midpoint(pack.catalogue.start));
        fixture.sandbox.yester(["import", "--heal"]).arg(fixture.sandbox.source()).run().code_is(0);
        let damaged = fixture.check().damaged;
        let repair = Repair::of(&fixture, &[]);
        let lost = repair.lost.iter().map(|(time, path)| {
            format!("{} {path}", time.replace(':', "-").split('.').next().expect("a time"))
        });
        assert_eq!(lost.collect::<BTreeSet<_>>(), damaged, "{}", repair.ran);
        fixture.is_clean("healed and repaired");
        // The next index is made in another order.
        fixture.sandbox.yester(["rebuild-index"]).run().ok();
        fixture.is_clean("with a new index");
        fixture.mend();
    }
}

#[test]
fn a_mount_goes_on_beside_it() {
    if !met(&[Need::Fuse]) {
        return;
    }
    let fixture = Fixture::new();
    let mounted = Mounted::source(&fixture.sandbox);
    let (pack, _) = victims(&fixture).remove(0);
    let ((first, _), _) = fixture.files.iter().next().expect("a snapshot");
    let first = first.trim_start_matches("source").to_owned();
    let kept = |path: &str| fs::read(mounted.path(&first).join(path));
    kept("dir/kept").expect("sound");
    flip(&pack.path, 3000);
    let repair = Repair::of(&fixture, &[]);
    assert!(!repair.lost.is_empty(), "{}", repair.ran);
    let expected = |path: &str| {
        let key = (format!("source{first}"), path.to_owned());
        fixture.files.get(&key).cloned().expect("a file")
    };
    for path in ["dir/kept", "dir/prose", "new/0", "many/007"] {
        let lost = repair.lost.iter().any(|lost| lost.1 == path);
        fs_tests::wait_until(path, std::time::Duration::from_secs(5), || match kept(path) {
            Ok(bytes) => (bytes == expected(path)).then_some(()),
            // A lost content is not read; of a lost entry not even the type is known.
            Err(error) => (lost && error.raw_os_error() == Some(Errno::IO.raw_os_error())).then_some(()),
        });
    }
}
