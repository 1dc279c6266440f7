//! A reader that has seen enough: `yester ls … | head`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use fs_tests::Sandbox;
use fs_tests::plant::{file, noise};

/// Read one line of a command's output, close the pipe, and see how the command takes it.
#[track_caller]
fn one_line_of(sandbox: &Sandbox, args: &[&str]) {
    let mut child = sandbox
        .yester(args)
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("yester starts");
    let mut reader = BufReader::with_capacity(64, child.stdout.take().expect("its stdout"));
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).expect("a line");
    assert!(!line.is_empty());
    drop(reader);
    let ended = child.wait_with_output().expect("its end");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(stderr.is_empty(), "{args:?} complains about a closed pipe: {stderr}");
    assert_ne!(ended.status.code(), Some(101), "{args:?} panicked");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let sandbox = Sandbox::with_repository();
    for number in 0..6000 {
        file(sandbox.source().join(format!("crowd/a-rather-long-name-for-a-file-{number:06}")), "");
    }
    file(sandbox.source().join("large"), [b"line\n".to_vec(), noise(1, 4_000_000)].concat());
    sandbox.import();
    one_line_of(&sandbox, &["ls", "@latest:crowd"]);
    one_line_of(&sandbox, &["--json", "ls", "@latest:crowd"]);
    one_line_of(&sandbox, &["cat", "@latest:large"]);
}
