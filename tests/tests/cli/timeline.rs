//! `yester timeline`.

use std::fs;

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};

#[test]
fn days_are_counted_and_drawn() {
    let sandbox = Sandbox::with_repository();
    sandbox.yester(["timeline"]).run().fails(1, &["no snapshot"]);
    small(&sandbox.source());
    sandbox.import_as("web1");
    file(sandbox.source().join("new/note"), "x");
    sandbox.import_as("web1");
    sandbox.import_as("web2");
    // Midnight may pass meanwhile.
    let total = |args: &[&str]| {
        let days = sandbox.yester(["--json", "timeline"]).args(args).run().ok().json_lines();
        assert!(days.iter().all(|day| day["day"].as_str().is_some_and(|day| day.len() == 10)));
        let sum = |field: &str| days.iter().filter_map(|day| day[field].as_u64()).sum::<u64>();
        (sum("snapshots"), sum("changes"))
    };
    assert_eq!(total(&[]), (3, 2));
    assert_eq!(total(&["--source", "web2"]), (1, 0));
    let text = sandbox.yester(["timeline"]).run().ok().text();
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(text.ends_with("2 changes\n") && text.contains("3 snapshots on "), "{text}");
    let picture = sandbox.path("days.svg");
    sandbox.yester(["timeline", "--svg"]).arg(&picture).run().ok();
    let svg = fs::read_to_string(&picture).expect("a picture");
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("snapshots, 2 changes"),
        "{svg}"
    );
    sandbox.yester(["timeline", "--source", "nonesuch"]).run().fails(1, &["nonesuch"]);
}
