//! Extended attributes that an import could not read: commands show what is kept, and tell what is missing.

use fs_tests::needs::{self, Need, STRACE};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox};
use serde_json::{Value, json};

/// In the second snapshot all attributes are missing, and nothing else has changed.
fn history() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("d/file"), "content");
    sandbox.import();
    let import = sandbox.yester(["import"]).arg(sandbox.source());
    import.failing("llistxattr,flistxattr", None).run().code_is(3);
    sandbox
}

#[test]
fn ls_and_log_show_the_recorded_mode() {
    if !needs::met(&[STRACE]) {
        return;
    }
    let sandbox = history();
    let long = |time: &str| sandbox.yester(["ls", "-l", &format!("{time}:d")]).run().ok().text();
    let read = long("@first");
    assert!(read.starts_with("-rw-r--r-- "), "{read}");
    assert_eq!(long("@latest"), format!("{}  (attributes not read)\n", read.trim_end()));
    let ls = |time: &str| sandbox.yester(["--json", "ls", &format!("{time}:d")]).run().ok().json();
    let (read, lacking) = (ls("@first"), ls("@latest"));
    assert_eq!((&read["attributes_not_read"], &lacking["attributes_not_read"]), (&Value::Null, &json!(true)));
    assert_eq!((&read["mode"], &lacking["mode"]), (&json!("0644"), &json!("0644")));
    let log = sandbox.yester(["--json", "log", "d/file"]).run().ok().json_lines();
    let shown: Vec<_> = log.iter().map(|line| [&line["attributes_not_read"], &line["mode"]]).collect();
    assert_eq!(shown, [[&Value::Null, &json!("0644")], [&json!(true), &json!("0644")]]);
}

#[test]
fn diff_does_not_know_whether_they_differ() {
    if !needs::met(&[STRACE, Need::Fuse]) {
        return;
    }
    let sandbox = history();
    let mounted = Mounted::source(&sandbox);
    for [from, to] in [["@first", "@latest"], ["@latest", "@first"]] {
        let text = sandbox.yester(["diff", from, to, "d"]).run().ok().text();
        assert_eq!(text, "? d/\n? d/file\n");
        let json = sandbox.yester(["--json", "diff", from, to, "d/file"]).run().ok().json();
        assert_eq!((&json["change"], &json["differs"]), (&json!("not read"), &Value::Null), "{json}");
        let lacking = if from == "@first" { "after" } else { "before" };
        assert_eq!(json[lacking]["attributes_not_read"], true, "{json}");
        assert_eq!((&json["before"]["mode"], &json["after"]["mode"]), (&json!("0644"), &json!("0644")));
        // A patch has no attributes.
        assert!(sandbox.yester(["diff", "--patch", from, to]).run().ok().stderr().is_empty());

        let changes = format!("@changes/{from}..{to}");
        assert_eq!(mounted.names(format!("{changes}/not-read/d")), ["file"]);
        assert!(mounted.names(format!("{changes}/modified/d")).is_empty());
    }
}
