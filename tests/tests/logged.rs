//! The messages of a mount, `up`, `watch` and `hook` reach a log, also when nobody sees their stderr.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fs_tests::needs::{self, Need, UNSHARE};
use fs_tests::plant::{file, noise, small};
use fs_tests::wait::wait_within;
use fs_tests::{Mounted, Sandbox, Yester, mountinfo, wait_until};
use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

const LIMIT: Duration = Duration::from_secs(60);

/// A shell script that runs a command with a /dev of its own, in which `log` is a link to `$LOG`.
const OWN_DEV: &str = r#"set -e
mount -t tmpfs none "$DEV"
for device in null full random urandom fuse; do
    [ -e "/dev/$device" ] || continue
    : > "$DEV/$device"
    mount --bind "/dev/$device" "$DEV/$device"
done
ln -s "$LOG" "$DEV/log"
mount --rbind "$DEV" /dev
exec "$0" "$@""#;

/// A syslog logger, and the lines that it has received.
struct Logger {
    folder: PathBuf,
    socket: UnixDatagram,
    lines: Vec<String>,
}

impl Logger {
    fn new(sandbox: &Sandbox) -> Self {
        let folder = sandbox.path("logger");
        fs::create_dir_all(folder.join("dev")).expect("a folder");
        let socket = UnixDatagram::bind(folder.join("socket")).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not wait");
        Self { folder, socket, lines: Vec::new() }
    }

    /// Makes it the /dev/log of `command`, whose stderr is redirected as `stderr` says.
    fn of<'a>(&self, command: Yester<'a>, stderr: &str) -> Yester<'a> {
        let script = format!("{OWN_DEV} {stderr}");
        let command = command.through(&["unshare", "--mount", "sh", "-c", &script]);
        command.env("DEV", self.folder.join("dev")).env("LOG", self.folder.join("socket"))
    }

    /// The lines received so far.
    fn lines(&mut self) -> &[String] {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(len) = self.socket.recv(&mut bytes) {
            self.lines.push(String::from_utf8(bytes[..len].to_vec()).expect("text"));
        }
        &self.lines
    }

    /// Waits for a line that contains `word`.
    #[track_caller]
    fn wait_for(&mut self, word: &str) -> String {
        wait_until(&format!("a line with {word}"), LIMIT, || {
            self.lines().iter().find(|line| line.contains(word)).cloned()
        })
    }
}

/// A repository with a snapshot of two files, `large` and `small`, and the name of the damaged pack. The
/// content of `large` is damaged.
fn damaged() -> (Sandbox, String) {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("large"), noise(1, 400_000));
    file(sandbox.source().join("small"), "x");
    sandbox.import();
    let mut folders = vec![sandbox.repo().join("packs")];
    let mut packs = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("packs").flatten() {
            let metadata = entry.metadata().expect("its metadata");
            if metadata.is_dir() { folders.push(entry.path()) } else { packs.push((metadata.len(), entry)) }
        }
    }
    let (len, pack) = packs.into_iter().max_by_key(|(len, _)| *len).expect("a pack");
    let mut open = fs::File::options().write(true).open(pack.path()).expect("a pack");
    open.seek(SeekFrom::Start(len / 2)).expect("its middle");
    open.write_all(&[0; 64]).expect("damage");
    (sandbox, pack.file_name().into_string().expect("a plain name"))
}

/// Reads the damaged file again and again.
#[track_caller]
fn read_in_vain(mount: &Path) {
    for _ in 0..5 {
        let error = fs::read(mount.join("@latest/large")).expect_err("damage");
        assert_eq!(Errno::from_io_error(&error), Some(Errno::IO), "{error}");
    }
}

/// The process of the mount in the background.
#[track_caller]
fn daemon(sandbox: &Sandbox) -> Pid {
    let point = sandbox.mnt().into_os_string().into_string().expect("a plain path");
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let mut pids = processes.filter_map(|process| process.file_name().to_str()?.parse::<i32>().ok());
    let found = pids.find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).collect();
        words.contains(&&b"--daemon-child"[..]) && words.contains(&point.as_bytes())
    });
    found.and_then(Pid::from_raw).expect("a process in the background")
}

/// Asserts that no two lines are the same. `text` returns the part of a line that is compared.
#[track_caller]
fn assert_told_once<'a>(lines: impl Iterator<Item = &'a str>, text: impl Fn(&str) -> &str) {
    let mut seen = BTreeSet::new();
    for line in lines {
        assert!(seen.insert(text(line).to_owned()), "again: {line}");
    }
    assert!(!seen.is_empty());
}

#[test]
fn a_daemon_tells_syslog_why_a_read_fails() {
    if !needs::met(&[Need::Root, Need::Fuse, UNSHARE]) {
        return;
    }
    let (sandbox, pack) = damaged();
    let mut logger = Logger::new(&sandbox);
    let mount = sandbox.yester(["mount", "--daemon", "--source", "source"]).arg(sandbox.mnt());
    logger.of(mount, "").run().ok();
    let pid = daemon(&sandbox);
    let number = pid.as_raw_nonzero();
    // The mount is in a namespace of its own, as its /dev is.
    let point = sandbox.mnt();
    let point = Path::new(&format!("/proc/{number}/root")).join(point.strip_prefix("/").expect("a path"));
    read_in_vain(&point);
    let line = logger.wait_for(&pack);
    assert!(line.starts_with("<27>") && line.contains(&format!(" yester[{number}]: ")), "{line}");
    assert_eq!(fs::read(point.join("@latest/small")).expect("a file"), b"x");
    kill_process(pid, Signal::TERM).expect("a process");
    wait_until("its end", LIMIT, || (!Path::new(&format!("/proc/{number}")).exists()).then_some(()));
    let lines = logger.lines().iter().map(String::as_str);
    assert_told_once(lines, |line| line.split_once("]: ").expect("a tag").1);
}

#[test]
fn a_daemon_tells_its_log_file() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, pack) = damaged();
    // The daemon works in another folder.
    let words = ["mount", "--daemon", "--source", "source", "--log-file", "log"];
    sandbox.yester(words).arg(sandbox.mnt()).run().ok();
    read_in_vain(&sandbox.mnt());
    assert_eq!(fs::read(sandbox.mnt().join("@latest/small")).expect("a file"), b"x");
    sandbox.yester(["unmount"]).arg(sandbox.mnt()).run().ok();
    let log = sandbox.path("log");
    assert_eq!(log.metadata().expect("a log").permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(log).expect("a log");
    for line in text.lines() {
        let time = line.split(' ').next().expect("a word");
        assert!(time.ends_with('Z') && time.parse::<Timestamp>().is_ok(), "{line}");
    }
    assert!(text.lines().any(|line| line.contains(" ERROR ") && line.contains(&pack)), "{text}");
    assert_told_once(text.lines(), |line| line.split_once(' ').expect("a time").1);
}

/// Each line is written once: under systemd, stderr already leads to the journal.
#[test]
fn a_watch_tells_syslog_when_its_stderr_leads_nowhere() {
    if !needs::met(&[Need::Root, UNSHARE]) {
        return;
    }
    for (stderr, nowhere) in [("2>/dev/null", true), ("2>&-", true), ("", false)] {
        let sandbox = Sandbox::with_repository();
        let mut logger = Logger::new(&sandbox);
        let (config, target) = (sandbox.path("watch.toml"), sandbox.path("missing"));
        file(&config, format!("[[watch]]\npath = \"{}\"\nlayout = \"tree\"\n", target.display()));
        let mut watch = logger.of(sandbox.yester(["watch", "--config"]).arg(config), stderr).start();
        let failed = format!("{}: ", target.display());
        if nowhere {
            let line = logger.wait_for(&failed);
            assert!(line.starts_with("<27>"), "{line}");
            let line = logger.wait_for("watching 1 source");
            assert!(
                line.starts_with("<30>") && line.contains(&format!(" yester[{}]: ", watch.pid())),
                "{line}"
            );
        } else {
            wait_until("a line", LIMIT, || watch.stderr().contains(&failed).then_some(()));
        }
        watch.signal(Signal::TERM);
        let ran = watch.finish().code_is(0);
        assert_eq!(ran.stderr().is_empty(), nowhere, "{ran}");
        assert_eq!(logger.lines().is_empty(), !nowhere, "{:?}", logger.lines());
    }
}

/// An rsync daemon has no stderr to pass on.
#[test]
fn a_hook_tells_syslog_why_it_fails() {
    if !needs::met(&[Need::Root, UNSHARE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let mut logger = Logger::new(&sandbox);
    logger.of(sandbox.yester(["hook", "post-xfer"]), "2>/dev/null").run().code_is(1);
    let line = logger.wait_for("RSYNC_EXIT_STATUS is not set");
    assert!(line.starts_with("<27>"), "{line}");
    assert_eq!(logger.lines().len(), 1, "{:?}", logger.lines());
}

#[test]
fn up_tells_its_log_file_instead_of_stderr() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let log = sandbox.path("log");
    file(&log, "before\n");
    let up = sandbox.yester(["up"]).arg(sandbox.source()).arg(sandbox.mnt()).arg("--log-file").arg(&log);
    let mounted = Mounted::start(&up, &sandbox.mnt());
    wait_until("a line", LIMIT, || {
        let text = fs::read_to_string(&log).ok()?;
        (text.starts_with("before\n") && text.contains(" INFO  the history of ")).then_some(())
    });
    mounted.stop(Signal::TERM).ok();
}

#[test]
fn a_full_disk_under_the_log_file_harms_nothing() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, _) = damaged();
    let mounted = Mounted::with(&sandbox, &["--source", "source", "--log-file", "/dev/full"]);
    read_in_vain(mounted.point());
    assert_eq!(fs::read(mounted.path("@latest/small")).expect("a file"), b"x");
    mounted.stop(Signal::TERM).ok();
}

/// Otherwise the mount would hang.
#[test]
fn a_stderr_that_nobody_reads_is_not_waited_for() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let (sandbox, _) = damaged();
    let (_reader, mut writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("a pipe that does not wait");
    while writer.write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("a pipe that waits");
    let mut mount = sandbox.yester(["-q", "mount", "--source", "source"]).arg(sandbox.mnt()).command();
    let mut mount = mount.stdout(Stdio::null()).stderr(writer).spawn().expect("yester starts");
    wait_until("the mount", LIMIT, || mountinfo::is_yester(&sandbox.mnt()).then_some(()));
    for number in 0..3 {
        let mut reader = Command::new("cat");
        reader.arg(sandbox.mnt().join("@latest/large"));
        let mut reader = reader.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cat");
        let ended = wait_within(LIMIT, || reader.try_wait().expect("cat"));
        // The mount is ended first: the reader waits for the mount, and the test would wait for the reader.
        if ended.is_none() {
            let _ = (mount.kill(), mount.wait(), reader.wait());
            panic!("read {number} waits");
        }
        assert_eq!(ended.and_then(|ended| ended.code()), Some(1));
    }
    kill_process(Pid::from_child(&mount), Signal::TERM).expect("a process");
    assert!(mount.wait().expect("its end").success());
}

#[test]
fn a_log_file_that_cannot_be_opened_is_told_before_anything_is_mounted() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let pipe = sandbox.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let config = sandbox.path("watch.toml");
    file(&config, format!("[[watch]]\npath = \"{}\"\n", sandbox.source().display()));
    let (source, point) = (sandbox.source(), sandbox.mnt());
    // Opening a pipe that nobody reads must not wait.
    for log in [sandbox.path("missing/log"), sandbox.source(), pipe] {
        let told = ["cannot open the log file", log.to_str().expect("a plain path")];
        for command in [
            sandbox.yester(["mount"]).arg(&point),
            sandbox.yester(["mount", "--daemon"]).arg(&point),
            sandbox.yester(["up"]).arg(&source).arg(&point),
            sandbox.yester(["watch", "--config"]).arg(&config),
        ] {
            command.arg("--log-file").arg(&log).run().fails(1, &told);
            assert!(mountinfo::at(&point).is_none());
        }
    }
}

/// Otherwise the caller would see nothing but the exit status.
#[test]
fn the_error_that_ends_it_is_on_stderr_too() {
    let sandbox = Sandbox::with_repository();
    let missing = sandbox.path("missing");
    let told = missing.to_str().expect("a plain path");
    for (number, words) in [&["mount"][..], &["mount", "--daemon"]].iter().enumerate() {
        let log = sandbox.path(format!("log-{number}"));
        sandbox.yester(*words).arg(&missing).arg("--log-file").arg(&log).run().fails(1, &[told]);
        let text = fs::read_to_string(&log).expect("a log");
        assert_eq!(
            text.lines().filter(|line| line.contains(" ERROR ") && line.contains(told)).count(),
            1,
            "{text}"
        );
    }
}
