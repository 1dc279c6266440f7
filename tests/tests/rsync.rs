//! `yester rsync`: the user's own runs, each with its status, and what `--fake-super` keeps.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fs_tests::judge::same;
use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise, small};
use fs_tests::{Mounted, Ran, Sandbox, wait_until};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

const RSYNC: Need = Need::Program("rsync", "rsync");

/// Runs `yester rsync` on the source and a folder `copy`.
fn run(sandbox: &Sandbox, words: &[&str]) -> Ran {
    let (from, to) = (sandbox.source().join(""), sandbox.path("copy"));
    sandbox.yester(["rsync", "--", "-a"]).args(words).arg(from).arg(to).run()
}

fn snapshots(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.yester(["--json", "snapshots"]).run().ok().json_lines()
}

fn statuses(sandbox: &Sandbox) -> Vec<String> {
    let status = |line: &Value| line["status"].as_str().expect("a status").to_owned();
    snapshots(sandbox).iter().map(status).collect()
}

#[test]
fn each_run_becomes_a_snapshot_with_its_status() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    run(&sandbox, &[]).ok();
    file(sandbox.source().join("hello.txt"), "hello, later\n");
    run(&sandbox, &["--delete"]).ok();
    let missing = sandbox.path("missing");
    run(&sandbox, &[missing.to_str().expect("a path")]).code_is(23);
    for name in ["empty", "hello.txt"] {
        fs::remove_file(sandbox.source().join(name)).expect("a file less");
    }
    run(&sandbox, &["--delete", "--max-delete=1"]).code_is(25);
    assert_eq!(statuses(&sandbox), ["complete", "complete", "partial", "limited"]);
    let sources: Vec<Value> = snapshots(&sandbox).iter().map(|line| line["source"].clone()).collect();
    assert_eq!(sources, ["copy"; 4]);
    let cat = |at: &str| sandbox.yester(["cat", at]).run().ok().text();
    assert_eq!(
        (cat("@first:hello.txt"), cat("@latest~2:hello.txt")),
        ("hello\n".into(), "hello, later\n".into())
    );
}

#[test]
fn what_is_no_run_adds_nothing_and_keeps_its_status() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    run(&sandbox, &["--dry-run"]).code_is(0);
    assert!(!sandbox.path("copy").exists());
    run(&sandbox, &["--no-such-option=1"]).code_is(1);
    sandbox.yester(["rsync", "--"]).arg(sandbox.source()).run().code_is(0);
    sandbox.yester(["rsync", "--", "--version"]).run().code_is(0);
    // Refused before anything is sent.
    let remote = sandbox.yester(["rsync", "--", "-a", "."]).arg("nowhere.invalid:/srv").run();
    remote.fails(1, &["nowhere.invalid:/srv", "another machine"]);
    assert_eq!(statuses(&sandbox), Vec::<String>::new());
}

#[test]
fn each_run_through_a_shell_is_what_the_mount_shows() {
    if !needs::met(&[RSYNC, Need::Fuse, Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    small(&source);
    // As ssh is called, but for the machine.
    let shell = sandbox.path("shell");
    file(&shell, "#!/bin/sh\nshift\nexec sh -c \"$*\"\n");
    fs::set_permissions(&shell, Permissions::from_mode(0o755)).expect("a mode");
    let changes: [&dyn Fn(); 3] = [&|| (), &|| file(source.join("hello.txt"), "hello, later\n"), &|| {
        fs::rename(source.join("etc"), source.join("conf")).expect("a new name");
        lchown(source.join("conf/passwd"), Some(1234), Some(5678)).expect("an owner");
        fs::remove_file(source.join("empty")).expect("a file less");
    }];
    let mounted = Mounted::with(&sandbox, &[]);
    for (nth, change) in changes.iter().enumerate() {
        change();
        let from = format!("elsewhere:{}/", source.display());
        let run = sandbox.yester(["rsync", "--", "-aHAX", "--delete", "-e"]).arg(&shell).arg(from);
        run.arg(sandbox.path("copy")).run().ok();
        let kept = sandbox.path(format!("kept-{nth}"));
        let copied = Command::new("cp").arg("-a").arg(sandbox.path("copy")).arg(&kept).status();
        assert!(copied.expect("cp runs").success());
        let listed = snapshots(&sandbox);
        assert_eq!(listed.len(), nth + 1);
        for (nth, line) in listed.iter().enumerate() {
            let name = line["name"].as_str().expect("a name");
            same(&sandbox.path(format!("kept-{nth}")), &mounted.path("copy").join(name));
        }
    }
    same(&source, &mounted.path("copy/@latest"));
}

#[test]
fn a_failed_import_shows_in_the_exit_status() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let ran = run(&sandbox, &[]);
    ran.fails(1, &["yester init"]);
    assert!(sandbox.path("copy/hello.txt").exists(), "the run itself is not to suffer: {ran}");
}

#[test]
fn signals_reach_rsync() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("large"), noise(1, 3_000_000));
    let (from, to) = (sandbox.source().join(""), sandbox.path("copy"));
    let mut slow = sandbox.yester(["rsync", "--", "-a", "--bwlimit=100"]).arg(from).arg(&to).start();
    wait_until("rsync's temporary file", Duration::from_secs(30), || {
        fs::read_dir(&to).ok()?.flatten().find(|entry| entry.metadata().is_ok_and(|data| data.len() > 0))
    });
    slow.signal(Signal::TERM);
    slow.finish().code_is(20);
    assert_eq!(statuses(&sandbox), Vec::<String>::new());
}

/// Everything that only root may make, as the source of a copy by whom may not.
fn special(source: &Path) {
    small(source);
    let done = |command: &mut Command| assert!(command.status().expect("it runs").success(), "{command:?}");
    done(Command::new("mknod").arg(source.join("null")).args(["c", "1", "3"]));
    done(Command::new("mknod").arg(source.join("disk")).args(["b", "8", "17"]));
    done(Command::new("mkfifo").arg(source.join("fifo")));
    symlink("hello.txt", source.join("pointer")).expect("a link");
    file(source.join("owned/program"), "run me");
    let set = |path: &str, mode, uid, gid| {
        lchown(source.join(path), Some(uid), Some(gid)).expect("an owner");
        fs::set_permissions(source.join(path), Permissions::from_mode(mode)).expect("a mode");
    };
    set("owned/program", 0o4751, 1234, 5678);
    set("owned", 0o2710, 4321, 8765);
}

#[test]
fn what_fake_super_keeps_is_what_is_shown() {
    if !needs::met(&[RSYNC, Need::Fuse, Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    special(&sandbox.source());
    run(&sandbox, &["-H", "--fake-super"]).ok();
    let copy = sandbox.path("copy");
    let faked = fs::symlink_metadata(copy.join("null")).expect("its stand-in");
    assert!(faked.is_file(), "rsync did it for real, so that this test shows nothing");
    // Without being told, an import takes the stand-ins as they are.
    sandbox.yester(["import", "--source", "plain"]).arg(&copy).run().ok();
    let mounted = Mounted::with(&sandbox, &[]);
    let plain = mounted.path("plain/@latest");
    assert!(fs::symlink_metadata(plain.join("null")).expect("the stand-in").is_file());
    let shown = mounted.path("copy/@latest");
    let owner = |path: &str| {
        let data = fs::symlink_metadata(shown.join(path)).expect(path);
        (data.mode() & 0o7777, data.uid(), data.gid())
    };
    assert_eq!(owner("owned"), (0o2710, 4321, 8765));
    assert_eq!(owner("owned/program"), (0o4751, 1234, 5678));
    let compared = Command::new("rsync")
        .args(["-naicHX", "--numeric-ids", "--delete"])
        .arg(sandbox.source().join(""))
        .arg(shown.join(""))
        .output()
        .expect("rsync runs");
    let said = String::from_utf8_lossy(&compared.stdout) + String::from_utf8_lossy(&compared.stderr);
    assert!(compared.status.success() && said.is_empty(), "{said}");
}

#[test]
fn what_fake_super_keeps_is_restored_as_rsync_does_it() {
    if !needs::met(&[RSYNC, Need::Root, needs::SETFACL, needs::SETCAP]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    special(&source);
    let done = |program: &str, words: &[&str], name: &str| {
        let status = Command::new(program).args(words).arg(source.join(name)).status();
        assert!(status.expect("it runs").success(), "{program} {words:?} {name}");
    };
    for name in ["ping", "listed", "granted", "folder/inside"] {
        file(source.join(name), name);
    }
    lchown(source.join("listed"), Some(1000), Some(50)).expect("an owner");
    fs::set_permissions(source.join("listed"), Permissions::from_mode(0o600)).expect("a mode");
    done("setfacl", &["-m", "u:33:r"], "listed");
    done("setfacl", &["-m", "u:33:rwx,u:5:x,g:44:r,g::r,m:rw"], "granted");
    done("setfacl", &["-m", "u:34:x,d:u:33:rwx,d:g::rx"], "folder");
    done("setfacl", &["-m", "d:g::rwx"], "hollow");
    done("setfacl", &["-m", "u:33:rw"], "fifo");
    done("setcap", &["cap_net_raw+ep"], "ping");
    done("setfattr", &["-n", "trusted.note", "-v", "kept"], "ping");
    done("setfattr", &["-n", "user.note", "-v", "kept"], "ping");
    // A far end without a network.
    let shell = sandbox.path("rsh");
    file(&shell, "#!/bin/sh\nshift\nexec sh -c \"$*\"\n");
    fs::set_permissions(&shell, Permissions::from_mode(0o755)).expect("a mode");
    let (copy, back, to) = (sandbox.path("copy"), sandbox.path("back"), sandbox.path("restored"));
    // What the copies inherit there is not what the files had.
    fs::create_dir(&copy).expect("a folder");
    assert!(
        Command::new("setfacl").args(["-m", "d:u:7:rwx"]).arg(&copy).status().expect("it runs").success()
    );
    let from = |folder: &Path| format!("far:{}/", folder.display());
    let run = sandbox.yester(["rsync", "--", "-aHAX", "--fake-super", "-e"]).arg(&shell).arg(from(&source));
    run.arg(&copy).run().ok();
    let plain = fs::symlink_metadata(copy.join("fifo")).expect("its stand-in");
    assert!(plain.is_file(), "rsync did it for real, so that this test shows nothing");
    let ran = Command::new("rsync")
        .args(["-aHAX", "-M--fake-super", "-e"])
        .arg(&shell)
        .arg(from(&copy))
        .arg(&back)
        .output();
    let ran = ran.expect("rsync runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    sandbox.yester(["restore", "copy@latest:", "--to"]).arg(&to).run().ok();
    same(&back, &to);
    same(&source, &to);
}

/// A daemon with a module to which anybody may push; ended when dropped.
pub(crate) struct Daemon {
    child: std::process::Child,
    port: u16,
}

impl Daemon {
    fn start(sandbox: &Sandbox) -> Self {
        Self::start_in(sandbox, sandbox.root(), true)
    }

    /// One with this working directory, whose module is the folder `module`; it may call the hook.
    pub(crate) fn start_in(sandbox: &Sandbox, folder: &Path, hooked: bool) -> Self {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it").port();
        let config = sandbox.path("rsyncd.conf");
        let module = sandbox.path("module");
        fs::create_dir_all(&module).expect("the module's folder");
        let hook = sandbox.path("hook");
        // As the daemon calls it, but for the home of this test.
        let yester = sandbox.yester(["-q", "hook", "post-xfer"]).command();
        let env: Vec<String> = yester
            .get_envs()
            .filter_map(|(name, value)| Some(format!("export {}='{}'", name.to_str()?, value?.to_str()?)))
            .collect();
        let words: Vec<_> = std::iter::once(yester.get_program()).chain(yester.get_args()).collect();
        let line = words.iter().map(|word| format!("'{}'", word.display())).collect::<Vec<_>>().join(" ");
        file(
            &hook,
            format!("#!/bin/sh\n{}\nexec {line} 2>>{}\n", env.join("\n"), sandbox.path("said").display()),
        );
        fs::set_permissions(&hook, Permissions::from_mode(0o755)).expect("a mode");
        let exec = if hooked { format!("post-xfer exec = {}\n", hook.display()) } else { String::new() };
        let text = format!(
            "use chroot = no\n[incoming]\npath = {}\nread only = no\nuid = root\ngid = root\n{exec}",
            module.display(),
        );
        file(&config, text);
        let child = Command::new("rsync")
            .args(["--daemon", "--no-detach", "--address=127.0.0.1", &format!("--port={port}"), "--config"])
            .arg(&config)
            .current_dir(folder)
            .spawn()
            .expect("a daemon");
        let daemon = Self { child, port };
        wait_until("the daemon", Duration::from_secs(10), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        daemon
    }

    pub(crate) fn url(&self) -> String {
        format!("rsync://127.0.0.1:{}/incoming/", self.port)
    }
}

/// An rsync whose processes are one group. Killed when dropped.
pub(crate) struct Client(std::process::Child);

impl Client {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("rsync"))
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.0), signal);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_push_to_a_daemon_becomes_a_snapshot() {
    if !needs::met(&[RSYNC, Need::Fuse, Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let daemon = Daemon::start(&sandbox);
    let rsync = |words: &[&str], from: &str, to: &str| {
        let status = Command::new("rsync").args(words).args([from, to]).status().expect("rsync runs");
        assert!(status.success(), "{words:?}");
    };
    let source = sandbox.source().join("").to_str().expect("a path").to_owned();
    let pulled = sandbox.path("pulled").to_str().expect("a path").to_owned();
    let count = |wanted: usize| {
        wait_until("snapshots", Duration::from_secs(20), || {
            let said = fs::read_to_string(sandbox.path("said")).unwrap_or_default();
            assert!(!said.contains("yester: "), "{said}");
            let listed = snapshots(&sandbox);
            (listed.len() == wanted).then_some(listed)
        })
    };
    rsync(&["-a"], &source, &daemon.url());
    let first = count(1);
    assert_eq!((&first[0]["source"], &first[0]["status"]), (&"incoming".into(), &"complete".into()));
    file(sandbox.source().join("hello.txt"), "hello, later\n");
    rsync(&["-an"], &source, &daemon.url());
    rsync(&["-a"], &daemon.url(), &pulled);
    rsync(&["-a"], &source, &daemon.url());
    // The last one is over when the others are.
    count(2);
    let mounted = Mounted::with(&sandbox, &[]);
    same(&sandbox.path("module"), &mounted.path("incoming/@latest"));
    assert_eq!(sandbox.yester(["cat", "@latest:hello.txt"]).run().ok().text(), "hello, later\n");
    assert_eq!(sandbox.yester(["cat", "@first:hello.txt"]).run().ok().text(), "hello\n");
}

#[test]
fn an_option_that_is_not_known_is_refused_before_rsync_runs() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    fs::create_dir(sandbox.path("2")).expect("a folder");
    file(sandbox.path("2/other"), "not of this run");
    let to = sandbox.path("copy");
    let rsync = |yester: &[&str], words: &[&str]| {
        let from = sandbox.source().join("");
        sandbox
            .yester(["rsync", "--source", "web"])
            .args(yester)
            .args(["--", "-a"])
            .arg(from)
            .arg(&to)
            .args(words)
    };
    rsync(&[], &["--compress-threads", "2"]).run().ok();
    for (words, named) in [
        (&["--no-such-threads", "2"][..], "--no-such-threads:"),
        (&["--compress-thr", "2"], "--compress-thr:"),
        (&["-w", "2"], "-w:"),
        (&["-vw"], "-w:"),
    ] {
        rsync(&[], words).run().fails(2, &[named, "--destination DIR", "=VALUE"]);
    }
    assert_eq!(sandbox.yester(["ls", "web@latest:hello.txt"]).run().ok().text().lines().count(), 1);
    assert_eq!(snapshots(&sandbox).len(), 1);
    // The way out. That rsync does not know it either is for rsync to say.
    rsync(&[], &["--no-such-threads=2"]).run().code_is(1);
    let named = to.to_str().expect("a path");
    rsync(&["--destination", named], &["--no-such-threads", "2"]).run().code_is(1);
    rsync(&["--destination", named], &["--compress-threads", "2", "-n"]).run().code_is(0);
    assert_eq!(snapshots(&sandbox).len(), 1);
    rsync(&["--destination", named], &["--compress-threads", "2"]).run().ok();
    assert_eq!(snapshots(&sandbox).len(), 2);
}

/// Each option of `rsync --help`, by what comes of it: were it a flag, the word behind it would be a destination
/// elsewhere, which is refused.
#[test]
fn every_option_of_this_rsync_is_known() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let help = Command::new("rsync").arg("--help").output().expect("rsync runs").stdout;
    let help = String::from_utf8(help).expect("text");
    let options = help.lines().filter(|line| line.starts_with('-'));
    let mut seen = 0;
    for line in options {
        let words = line.split("  ").next().unwrap_or_default().replace(" (*)", "");
        let has_value = words.contains('=');
        for option in words.split(", ") {
            let option = option.split('=').next().unwrap_or_default().trim();
            if ["--no-OPTION", "--help", "-h", "--version", "-V", "--dry-run", "-n"].contains(&option)
                || ["--list-only", "--only-write-batch", "--files-from"].contains(&option)
            {
                continue;
            }
            seen += 1;
            let run = sandbox.yester(["rsync", "--", "nothing", option, "nowhere.invalid:/srv"]).run();
            assert_ne!(run.code(), Some(2), "{option}: {run}");
            assert_eq!(run.stderr().contains("another machine"), !has_value, "{option}: {run}");
        }
    }
    assert!(seen > 100, "{help}");
}

#[test]
fn a_hook_waits_aloud_and_not_for_ever() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("large"), noise(1, 3_000_000));
    let to = sandbox.path("module");
    let mut held = Command::new("rsync");
    held.args(["-a", "--bwlimit=100"]).arg(sandbox.source().join("")).arg(&to);
    let mut held = Client::start(&mut held);
    wait_until("rsync's temporary file", Duration::from_secs(30), || {
        fs::read_dir(&to).ok()?.flatten().find(|entry| entry.metadata().is_ok_and(|data| data.len() > 0))
    });
    held.signal(Signal::STOP);
    let hook = sandbox
        .yester(["hook", "post-xfer", "--max-wait", "12s"])
        .env("RSYNC_EXIT_STATUS", "0")
        .env("RSYNC_MODULE_NAME", "module")
        .env("RSYNC_MODULE_PATH", &to);
    let ran = hook.run().code_is(3);
    let said = ran.stderr();
    // The messages about the wait, and about the file that is only partly there.
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("process ")).collect();
    assert_eq!(lines.len(), 2, "{ran}");
    for line in &lines {
        assert!(line.contains("rsync is writing to it (process "), "{line}");
    }
    assert!(lines[0].contains("waiting for 10 s") && lines[0].contains("stop that process"), "{ran}");
    assert!(lines[1].contains("taken as it is"), "{ran}");
    assert_eq!(statuses(&sandbox), ["partial"]);
}

#[test]
fn a_hook_that_nobody_called_says_so() {
    let sandbox = Sandbox::with_repository();
    sandbox.yester(["hook", "post-xfer"]).run().fails(1, &["RSYNC_EXIT_STATUS", "rsyncd.conf"]);
}
