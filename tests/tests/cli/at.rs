//! `--at`: a time beside a path, and the time of an old copy.

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};

/// A snapshot of 2020, one of 2022, and one of now.
fn with_history() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    for (time, text) in [("2020-06-01T03:00", "old\n"), ("2022-06-01T03:00:00Z", "newer\n")] {
        file(sandbox.source().join("note"), text);
        let name = sandbox.yester(["--json", "import", "--at", time]).arg(sandbox.source()).run().ok().json();
        assert!(
            name["name"].as_str().is_some_and(|name| name.starts_with(&format!("@{}", &time[..10]))),
            "{name}"
        );
    }
    file(sandbox.source().join("note"), "newest\n");
    sandbox.import();
    sandbox
}

#[test]
fn a_path_needs_no_time_of_its_own() {
    let sandbox = with_history();
    let cat = |words: &[&str]| sandbox.yester(["cat"]).args(words).run().ok().text();
    assert_eq!(cat(&["note", "--at", "2021"]), "old\n");
    assert_eq!(cat(&["/note", "--as-of", "@2022-06-01"]), "newer\n");
    assert_eq!(cat(&["note", "note", "--at", "latest"]), "newest\nnewest\n");
    assert_eq!(cat(&["note", "--at", "first", "--source", "source"]), "old\n");
    let ls = |words: &[&str]| sandbox.yester(["ls"]).args(words).run().ok().text();
    assert_eq!(ls(&["--at", "2021"]), ls(&["@2021:"]));
    assert_eq!(ls(&["etc", "--at", "2021"]), ls(&["@2021:etc"]));
    let log = sandbox.yester(["log", "note", "--at", "2023"]).run().ok().text();
    assert_eq!(log.lines().count(), 2, "{log}");
    let to = sandbox.path("back");
    sandbox.yester(["restore", "note", "--at", "2021", "--to"]).arg(&to).run().ok();
    assert_eq!(std::fs::read_to_string(to).expect("it is back"), "old\n");
    let archive = |words: &[&str]| sandbox.yester(["export"]).args(words).run().ok().stdout;
    assert_eq!(archive(&["note", "--at", "2021"]), archive(&["@2021:note"]));
}

#[test]
fn snapshots_are_told_as_of_a_time() {
    let sandbox = with_history();
    sandbox.import_as("other");
    let names = |time: &str| {
        let lines = sandbox.yester(["--json", "snapshots", "--at", time]).run().ok().json_lines();
        lines.iter().map(|line| line["source"].as_str().expect("a source").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("2021"), ["source"]);
    assert_eq!(names("latest"), ["other", "source"]);
    assert!(names("1999").is_empty());
}

#[test]
fn one_time_is_enough() {
    let sandbox = with_history();
    for words in [
        &["cat", "@latest:note", "--at", "2021"][..],
        &["log", "@latest:note", "--at", "2021"],
        &["restore", "@latest:note", "--at", "2021", "--to", "x"],
        &["export", "@latest:note", "--at", "2021"],
    ] {
        sandbox.yester(words).run().fails(2, &["--at"]);
    }
    for words in [&["cat", "note"][..], &["restore", "note", "--to", "x"], &["export", "note"]] {
        sandbox.yester(words).run().fails(2, &["@latest:note", "--at"]);
    }
    sandbox.yester(["cat", "note", "--at", "1999"]).run().fails(1, &["@1999", "@2020-06-01"]);
}

#[test]
fn an_old_copy_has_its_time() {
    let sandbox = with_history();
    let tree = sandbox.source();
    let import = |time: &str| sandbox.yester(["import", "--at", time]).arg(&tree).run();
    import("2999-01-01").fails(2, &["2999-01-01", "future"]);
    import("someday").fails(2, &["someday", "2024-06-01T03:15"]);
    // Between the others, whatever was imported last.
    let middle =
        sandbox.yester(["--json", "--timezone", "Europe/Berlin", "import", "--at", "2021-07-01T12:00"]);
    let middle = middle.arg(&tree).run().ok().json();
    assert_eq!(
        (middle["name"].as_str(), middle["time"].as_str()),
        (Some("@2021-07-01T12-00-00"), Some("2021-07-01T10:00:00Z"))
    );
    assert_eq!(sandbox.yester(["cat", "@2021-12:note"]).run().ok().text(), "newest\n");
    assert_eq!(sandbox.yester(["cat", "@latest~2:note"]).run().ok().text(), "newest\n");
    assert_eq!(sandbox.yester(["cat", "@2022:note"]).run().ok().text(), "newer\n");
    let levels = sandbox.path("farm");
    small(&levels.join("daily.0/localhost"));
    small(&levels.join("daily.1/localhost"));
    let farm = sandbox.yester(["import", "--layout", "rsnapshot", "--at", "2021-01-01"]).arg(&levels);
    farm.run().fails(2, &["--at"]);
}

#[test]
fn what_is_no_time_is_told_apart_from_what_is_too_early() {
    let sandbox = with_history();
    sandbox.yester(["tag", "@first", "begun"]).run().ok();
    sandbox.yester(["ls", "@1999:"]).run().fails(1, &["@1999", "its first is @2020-06-01"]);
    sandbox
        .yester(["ls", "@yesteday:"])
        .run()
        .fails(1, &["@yesteday is neither a time", "did you mean @yesterday?"]);
    sandbox.yester(["ls", "@begin:"]).run().fails(1, &["@begin is neither a time", "did you mean @begun?"]);
    sandbox.yester(["ls", "@2024-02-30:"]).run().fails(1, &["@2024-02-30 is neither a time", "@2024-06-01"]);
    sandbox.yester(["log", "nota"]).run().fails(1, &["no snapshot", "did you mean source@latest:note?"]);
}

#[test]
fn a_tag_of_one_source_is_a_time_of_that_source_alone() {
    let sandbox = with_history();
    sandbox.import_as("other");
    sandbox.yester(["tag", "source@first", "begun"]).run().ok();
    let sources = |words: &[&str]| {
        let lines = sandbox.yester(["--json"]).args(words).run().ok().json_lines();
        lines.iter().map(|line| line["source"].as_str().expect("a source").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sources(&["snapshots", "--at", "begun"]), ["source"]);
    assert_eq!(sources(&["snapshots", "--at", "begun", "--source", "source"]), ["source"]);
    assert_eq!(sources(&["find", "note", "--since", "begun"]), ["source"]);
    for words in [&["snapshots", "--at", "nosuch"][..], &["find", "note", "--since", "nosuch"]] {
        sandbox.yester(words).run().fails(1, &["@nosuch is neither a time"]);
    }
    sandbox
        .yester(["snapshots", "--at", "begun", "--source", "other"])
        .run()
        .fails(1, &["@begun is neither a time"]);
}

/// The names of all snapshots, and what `note` says in each.
fn notes(sandbox: &Sandbox) -> Vec<(String, String)> {
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let note = |line: &serde_json::Value| {
        let name = line["name"].as_str().expect("a name").to_owned();
        let note = sandbox.yester(["cat".to_owned(), format!("{name}:note")]).run().ok().text();
        (name, note)
    };
    listed.iter().map(note).collect()
}

#[test]
fn a_canonical_name_is_one_snapshot_s_for_ever() {
    let sandbox = Sandbox::with_repository();
    let import = |time: &str, text: &str| {
        file(sandbox.source().join("note"), text);
        let ran = sandbox.yester(["--json", "import", "--at", time]).arg(sandbox.source()).run().ok().json();
        let field = |field: &str| ran[field].as_str().expect(field).to_owned();
        (field("name"), field("snapshot"))
    };
    // Later within the second, earlier, and twice the same.
    let mut expected = Vec::new();
    let mut ids = Vec::new();
    for (nth, fraction) in ["9", "1", "5", "5", "0"].into_iter().enumerate() {
        let (name, id) = import(&format!("2024-06-01T03:00:00.{fraction}Z"), &format!("{nth}"));
        let suffix = if nth == 0 { String::new() } else { format!("_{}", nth + 1) };
        assert_eq!(name, format!("@2024-06-01T03-00-00{suffix}"));
        expected.push((name, nth.to_string()));
        ids.push(id);
        assert_eq!(notes(&sandbox), expected);
    }
    let cat = |time: &str| sandbox.yester(["cat".to_owned(), format!("{time}:note")]).run().ok().text();
    assert_eq!((cat("@latest"), cat("@latest~1"), cat("@first")), ("4".into(), "3".into(), "0".into()));
    assert_eq!(cat("@2024-06-01T03:00:00"), "4");
    assert_eq!(cat("@GMT-2024.06.01-03.00.00"), "4");
    // One that is gone leaves the others' names alone, and its own is not given again.
    for gone in [1, 4] {
        std::fs::remove_file(sandbox.repo().join("snapshots").join(&ids[gone])).expect("a manifest less");
    }
    // The index has manifests, too.
    let index = sandbox.repo().join("index-2.redb");
    std::fs::remove_file(&index).expect("removed");
    let left: Vec<_> = [0, 2, 3].map(|nth: usize| expected[nth].clone()).to_vec();
    assert_eq!(notes(&sandbox), left);
    assert_eq!(import("2024-06-01T03:00:00Z", "5").0, "@2024-06-01T03-00-00_6");
    // Also when none of the second is there any more, or none of the source.
    for id in std::fs::read_dir(sandbox.repo().join("snapshots")).expect("a folder").flatten() {
        std::fs::remove_file(id.path()).expect("a manifest less");
    }
    std::fs::remove_file(&index).expect("removed");
    assert_eq!(import("2024-06-01T03:00:00Z", "6").0, "@2024-06-01T03-00-00_7");
    assert_eq!(import("2024-06-01T03:00:01Z", "7").0, "@2024-06-01T03-00-01");
}
