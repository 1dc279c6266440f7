use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::super::{BackupRoot, Layout};
use super::*;

/// A root with levels whose folders have the given modification times.
struct Farm(tempfile::TempDir);

impl Farm {
    fn new(levels: &[(&str, i64)], points: &[&str]) -> Self {
        let farm = Self(tempfile::tempdir().unwrap());
        for (level, secs) in levels {
            for point in points {
                fs::create_dir_all(farm.path(level).join(point)).unwrap();
            }
            farm.stamp(level, *secs);
        }
        farm
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(inside)
    }

    fn stamp(&self, level: &str, secs: i64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(secs.unsigned_abs());
        fs::File::open(self.path(level)).unwrap().set_modified(time).unwrap();
    }

    fn config(&self, more: &str) -> PathBuf {
        let path = self.path("conf");
        let root = self.path("");
        fs::write(&path, format!("snapshot_root\t{}\n{more}", root.display())).unwrap();
        // Outside the root, where the config does not count as an entry.
        let moved = self.0.path().with_extension("conf");
        fs::rename(&path, &moved).unwrap();
        moved
    }

    fn plan(&self, config: Option<&str>) -> Plan {
        let root = Some(self.path(""));
        let config = config.map(|more| self.config(more));
        let place = BackupRoot { root, layout: Layout::Rsnapshot, config: config.clone() };
        let plan = Plan::make(&place, &jiff::tz::TimeZone::UTC, jiff::Timestamp::now()).unwrap();
        config.into_iter().for_each(|path| fs::remove_file(path).unwrap());
        plan
    }
}

fn runs(plan: &Plan) -> Vec<(String, i64)> {
    let shown = |run: &PlannedRun| {
        let path = run.tree.strip_prefix(&plan.root).unwrap();
        (path.display().to_string(), run.time.secs())
    };
    plan.runs.iter().map(shown).collect()
}

fn left_out(plan: &Plan) -> Vec<String> {
    let shown = |left_out: &LeftOut| {
        let path = left_out.path.strip_prefix(&plan.root).unwrap();
        format!("{}: {}", path.display(), left_out.reason)
    };
    plan.left_out.iter().map(shown).collect()
}

#[test]
fn all_intervals_are_one_history() {
    let farm = Farm::new(
        &[("hourly.0", 500), ("hourly.1", 400), ("daily.0", 300), ("daily.10", 100), ("weekly.0", 200)],
        &["localhost", "web1"],
    );
    fs::create_dir_all(farm.path(".sync/localhost")).unwrap();
    fs::create_dir_all(farm.path("_delete.77/localhost")).unwrap();
    fs::create_dir_all(farm.path("daily.x/localhost")).unwrap();
    fs::write(farm.path("weekly.0/file"), "").unwrap();
    std::os::unix::fs::symlink("hourly.0", farm.path("daily.9")).unwrap();
    farm.stamp("weekly.0", 200);
    let plan = farm.plan(None);
    let web1: Vec<_> = runs(&plan).into_iter().filter(|(path, _)| path.ends_with("web1")).collect();
    let expected = [
        ("daily.10/web1", 100),
        ("weekly.0/web1", 200),
        ("daily.0/web1", 300),
        ("hourly.1/web1", 400),
        ("hourly.0/web1", 500),
    ];
    assert_eq!(web1, expected.map(|(path, secs)| (path.to_owned(), secs)));
    assert_eq!(plan.runs.len(), 10);
    assert_eq!(
        left_out(&plan),
        [
            "daily.9: it is no level",
            "daily.x: it is no level",
            "weekly.0/file: it is no folder of a backup point; if `backup … ./` wrote it, keep it by importing the level with \
             --layout tree"
        ]
    );
    // A link to a level of this root holds no further history.
    let may_be: Vec<_> = plan.left_out.iter().map(|left_out| left_out.may_be_history).collect();
    assert_eq!(may_be, [false, true, true]);
}

#[test]
fn rotation_changes_no_identity() {
    let farm = Farm::new(&[("daily.0", 200), ("daily.1", 100)], &["localhost"]);
    let identities = |plan: &Plan| plan.runs.iter().map(|run| run.run.identity.clone()).collect::<Vec<_>>();
    let before = identities(&farm.plan(None));
    fs::rename(farm.path("daily.1"), farm.path("weekly.0")).unwrap();
    fs::rename(farm.path("daily.0"), farm.path("daily.1")).unwrap();
    fs::create_dir_all(farm.path("daily.0/localhost")).unwrap();
    farm.stamp("daily.0", 300);
    let after = identities(&farm.plan(None));
    assert_eq!(after.len(), 3);
    assert_eq!(after[..2], before);
    assert_eq!(&*before[0], b"rsnapshot 100.000000000 localhost");
}

#[test]
fn a_copy_of_the_last_level_is_no_level_yet() {
    let farm = Farm::new(&[("daily.0", 200), ("daily.1", 200), ("daily.2", 100)], &["localhost"]);
    let plan = farm.plan(None);
    let expected = [("daily.2/localhost", 100), ("daily.1/localhost", 200)];
    assert_eq!(runs(&plan), expected.map(|(path, secs)| (path.to_owned(), secs)));
    assert_eq!(left_out(&plan), ["daily.0: its time is that of daily.1: its run has not completed"]);
}

#[test]
fn only_a_level_and_the_next_are_a_level_and_its_copy() {
    let farm = Farm::new(&[("daily.0", 200), ("daily.1", 200), ("daily.2", 200)], &["localhost"]);
    let plan = farm.plan(None);
    assert_eq!((plan.runs.len(), plan.left_out.len()), (3, 0), "for their order to be refused");
    let farm = Farm::new(&[("daily.0", 300), ("daily.1", 200), ("weekly.0", 200)], &["localhost"]);
    let plan = farm.plan(None);
    assert_eq!(plan.runs.len(), 2);
    let [left_out] = plan.left_out.as_slice() else { panic!("{plan:?}") };
    assert!(left_out.may_be_history && left_out.reason.contains("is a copy of it"), "{left_out:?}");
}

#[test]
fn a_level_keeps_its_folder_under_other_names_and_times() {
    let farm = Farm::new(&[("daily.0", 200)], &["localhost"]);
    let folder = |plan: &Plan| plan.runs[0].run_folder.clone();
    let before = farm.plan(None);
    assert!(before.runs[0].mark.is_stamped);
    fs::rename(farm.path("daily.0"), farm.path("weekly.3")).unwrap();
    fs::create_dir(farm.path("weekly.3/more")).unwrap();
    let after = farm.plan(None);
    let name = after.runs[0].level.as_ref().unwrap().to_string();
    assert_eq!((&*name, after.runs[0].mark.is_stamped), ("weekly.3", false));
    let expected = crate::format::RunFolder { name: (*b"weekly.3").into(), ..folder(&before) };
    assert_eq!((&*folder(&before).name, folder(&after)), (&b"daily.0"[..], expected));
}

#[test]
fn what_rsnapshot_works_on_is_left_alone() {
    let farm = Farm::new(&[("daily.0", 300), ("daily.1", 200), ("daily.2", 100)], &["localhost"]);
    let lock = tempfile::NamedTempFile::new().unwrap();
    let config = format!("retain\tdaily\t3\nlockfile\t{}\n", lock.path().display());
    fs::write(lock.path(), std::process::id().to_string()).unwrap();
    let plan = farm.plan(Some(&config));
    assert_eq!(plan.running, Some(std::process::id()));
    assert_eq!(runs(&plan), [("daily.1/localhost".to_owned(), 200)]);
    assert_eq!(plan.left_out.len(), 2);
    assert!(left_out(&plan)[0].contains("rsnapshot is running"), "{:?}", left_out(&plan));

    // rsnapshot was killed. The level that it was about to make is incomplete; earlier levels are complete.
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    fs::write(lock.path(), ended.id().to_string()).unwrap();
    let stamp = |secs| {
        lock.as_file().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(secs)).unwrap();
    };
    stamp(290);
    let plan = farm.plan(Some(&config));
    assert_eq!((plan.running, plan.runs.len()), (None, 2));
    assert!(left_out(&plan)[0].starts_with("daily.0: the run that made it did not complete"));
    stamp(310);
    assert_eq!(farm.plan(Some(&config)).runs.len(), 3);
}

#[test]
fn intervals_are_the_configs() {
    let farm = Farm::new(&[("daily.0", 300), ("photos.1", 200)], &["localhost"]);
    let plan = farm.plan(Some("retain\tdaily\t7\nretain\tweekly\t4\n"));
    assert_eq!(runs(&plan), [("daily.0/localhost".to_owned(), 300)]);
    assert_eq!(left_out(&plan), ["photos.1: the config has no interval photos"]);
    assert_eq!(plan.retention.len(), 2);
}

#[test]
fn old_levels_that_share_files_are_approximate() {
    let farm = Farm::new(&[("daily.0", 300), ("daily.1", 200), ("daily.2", 100)], &["localhost"]);
    for level in ["daily.0", "daily.1", "daily.2"] {
        fs::write(farm.path(level).join("localhost/own"), level).unwrap();
    }
    fs::hard_link(farm.path("daily.2/localhost/own"), farm.path("daily.1/localhost/shared")).unwrap();
    fs::rename(farm.path("daily.2/localhost/own"), farm.path("daily.2/localhost/shared")).unwrap();
    let statuses: Vec<_> = farm.plan(None).runs.iter().map(PlannedRun::status).collect();
    assert_eq!(statuses, [Status::Approximate, Status::Unknown, Status::Unknown]);
    // A level made by an incomplete run may have been changed already.
    farm.stamp("daily.0", 200);
    fs::hard_link(farm.path("daily.1/localhost/own"), farm.path("daily.0/localhost/shared")).unwrap();
    fs::rename(farm.path("daily.1/localhost/own"), farm.path("daily.1/localhost/shared.too")).unwrap();
    fs::rename(farm.path("daily.0/localhost/shared"), farm.path("daily.0/localhost/shared.too")).unwrap();
    let statuses: Vec<_> = farm.plan(None).runs.iter().map(PlannedRun::status).collect();
    assert_eq!(statuses, [Status::Approximate, Status::Approximate]);
}

#[test]
fn a_level_that_moves_under_the_reader_is_noticed() {
    let farm = Farm::new(&[("daily.0", 300), ("daily.1", 200)], &["localhost"]);
    let plan = farm.plan(None);
    let [old, new] = plan.runs.as_slice() else { panic!("{plan:?}") };
    assert_eq!((old.mark.change(), new.mark.change()), (None, None));
    farm.stamp("daily.0", 301);
    assert_eq!(new.mark.change(), Some("it has changed meanwhile"));
    fs::rename(farm.path("daily.1"), farm.path("daily.2")).unwrap();
    assert_eq!(old.mark.change(), Some("it was removed or renamed meanwhile"));
    fs::rename(farm.path("daily.0"), farm.path("daily.1")).unwrap();
    assert_eq!(old.mark.change(), Some("another folder has its name now"));
}

#[test]
fn nothing_to_find_is_an_error() {
    let farm = Farm::new(&[], &[]);
    let place = BackupRoot { root: Some(farm.path("")), layout: Layout::Rsnapshot, config: None };
    let error = Plan::make(&place, &jiff::tz::TimeZone::UTC, jiff::Timestamp::now()).unwrap_err();
    assert!(matches!(error, ImportError::NoRuns { .. }), "{error}");
    // Without an explicit layout it is read as a tree.
    let place = BackupRoot { layout: Layout::Auto, ..place };
    assert_eq!(
        Plan::make(&place, &jiff::tz::TimeZone::UTC, jiff::Timestamp::now()).unwrap().layout,
        Layout::Tree
    );
}

#[test]
fn a_config_is_for_one_root() {
    let farm = Farm::new(&[("daily.0", 300)], &["localhost"]);
    let config = Some(farm.config(""));
    let plan = |root, layout| {
        let place = BackupRoot { root, layout, config: config.clone() };
        Plan::make(&place, &jiff::tz::TimeZone::UTC, jiff::Timestamp::now()).map(|plan| plan.runs.len())
    };
    assert_eq!(plan(None, Layout::Auto).unwrap(), 1);
    assert_eq!(plan(Some(farm.path("")), Layout::Rsnapshot).unwrap(), 1);
    assert!(matches!(plan(Some("/".into()), Layout::Auto), Err(ImportError::OtherRoot { .. })));
    assert!(matches!(plan(None, Layout::Dirvish), Err(ImportError::ConfigOf(_))));
    fs::remove_file(config.as_ref().unwrap()).unwrap();
}
