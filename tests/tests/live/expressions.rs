//! Time expressions are found by look-up, as links to canonical names.

use std::fs;
use std::io::ErrorKind;
use std::time::{SystemTime, UNIX_EPOCH};

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::wait::next_second;
use fs_tests::{Mounted, Sandbox};

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

#[track_caller]
fn leads_to(mounted: &Mounted, expression: &str, name: &str) {
    let path = mounted.path(expression);
    let target = fs::read_link(&path).unwrap_or_else(|error| panic!("{expression} is no link: {error}"));
    assert_eq!(target.to_str(), Some(name), "{expression}");
    assert!(path.join("file").is_file(), "{expression} does not lead into the snapshot");
}

#[track_caller]
fn leads_nowhere(mounted: &Mounted, name: &str) {
    let error = fs::symlink_metadata(mounted.path(name)).expect_err(name);
    assert_eq!(error.kind(), ErrorKind::NotFound, "{name}: {error}");
}

#[test]
fn every_expression_means_the_last_snapshot_of_its_period() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let before = seconds_now() - 1;
    let import = |content: &str| {
        file(sandbox.source().join("file"), content);
        let ran = sandbox.yester(["--json", "import"]).arg(sandbox.source()).run().ok().json();
        let text =
            |field: &str| ran[field].as_str().unwrap_or_else(|| panic!("no {field}: {ran}")).to_owned();
        (text("name"), text("snapshot"))
    };
    let (first, id) = import("one");
    next_second();
    let between = seconds_now();
    next_second();
    let (second, _) = import("two");
    next_second();
    let (third, third_id) = import("three");
    assert!(first < second && second < third, "{first} {second} {third}");

    let mounted = Mounted::source(&sandbox);
    // `@2024-06-01T03-00-00`
    let (year, month, day) = (&third[..5], &third[..8], &third[..11]);
    let colons = format!("{day}T{}", third[12..].replace('-', ":"));
    let gmt = format!("@GMT-{}-{}", day[1..].replace('-', "."), third[12..].replace('-', "."));
    for expression in ["@latest", "@today", year, month, day, "@2099", &colons, &gmt, "@latest~0"] {
        leads_to(&mounted, expression, &third);
    }
    leads_to(&mounted, "@0d", &third);
    leads_to(&mounted, &format!("@{}", seconds_now()), &third);
    leads_to(&mounted, &format!("@#{third_id}"), &third);
    leads_to(&mounted, "@latest~1", &second);
    leads_to(&mounted, "@latest~2", &first);
    leads_to(&mounted, "@first", &first);
    leads_to(&mounted, &format!("@{between}"), &first);
    leads_to(&mounted, &format!("@#{id}"), &first);
    leads_to(&mounted, &format!("@#{}", &id[..12]), &first);
    for name in [&first, &second, &third] {
        assert!(
            fs::symlink_metadata(mounted.path(name)).expect("a snapshot").is_dir(),
            "{name} is no folder"
        );
    }

    let too_early = format!("@{before}");
    for name in ["@latest~3", "@2000", "@1999-12-31", "@1", "@1y", "@100d", "@yesterday", &too_early] {
        leads_nowhere(&mounted, name);
    }
    let bad = [
        "@",
        "@nonsense",
        "@2024-13",
        "@2024-02-30",
        "@#zz",
        "@latest~",
        "latest",
        "file",
        "@LATEST ",
        "@3x",
    ];
    for name in bad {
        leads_nowhere(&mounted, name);
    }
    leads_nowhere(&mounted, &"@9".repeat(120));

    // Looking something up must not make it listed.
    assert_eq!(mounted.names(""), [first, second, third, "@latest".to_owned()]);
}

#[test]
fn the_mount_speaks_the_time_zone_that_it_is_told() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "x");
    let utc = sandbox.import();
    let mounted = Mounted::with(&sandbox, &["--source", "source", "--timezone", "Pacific/Kiritimati"]);
    let names = mounted.names("");
    let [name, latest] = &names[..] else { panic!("not one snapshot and @latest: {names:?}") };
    assert_eq!(latest, "@latest");
    // Fourteen hours ahead of UTC, all year.
    let hour = |name: &str| name[12..14].parse::<u32>().expect("an hour");
    assert_eq!(hour(name), (hour(&utc) + 14) % 24, "{name} and {utc}");
    assert_eq!(name[14..], utc[14..]);
    leads_to(&mounted, "@today", name);
    leads_to(&mounted, &name[..11], name);
    // GMT stays what it is called.
    let gmt = format!("@GMT-{}-{}", utc[1..11].replace('-', "."), utc[12..].replace('-', "."));
    leads_to(&mounted, &gmt, name);
}

#[test]
fn an_unknown_time_zone_is_refused() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "x");
    sandbox.import();
    let mount = sandbox.yester(["mount", "--timezone", "Mars/Olympus"]).arg(sandbox.mnt()).run();
    assert!(matches!(mount.code(), Some(1 | 2)), "{mount}");
    assert!(mount.stderr().contains("Mars/Olympus"), "{mount}");
}
