//! Levels whose times were changed, or are those of other levels: no run comes in twice, none is lost, and no history
//! turns round or gets into another one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use fs_tests::needs::{self, Need, RSNAPSHOT, RSYNC};
use fs_tests::plant::file;
use fs_tests::{Ran, Sandbox};

use super::rsnapshot::Rsnapshot;
use super::{done, live};

const DAY: u64 = 86400;
const BEGAN: u64 = 1_717_210_800;

/// Gives a folder the modification time that a run of this day has.
fn stamp(folder: &Path, day: u64) {
    set_time(folder, Duration::from_secs(BEGAN + day * DAY));
}

/// Gives a folder a time that something else has set: not a whole second.
fn touch(folder: &Path, day: u64) {
    set_time(folder, Duration::new(BEGAN + day * DAY, 123_456_789));
}

fn set_time(folder: &Path, time: Duration) {
    fs::File::open(folder).expect("a folder").set_modified(SystemTime::UNIX_EPOCH + time).expect("a time");
}

/// A level of one backup point, with one file.
fn level(root: &Path, name: &str, day: u64) {
    file(root.join(name).join("web/day"), day.to_string());
    stamp(&root.join(name), day);
}

/// `daily.2` to `daily.0`, of the days 1 to 3.
fn three(sandbox: &Sandbox, root: &str) -> PathBuf {
    let root = sandbox.path(root);
    (0..3).for_each(|number| level(&root, &format!("daily.{number}"), 3 - number));
    root
}

fn import(sandbox: &Sandbox, root: &Path, words: &[&str]) -> Ran {
    sandbox.yester(["import"]).args(words).arg(root).run()
}

/// What the file was in each snapshot of a source, the oldest first.
#[track_caller]
fn days(sandbox: &Sandbox, source: &str) -> Vec<String> {
    let lines = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let of = lines.iter().filter(|line| line["source"] == source);
    of.map(|line| {
        let at = format!("{source}{}:day", line["name"].as_str().expect("a name"));
        sandbox.yester(["cat"]).arg(at).run().ok().text()
    })
    .collect()
}

/// That nothing of a root is imported any more, and that a dry run says so.
#[track_caller]
fn all_known(sandbox: &Sandbox, root: &Path) {
    let shown = import(sandbox, root, &["-n"]).ok().text();
    assert!(shown.contains("  imported  ") && !shown.contains("  new  "), "{shown}");
    let ran = import(sandbox, root, &[]).ok();
    assert!(ran.text().starts_with("nothing new"), "{ran}");
    assert_eq!(days(sandbox, "web"), ["1", "2", "3"]);
}

/// That a root is refused with these words, also by a dry run, and nothing of it imported.
#[track_caller]
fn refused(sandbox: &Sandbox, root: &Path, words: &[&str]) {
    let before = sandbox.yester(["snapshots"]).run().ok().text();
    for options in [&[][..], &["-n"]] {
        import(sandbox, root, options).fails(1, words);
    }
    assert_eq!(sandbox.yester(["snapshots"]).run().ok().text(), before);
}

/// The next run: each level has another number.
fn rotate(root: &Path, day: u64) {
    for number in (0..3).rev() {
        let name = |number| root.join(format!("daily.{number}"));
        fs::rename(name(number), name(number + 1)).expect("a new name");
    }
    level(root, "daily.0", day);
}

#[test]
fn levels_that_have_lost_a_backup_point_are_known() {
    let sandbox = Sandbox::with_repository();
    let root = three(&sandbox, "backup");
    import(&sandbox, &root, &[]).ok();
    // As rm -rf daily.*/oldhost leaves them: the newest is touched first.
    (0..3).for_each(|number| touch(&root.join(format!("daily.{number}")), 100 + number));
    all_known(&sandbox, &root);
    // Also under other names, and beside a new one. rsnapshot cuts the times of what it renames to whole seconds.
    rotate(&root, 200);
    for number in 1..4 {
        stamp(&root.join(format!("daily.{number}")), 99 + number);
    }
    import(&sandbox, &root, &[]).ok();
    assert_eq!(days(&sandbox, "web"), ["1", "2", "3", "200"]);
}

/// An older level was changed in the second in which the newest run completed, so that both have one time.
#[test]
fn a_level_that_has_the_time_of_the_newest_run_hides_it_from_nobody() {
    let sandbox = Sandbox::with_repository();
    let root = three(&sandbox, "backup");
    import(&sandbox, &root, &[]).ok();
    stamp(&root.join("daily.1"), 3);
    all_known(&sandbox, &root);
}

#[test]
fn levels_are_known_by_what_is_in_them() {
    for touched in [&[0, 1, 2][..], &[2, 1, 0], &[0], &[1], &[2]] {
        let sandbox = Sandbox::with_repository();
        let root = three(&sandbox, "backup");
        import(&sandbox, &root, &[]).ok();
        // Other folders than those that were imported.
        let copy = sandbox.path("copy");
        done(Command::new("cp").arg("-a").arg(&root).arg(&copy));
        fs::remove_dir_all(&root).expect("the root");
        fs::rename(&copy, &root).expect("a new name");
        // Where levels share a file, a later run changes its mode in all.
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(root.join("daily.1/web/day"), mode).expect("a mode");
        for (nth, number) in touched.iter().enumerate() {
            touch(&root.join(format!("daily.{number}")), 100 + nth as u64);
        }
        all_known(&sandbox, &root);
    }
}

/// Where nothing changes from run to run, only times tell runs apart.
#[test]
fn runs_with_the_same_in_them_are_all_taken() {
    let sandbox = Sandbox::with_repository();
    let root = sandbox.path("backup");
    file(root.join("daily.0/web/day"), "same");
    stamp(&root.join("daily.0"), 1);
    import(&sandbox, &root, &[]).ok();
    // Copies of one level, each with a time of its own, and the first is gone meanwhile.
    for day in 2..8 {
        let (newest, next) = (root.join("daily.0"), root.join(format!("new.{day}")));
        done(Command::new("cp").arg("-a").arg(&newest).arg(&next));
        stamp(&next, day);
        fs::remove_dir_all(&newest).expect("a level less");
        fs::rename(&next, &newest).expect("a new name");
        import(&sandbox, &root, &[]).ok();
    }
    assert_eq!(days(&sandbox, "web"), ["same"; 7]);
}

#[test]
fn numbers_that_times_contradict_are_refused() {
    let sandbox = Sandbox::with_repository();
    let root = three(&sandbox, "backup");
    stamp(&root.join("daily.0"), 0);
    refused(&sandbox, &root, &["daily.0", "daily.1", "touch -d", "--layout tree"]);
    stamp(&root.join("daily.0"), 3);
    import(&sandbox, &root, &[]).ok();
    // A clock that went back.
    rotate(&root, 2);
    stamp(&root.join("daily.0"), 1);
    set_time(&root.join("daily.0"), Duration::from_secs(BEGAN + DAY + 1));
    refused(&sandbox, &root, &["daily.0", "daily.1", "touch -d"]);
    stamp(&root.join("daily.0"), 4);
    import(&sandbox, &root, &[]).ok();
    assert_eq!(days(&sandbox, "web"), ["1", "2", "3", "2"]);
}

/// Such as a week's only level that has lost a backup point before it was first imported.
#[test]
fn a_changed_level_is_not_later_than_those_that_it_comes_before() {
    let sandbox = Sandbox::with_repository();
    let root = three(&sandbox, "backup");
    level(&root, "weekly.0", 0);
    touch(&root.join("weekly.0"), 100);
    refused(&sandbox, &root, &["daily.2", "weekly.0", "touch -d"]);
    stamp(&root.join("weekly.0"), 0);
    import(&sandbox, &root, &[]).ok();
    touch(&root.join("weekly.0"), 100);
    import(&sandbox, &root, &[]).ok();
    assert_eq!(days(&sandbox, "web"), ["0", "1", "2", "3"]);
}

#[test]
fn levels_of_one_time_are_refused() {
    let sandbox = Sandbox::with_repository();
    let root = three(&sandbox, "backup");
    (0..3).for_each(|number| stamp(&root.join(format!("daily.{number}")), 9));
    refused(&sandbox, &root, &["one time", "touch -d"]);
    (0..3).for_each(|number| stamp(&root.join(format!("daily.{number}")), 3 - number));
    import(&sandbox, &root, &[]).ok();
    assert_eq!(days(&sandbox, "web"), ["1", "2", "3"]);
}

#[test]
fn a_root_that_was_moved_or_copied_goes_on() {
    for copied in [false, true] {
        let sandbox = Sandbox::with_repository();
        let (root, other) = (three(&sandbox, "backup"), sandbox.path("other"));
        import(&sandbox, &root, &[]).ok();
        if copied {
            done(Command::new("cp").arg("-a").arg(&root).arg(&other));
        } else {
            fs::rename(&root, &other).expect("a new name");
        }
        all_known(&sandbox, &other);
        rotate(&other, 200);
        import(&sandbox, &other, &[]).ok();
        assert_eq!(days(&sandbox, "web"), ["1", "2", "3", "200"]);
    }
}

#[test]
fn a_copy_without_times_is_refused() {
    let sandbox = Sandbox::with_repository();
    let (root, copy) = (three(&sandbox, "backup"), sandbox.path("copy"));
    import(&sandbox, &root, &[]).ok();
    for number in 0..3 {
        let name = format!("daily.{number}");
        file(copy.join(&name).join("web/day"), (3 - number).to_string());
        // In an order that its numbers have, too.
        touch(&copy.join(&name), 100 - number);
    }
    refused(&sandbox, &copy, &["source web has the history of", "--source", "--allow-other-tree"]);
    fs::remove_dir_all(&root).expect("the root");
    fs::rename(&copy, &root).expect("a new name");
    refused(&sandbox, &root, &["none is known", "--allow-other-tree"]);
    import(&sandbox, &root, &["--allow-other-tree"]).ok();
    assert_eq!(days(&sandbox, "web"), ["1", "2", "3", "1", "2", "3"]);
}

#[test]
fn another_root_with_a_run_of_the_same_second_is_refused() {
    let sandbox = Sandbox::with_repository();
    let root = three(&sandbox, "backup");
    import(&sandbox, &root, &[]).ok();
    let other = sandbox.path("other");
    level(&other, "daily.1", 0);
    level(&other, "daily.0", 3);
    file(other.join("daily.0/web/day"), "another's");
    stamp(&other.join("daily.0"), 3);
    refused(&sandbox, &other, &["source web has the history of", "--source", "--allow-other-tree"]);
    let ran = import(&sandbox, &other, &["--source", "web"]);
    ran.fails(1, &["source web has the history of"]);
    // Said outright, what can come in does; what cannot is named.
    let ran = import(&sandbox, &other, &["--allow-other-tree"]).code_is(3);
    assert!(ran.stderr().contains("daily.0/web: a run of another root"), "{ran}");
    assert_eq!(days(&sandbox, "web"), ["0", "1", "2", "3"]);
    // And each goes on, unasked.
    import(&sandbox, &root, &[]).ok();
    import(&sandbox, &other, &[]).code_is(3);
    import(&sandbox, &other, &["--source", "other"]).ok();
    assert_eq!(days(&sandbox, "other"), ["0", "another's"]);
}

/// rsnapshot's own levels, copied or linked: a backup point is taken out of all of them.
#[track_caller]
fn a_host_less(link_dest: bool) {
    let sandbox = Sandbox::with_repository();
    let rsnapshot = Rsnapshot::new(&sandbox, link_dest, false);
    let root = sandbox.path("backup");
    let import = || {
        let lines =
            sandbox.yester(["--json", "import", "--config"]).arg(rsnapshot.config()).run().ok().json_lines();
        let new = lines.iter().filter(|line| line["snapshot"].is_string());
        new.map(|line| line["run"].as_str().expect("a run").to_owned()).collect::<Vec<_>>()
    };
    for (day, interval) in ["alpha", "alpha", "beta", "alpha"].into_iter().enumerate() {
        live(&sandbox.source(), day as u64);
        rsnapshot.run(interval);
        let count = import().len();
        assert_eq!(count, if interval == "alpha" { 2 } else { 0 }, "day {day}");
    }
    let config = fs::read_to_string(rsnapshot.config()).expect("a config");
    let kept: Vec<_> = config.lines().filter(|line| !line.ends_with("\tweb1/")).collect();
    fs::write(rsnapshot.config(), kept.join("\n") + "\n").expect("a config");
    for level in ["alpha.0", "alpha.1", "beta.0"] {
        fs::remove_dir_all(root.join(level).join("web1")).unwrap_or_else(|error| panic!("{level}: {error}"));
    }
    assert_eq!(import(), Vec::<String>::new(), "link_dest {link_dest}");
    live(&sandbox.source(), 5);
    rsnapshot.run("alpha");
    assert_eq!(import(), ["alpha.0/localhost"], "link_dest {link_dest}");
    assert_eq!(import(), Vec::<String>::new(), "link_dest {link_dest}");
}

#[test]
fn a_backup_point_goes_from_levels_of_rsnapshot() {
    if !needs::met(&[Need::Root, RSYNC, RSNAPSHOT]) {
        return;
    }
    std::thread::scope(|scope| {
        for link_dest in [false, true] {
            scope.spawn(move || a_host_less(link_dest));
        }
    });
}

#[test]
fn two_banks_with_a_vault_of_one_name_do_not_mix() {
    let sandbox = Sandbox::with_repository();
    let bank = |name: &str, text: &str| {
        let vault = sandbox.path(name).join("web");
        file(vault.join("dirvish/default.conf"), "");
        file(vault.join("1/tree/day"), text);
        let summary = "vault: web\nbranch: default\nImage: 1\nBackup-begin: 2024-06-01 03:00:00\n\
            Backup-complete: 2024-06-01 03:07:00\nStatus: success\n";
        file(vault.join("1/summary"), summary);
        sandbox.path(name)
    };
    let (one, other) = (bank("one", "1"), bank("other", "2, another"));
    import(&sandbox, &one, &[]).ok();
    refused(&sandbox, &other, &["source web has the history of", "--allow-other-tree"]);
    // The same one at another place is known.
    let moved = sandbox.path("moved");
    fs::rename(&one, &moved).expect("a new name");
    assert!(import(&sandbox, &moved, &[]).ok().text().starts_with("nothing new"));
    assert_eq!(days(&sandbox, "web"), ["1"]);
}
