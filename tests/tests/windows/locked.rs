use std::io::{BufRead, BufReader};
use std::process::Stdio;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, many};
use fs_tests::{Sandbox, Wine};

#[test]
fn a_file_that_another_program_holds_is_named_and_the_rest_imported() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::new();
    let wine = Wine::new(&sandbox);
    file(sandbox.source().join("held.pst"), "held\n");
    file(sandbox.source().join("free.txt"), "free\n");
    wine.yester(["init"]).run().ok();
    let hold = wine.run("hold.exe").arg(Wine::path(sandbox.source().join("held.pst")));
    let mut holder = hold.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a holder");
    let mut said = String::new();
    let stdout = holder.stdout.take().expect("its stdout");
    BufReader::new(stdout).read_line(&mut said).expect("a line");
    assert_eq!(said.trim(), "held");
    let ran = wine.yester(["import"]).arg(Wine::path(sandbox.source())).run().code_is(3);
    assert!(ran.stderr().contains("held.pst: cannot be read: "), "{ran}");
    let listed = wine.yester(["--json", "ls", "@latest:"]).run().ok().json_lines();
    let unread = listed.iter().map(|entry| (entry["name"].as_str(), entry["not_read"].is_string()));
    assert_eq!(unread.collect::<Vec<_>>(), [(Some("free.txt"), false), (Some("held.pst"), true)]);
    drop(holder.stdin.take());
    holder.wait().expect("its end");
    wine.yester(["import"]).arg(Wine::path(sandbox.source())).run().ok();
    assert_eq!(wine.yester(["cat", "@latest:held.pst"]).run().ok().text(), "held\n");
}

#[test]
fn there_is_one_writer_and_readers_go_on() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::new();
    let wine = Wine::new(&sandbox);
    wine.yester(["init"]).run().ok();
    many(&sandbox.source(), 3000, 100);
    let import = || wine.yester(["import"]).arg(Wine::path(sandbox.source()));
    let mut refused = false;
    let mut first = import().start();
    while first.is_running() {
        wine.yester(["snapshots"]).run().ok();
        let second = import().run();
        // Over by now, or not begun, the first may have let it in.
        refused |= second.code() == Some(75) && second.stderr().contains("is locked by");
    }
    let first = first.finish();
    // The second may have been faster, and then the first is refused.
    refused |= first.code() == Some(75) && first.stderr().contains("is locked by");
    assert!([Some(0), Some(75)].contains(&first.code()), "{first}");
    wine.yester(["check"]).run().ok();
    assert!(refused, "the first writer was too fast to be met");
}
