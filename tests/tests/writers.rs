//! Who writes to a folder is known while it goes on: what is imported then is partial. Who only reads, or waits, is not
//! waited for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fs_tests::needs::{self, Need, RSYNC};
use fs_tests::plant::{file, noise};
use fs_tests::{Sandbox, wait_until};
use rustix::process::Signal;

use super::rsync::{Client, Daemon};

/// Some 20 s of work.
const SLOW: &str = "--bwlimit=100";
const LONG: usize = 2_000_000;

/// Whether an import takes the folder for one that rsync writes to. Nobody is waited for.
#[track_caller]
fn is_written(sandbox: &Sandbox, folder: &Path) -> bool {
    let ran = sandbox.yester(["--json", "import", "--source", "now"]).arg(folder).run();
    let is_written = ran.stderr().contains("taken as it is, and counts as partial: rsync is writing to it");
    assert!(!is_written || ran.json()["status"] == "partial", "{ran}");
    is_written
}

/// A slow rsync that has begun to write to `to`, and is held then, so that it lasts.
#[track_caller]
fn begun(command: &mut Command, to: &Path) -> Client {
    let mut client = Client::start(command.arg(SLOW));
    wait_until("rsync to write", Duration::from_secs(30), || {
        assert!(client.is_running(), "rsync has ended: {command:?}");
        let entries = fs::read_dir(to).ok()?;
        let sizes = entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len()));
        (sizes.sum::<u64>() > 8192).then_some(())
    });
    client
}

fn rsync(words: &[&str]) -> Command {
    let mut command = Command::new("rsync");
    command.arg("-a").args(words);
    command
}

/// A folder with a file that takes long, and an empty one.
fn folders(sandbox: &Sandbox) -> [String; 2] {
    file(sandbox.source().join("long"), noise(1, LONG));
    fs::create_dir_all(sandbox.path("target")).expect("a folder");
    [sandbox.source().join(""), sandbox.path("target/")].map(|path| path.to_str().expect("a path").to_owned())
}

#[test]
fn a_run_here_or_through_a_shell_writes_to_its_destination_alone() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let [from, to] = folders(&sandbox);
    let (source, target) = (sandbox.source(), sandbox.path("target"));
    // As ssh is called, but for the machine.
    let shell = sandbox.path("shell");
    file(&shell, "#!/bin/sh\nshift\nexec sh -c \"$*\"\n");
    fs::set_permissions(&shell, Permissions::from_mode(0o755)).expect("a mode");
    let shell = shell.to_str().expect("a path");
    let (far_from, far_to) = (format!("host:{from}"), format!("host:{to}"));
    for words in [
        &[&*from, &to][..],
        &["--inplace", &from, &to],
        &["-e", shell, &from, &far_to],
        &["-e", shell, &far_from, &to],
    ] {
        let mut run = begun(&mut rsync(words), &target);
        run.signal(Signal::STOP);
        assert!(is_written(&sandbox, &target), "{words:?}");
        // It is read from.
        assert!(!is_written(&sandbox, &source), "{words:?}");
        drop(run);
        wait_until("its processes to end", Duration::from_secs(20), || {
            (!is_written(&sandbox, &target)).then_some(())
        });
        fs::remove_dir_all(&target).and_then(|()| fs::create_dir(&target)).expect("an empty folder");
    }
}

#[test]
fn a_daemon_writes_only_while_it_is_pushed_to() {
    if !needs::met(&[RSYNC, Need::Root]) {
        return;
    }
    for hooked in [false, true] {
        for folder in ["", "module", "module/below"] {
            let sandbox = Sandbox::with_repository();
            let [from, to] = folders(&sandbox);
            let module = sandbox.path("module");
            file(module.join("below/long"), noise(2, LONG));
            let daemon = Daemon::start_in(&sandbox, &sandbox.path(folder), hooked);
            let case = format!("hooked: {hooked}, started in: {folder:?}");
            assert!(!is_written(&sandbox, &module), "{case}");

            let url = daemon.url() + "below/";
            let pull = begun(&mut rsync(&[&url, &to]), &sandbox.path("target"));
            assert!(!is_written(&sandbox, &module), "{case}");
            drop(pull);

            let push = begun(&mut rsync(&[&from, &daemon.url()]), &module);
            assert!(is_written(&sandbox, &module), "{case}");
            drop(push);
            wait_until("its processes to end", Duration::from_secs(20), || {
                (!is_written(&sandbox, &module)).then_some(())
            });
        }
    }
}

#[test]
fn a_daemon_above_its_module_is_not_waited_for() {
    if !needs::met(&[RSYNC, Need::Root]) {
        return;
    }
    for folder in ["", "module"] {
        let sandbox = Sandbox::with_repository();
        file(sandbox.source().join("file"), "x");
        fs::create_dir(sandbox.path("module")).expect("a folder");
        let daemon = Daemon::start_in(&sandbox, &sandbox.path(folder), true);
        let pushed = rsync(&[]).arg(sandbox.source().join("")).arg(daemon.url()).status();
        assert!(pushed.expect("rsync runs").success());
        let listed = wait_until("a snapshot", Duration::from_secs(20), || {
            let listed = sandbox.yester(["--json", "snapshots"]).run().ok().json_lines();
            (!listed.is_empty()).then_some(listed)
        });
        assert_eq!(listed[0]["status"], "complete", "{folder:?}");
        let said = fs::read_to_string(sandbox.path("said")).unwrap_or_default();
        assert!(!said.contains("waiting"), "{said}");
    }
}
