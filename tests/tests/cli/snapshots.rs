//! `yester import`, `snapshots` and `stats`: what they say about the repository.

use fs_tests::Sandbox;
use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};

#[test]
fn import_says_what_it_did() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let text = sandbox.yester(["import"]).arg(sandbox.source()).run().ok().text();
    assert_eq!(text.lines().count(), 1, "{text}");
    let ran = sandbox.yester(["--json", "import"]).arg(sandbox.source()).run().ok().json();
    for field in ["source", "snapshot", "time", "name", "status", "files", "directories", "bytes"] {
        assert!(!ran[field].is_null(), "no {field}: {ran}");
    }
    assert_eq!(ran["source"], "source", "named after the folder");
    assert_eq!(ran["status"], "complete");
    assert!(ran["snapshot"].as_str().is_some_and(is_hex), "{ran}");
    assert!(ran["name"].as_str().is_some_and(|name| name.starts_with("@20")), "{ran}");
    assert!(ran["time"].as_str().is_some_and(|time| time.ends_with('Z') && time.contains('T')), "{ran}");
    let quiet = sandbox.yester(["-q", "import"]).arg(sandbox.source()).run().ok();
    assert_eq!(quiet.text() + &quiet.stderr(), "");
}

fn is_hex(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn every_import_makes_a_snapshot() {
    let sandbox = Sandbox::with_repository();
    assert!(sandbox.yester(["--json", "snapshots"]).run().ok().json_lines().is_empty());
    sandbox.yester(["snapshots"]).run().ok();
    small(&sandbox.source());
    // Most of them within one second, and the tree unchanged: each has a name of its own all the same.
    let names: Vec<String> = (0..5).map(|_| sandbox.import()).collect();
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let field = |name: &str| -> Vec<String> {
        listed.iter().map(|line| line[name].as_str().unwrap_or_else(|| panic!("{line}")).to_owned()).collect()
    };
    assert_eq!(field("name"), names, "the oldest first");
    assert!(field("time").is_sorted());
    assert!(field("snapshot").iter().all(|id| is_hex(id)));
    let mut ids = field("snapshot");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert!(field("source").iter().all(|source| source == "source"));
    assert!(field("status").iter().all(|status| status == "complete"));
    let text = sandbox.yester(["snapshots"]).run().ok().text();
    for name in &names {
        assert!(text.contains(name), "{name} is not listed: {text}");
    }
}

#[test]
fn names_follow_the_machine_s_time_zone() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let name = |zone: &str| {
        let listed = sandbox.yester(["--json", "snapshots"]).env("TZ", zone).run().ok().json();
        (
            listed["name"].as_str().expect("a name").to_owned(),
            listed["time"].as_str().expect("a time").to_owned(),
        )
    };
    let (utc, tokyo) = (name("UTC"), name("Asia/Tokyo"));
    assert_eq!(utc.1, tokyo.1, "`time` is UTC everywhere");
    let hour = |name: &str| name[12..14].parse::<u32>().expect("an hour");
    assert_eq!(hour(&tokyo.0), (hour(&utc.0) + 9) % 24);
}

#[test]
fn sources_do_not_mix() {
    let sandbox = Sandbox::with_repository();
    for (name, content) in [("web1", "one"), ("web2", "two"), ("web1", "three")] {
        file(sandbox.source().join("file"), content);
        sandbox.import_as(name);
    }
    let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
    let of = |source: &str| listed.iter().filter(|line| line["source"] == source).count();
    assert_eq!((of("web1"), of("web2"), listed.len()), (2, 1, 3));
    let cat = |path: &str| sandbox.yester(["cat", path]).run().ok().text();
    assert_eq!(cat("web1@first:file"), "one");
    assert_eq!(cat("web1@latest:file"), "three");
    assert_eq!(cat("web2@latest:file"), "two");
}

/// A source's name becomes a folder's name, and a part of `SOURCE@T:PATH`.
#[test]
fn names_that_no_source_can_have() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    for name in ["", ".", "..", "a/b", "@latest"] {
        let ran = sandbox.yester(["import", "--source", name]).arg(sandbox.source()).run();
        assert!(matches!(ran.code(), Some(1 | 2)), "`{name}`: {ran}");
    }
    assert!(sandbox.yester(["--json", "snapshots"]).run().ok().json_lines().is_empty());
}

/// `rsync` users name their sources like this; whatever is accepted must be found again.
#[test]
fn a_source_may_be_named_like_a_mail_address() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import_as("root@web1");
    let cat = |args: &[&str]| sandbox.yester(["cat"]).args(args).run().ok().text();
    assert_eq!(cat(&["root@web1@latest:hello.txt"]), "hello\n");
    assert_eq!(cat(&["--source", "root@web1", "@latest:hello.txt"]), "hello\n");
}

#[test]
fn one_file_system_stays_on_it() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let other = sandbox.source().join("hollow");
    rustix::mount::mount("tmpfs", &other, "tmpfs", rustix::mount::MountFlags::empty(), None)
        .expect("a tmpfs");
    file(other.join("elsewhere"), "x");
    sandbox.yester(["import", "-x"]).arg(sandbox.source()).run().ok();
    let ran = sandbox.yester(["ls", "@latest:hollow"]).run().code_is(0);
    assert!(ran.stdout.is_empty() && ran.stderr().contains("its content was excluded"), "{ran}");
    sandbox.yester(["cat", "@latest:hollow/elsewhere"]).run().fails(1, &["hollow/elsewhere"]);
    let hollow = |time: &str| {
        let long = sandbox.yester(["ls", "-l", &format!("{time}:")]).run().ok().text();
        let json = sandbox.yester(["--json", "ls", &format!("{time}:")]).run().ok().json_lines();
        let entry = json.into_iter().find(|entry| entry["name"] == "hollow").expect("its place");
        (long.contains("hollow  (content excluded)"), entry["content_excluded"] == true)
    };
    assert_eq!(hollow("@latest"), (true, true));
    sandbox.import();
    assert_eq!(hollow("@latest"), (false, false));
    assert_eq!(hollow("@first"), (true, true));
    // It is unknown whether the file existed then.
    assert_eq!(
        sandbox.yester(["diff", "@first", "@latest", "hollow"]).run().ok().text(),
        "? hollow/elsewhere\n"
    );
    let log = sandbox.yester(["--json", "log", "hollow/elsewhere"]).run().ok().json_lines();
    assert_eq!(log[0]["absent"], "excluded", "{log:?}");
    assert_eq!(sandbox.yester(["cat", "@latest:hollow/elsewhere"]).run().ok().stdout, b"x");
}

#[test]
fn stats_show_what_is_saved() {
    let sandbox = Sandbox::with_repository();
    sandbox.yester(["stats"]).run().ok();
    // The same megabyte under ten names takes one.
    for number in 0..10 {
        file(sandbox.source().join(format!("{number}")), noise(1, 1_000_000));
    }
    sandbox.import();
    let stats = sandbox.yester(["--json", "stats"]).run().ok().json();
    assert!(stats.as_object().is_some_and(|fields| !fields.is_empty()));
    assert!(!sandbox.yester(["stats"]).run().ok().text().is_empty());
    let used = fs_tests::tree::scan(&sandbox.repo()).values().map(|entry| entry.size).sum::<u64>();
    assert!(used < 5_000_000, "ten equal files of 1 MB take {used} bytes");
}
