use std::fs;

use super::super::{BackupRoot, Layout};
use super::*;
use crate::format::{Status, Time};

fn summary(branch: &str, image: &str, reference: &str, end: &str) -> String {
    format!(
        "client: web1\nvault: web1\nbranch: {branch}\nImage: {image}\nReference: {reference}\n\
         Expire: +1 month == 2024-07-01 03:00:00\n\nACTION: rsync\n\
         Backup-begin: 2024-06-0{image} 03:00:00\n{end}"
    )
}

fn complete(image: &str, status: &str) -> String {
    format!("Backup-complete: 2024-06-0{image} 03:07:00\nStatus: {status}\n")
}

fn plant(vault: &Path, image: &str, summary: &str) {
    fs::create_dir_all(vault.join("dirvish")).unwrap();
    fs::create_dir_all(vault.join(image).join("tree")).unwrap();
    fs::write(vault.join(image).join("summary"), summary).unwrap();
}

fn plan_of(root: &Path) -> Plan {
    let place = BackupRoot { root: Some(root.to_owned()), layout: Layout::Auto, config: None };
    Plan::make(&place, &TimeZone::UTC, jiff::Timestamp::now()).unwrap()
}

fn reasons(plan: &Plan) -> Vec<String> {
    let text = |left_out: &super::super::LeftOut| {
        format!("{}: {}", left_out.path.file_name().unwrap().display(), left_out.reason)
    };
    plan.left_out.iter().map(text).collect()
}

#[test]
fn images_are_runs_when_they_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let vault = directory.path().join("web1");
    plant(&vault, "2", &summary("default", "2", "1", &complete("2", "warning (24) -- file vanished")));
    plant(&vault, "1", &summary("default", "1", "default", &complete("1", "success")));
    plant(&vault, "3", &summary("other", "3", "2", &complete("3", "error (23) -- partial transfer")));
    plant(&vault, "4", &summary("default", "4", "2", "Status: fatal error (12) -- no space\n"));
    plant(&vault, "5", &summary("default", "5", "2", ""));
    plant(&vault, "6", &summary("default", "6", "2", &complete("6", "error (30) -- timeout")));
    plant(&vault, "7", &summary("default", "7", "2", &complete("7", "success")));
    fs::remove_dir(vault.join("7/tree")).unwrap();
    fs::create_dir(vault.join("8")).unwrap();
    for root in [&vault, &vault.parent().unwrap().to_owned()] {
        let plan = plan_of(root);
        assert_eq!(plan.layout, Layout::Dirvish);
        let runs: Vec<_> = plan
            .runs
            .iter()
            .map(|run| (String::from_utf8_lossy(&run.source).into_owned(), run.status()))
            .collect();
        assert_eq!(
            runs,
            [
                ("web1".to_owned(), Status::Complete),
                ("web1".into(), Status::Vanished),
                ("web1+other".into(), Status::Partial)
            ]
        );
        let times = |at: usize| (plan.runs[at].time, plan.runs[at].run.completed, plan.runs[at].run.expires);
        let at = |secs| Time::new(secs, 0).unwrap();
        assert_eq!(
            times(0),
            (at(1_717_210_800), Some(at(1_717_211_220)), Some(at(1_719_802_800))),
            "begin, end, expiry"
        );
        assert_eq!(&*plan.runs[0].run.identity, b"dirvish web1:default:1 2024-06-01T03:00:00");
        assert_eq!(plan.runs[0].reference, None);
        // References work across branches, too.
        assert_eq!(plan.runs[2].reference.as_ref(), Some(&plan.runs[1].run.identity));
        assert_eq!(
            reasons(&plan),
            [
                "4: its run failed: fatal error (12) -- no space",
                "5: its run did not complete",
                "6: its run failed: error (30) -- timeout",
                "7: its tree is gone",
                "8: it has no summary, as an image has"
            ]
        );
    }
    let lock = vault.join("dirvish/lock_file");
    fs::write(lock, std::process::id().to_string()).unwrap();
    let plan = plan_of(&vault);
    assert_eq!(plan.running, Some(std::process::id()));
    assert!(reasons(&plan)[1].contains("dirvish is running"));
}

#[test]
fn a_summary_cannot_name_what_is_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let evil = summary("default", "1", "../../etc", &complete("1", "success"));
    plant(directory.path(), "1", &evil.replace("vault: web1", "vault: ../web1"));
    plant(directory.path(), "2", &evil.replace("vault: web1", "vault: @web1"));
    fs::create_dir_all(directory.path().join("3")).unwrap();
    std::os::unix::fs::symlink("/", directory.path().join("3/tree")).unwrap();
    fs::write(directory.path().join("3/summary"), evil).unwrap();
    let plan = plan_of(directory.path());
    assert!(plan.runs.is_empty(), "{plan:?}");
    assert!(
        reasons(&plan)[2].starts_with("3: its tree is a symbolic link, which is not followed"),
        "{plan:?}"
    );
    assert!(plan.left_out.iter().all(|left_out| left_out.may_be_history), "{plan:?}");
}

/// Each image is reported with the true reason. An image that may be good is reported as an error.
#[test]
fn an_image_says_why_it_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let vault = directory.path().canonicalize().unwrap().join("bank/web1");
    let far = directory.path().join("far");
    plant(&vault, "1", &summary("default", "1", "default", "Status: success\n"));
    plant(&vault, "2", &summary("default", "2", "1", "Status: fatal error (12) -- no space\n"));
    plant(&vault, "3", &summary("default", "3", "1", &complete("3", "wonderful")));
    plant(
        &vault,
        "4",
        &summary("default", "4", "1", &complete("4", "success")).replace("Backup-begin", "Begin"),
    );
    plant(&vault, "5", &summary("default", "5", "1", &complete("5", "success")));
    fs::remove_dir(vault.join("5/tree")).unwrap();
    fs::write(vault.join("5/tree"), "").unwrap();
    plant(&far, "6", &summary("default", "6", "1", &complete("6", "success")));
    std::os::unix::fs::symlink(far.join("6"), vault.join("6")).unwrap();
    std::os::unix::fs::symlink("1", vault.join("last")).unwrap();
    fs::create_dir(vault.join("7")).unwrap();
    let plan = plan_of(&vault);
    assert!(plan.runs.is_empty(), "{plan:?}");
    let expected = [
        ("1: its summary does not tell when its run completed (Backup-complete)", true),
        ("2: its run failed: fatal error (12) -- no space", false),
        ("3: its summary has a status that dirvish does not write: wonderful", true),
        ("4: its summary does not tell when its run began (Backup-begin)", true),
        ("5: its tree is no folder", true),
        ("6: it is a symbolic link, which is not followed: import what it leads to", true),
        ("7: it has no summary, as an image has", true),
    ];
    assert_eq!(plan.left_out.len(), expected.len(), "{:?}", reasons(&plan));
    for ((reason, left_out), (start, may_be)) in reasons(&plan).iter().zip(&plan.left_out).zip(expected) {
        assert!(reason.starts_with(start), "{reason}");
        assert_eq!(left_out.may_be_history, may_be, "{reason}");
    }
    // A vault of a bank behaves in the same way.
    std::os::unix::fs::symlink(&far, vault.with_file_name("linked")).unwrap();
    let plan = plan_of(vault.parent().unwrap());
    assert!(reasons(&plan)[0].starts_with("linked: it is a symbolic link"), "{:?}", reasons(&plan));
}

#[test]
fn no_vault_is_an_error_when_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let place = BackupRoot { root: Some(directory.path().into()), layout: Layout::Dirvish, config: None };
    assert!(matches!(
        Plan::make(&place, &TimeZone::UTC, jiff::Timestamp::now()),
        Err(ImportError::NoRuns { .. })
    ));
}
