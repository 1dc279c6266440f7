//! One run of the command line.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::as_nobody;
use crate::{Sandbox, binary, wait_until};

/// Time after which a command counts as hanging.
const LIMIT: Duration = Duration::from_secs(300);

/// A `yester` command to be run, with the environment of the sandbox only.
#[derive(Debug)]
pub struct Yester<'a> {
    sandbox: &'a Sandbox,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    folder: PathBuf,
    nobody: bool,
    /// The program to run instead of the binary under test.
    program: Option<PathBuf>,
    /// The program that runs the command, and its options.
    through: Vec<OsString>,
}

impl<'a> Yester<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        let home = sandbox.path("home");
        let mut env: Vec<(OsString, Option<OsString>)> = vec![
            ("XDG_DATA_HOME".into(), Some(home.join("data").into())),
            ("XDG_CONFIG_HOME".into(), Some(home.join("config").into())),
            ("XDG_CACHE_HOME".into(), Some(home.join("cache").into())),
            ("XDG_STATE_HOME".into(), Some(home.join("state").into())),
            ("XDG_RUNTIME_DIR".into(), Some(home.join("runtime").into())),
            ("TZ".into(), Some("UTC".into())),
            ("LC_ALL".into(), Some("C".into())),
            ("RUST_BACKTRACE".into(), Some("1".into())),
        ];
        env.extend(["YESTER_REPO", "RUST_LOG"].map(|name| (name.into(), None)));
        env.push(("HOME".into(), Some(home.into())));
        Self {
            sandbox,
            args: Vec::new(),
            env,
            folder: sandbox.root().to_owned(),
            nobody: false,
            program: None,
            through: Vec::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable. The last value applies.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Sets a working directory other than the sandbox.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        folder.as_ref().clone_into(&mut self.folder);
        self
    }

    /// Runs another build of the program.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Runs another program, through `runner`.
    pub(crate) fn of(mut self, program: PathBuf, runner: &str) -> Self {
        self.program = Some(program);
        self.through = vec![runner.into()];
        self
    }

    /// Runs as user and group 65534. The test must run as root.
    #[must_use]
    pub fn as_nobody(mut self) -> Self {
        self.nobody = true;
        self
    }

    /// Makes all these system calls fail with EIO: those on `path`, or all if it is `None`. Needs strace.
    #[must_use]
    pub fn failing(mut self, call: &str, path: Option<&Path>) -> Self {
        self = self.traced(call, "error=EIO");
        self.through.extend(path.into_iter().flat_map(|path| ["-P".into(), path.into()]));
        self
    }

    /// Makes the `nth` of these system calls on these paths fail with EIO, and no other. `log` shows
    /// whether that happened (`INJECTED`). Needs strace.
    #[must_use]
    pub fn failing_once(mut self, call: &str, nth: usize, paths: &[PathBuf], log: &Path) -> Self {
        self = self.traced(call, &format!("error=EIO:when={nth}"));
        let output = self.through.iter().position(|option| option == "/dev/null").expect("where it writes");
        self.through[output] = log.into();
        self.through.extend(paths.iter().flat_map(|path| ["-P".into(), path.into()]));
        self
    }

    /// Makes all these system calls take longer by `delay`. Needs strace.
    #[must_use]
    pub fn slowed(self, call: &str, delay: Duration) -> Self {
        self.traced(call, &format!("delay_enter={}", delay.as_micros()))
    }

    /// Runs through another program, such as `unshare -r`.
    #[must_use]
    pub fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(OsString::from).collect();
        self
    }

    /// Limits the number of open files.
    #[must_use]
    pub fn with_open_files(mut self, limit: u32) -> Self {
        let script = "ulimit -n \"$0\" && exec \"$@\"";
        self.through = vec!["sh".into(), "-c".into(), script.into(), limit.to_string().into()];
        self
    }

    fn traced(mut self, call: &str, injected: &str) -> Self {
        self.through =
            ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null"].map(OsString::from).to_vec();
        self.through.extend([format!("--trace={call}").into(), format!("--inject={call}:{injected}").into()]);
        self
    }

    /// The command, for tests that need its pipes.
    pub fn command(&self) -> Command {
        let binary = self.program.as_deref().unwrap_or_else(|| binary::path());
        let mut command = match self.through.split_first() {
            _ if self.nobody => as_nobody(self.sandbox.public_binary()),
            None => Command::new(binary),
            Some((program, options)) => {
                let mut command = Command::new(program);
                command.args(options).arg(binary);
                command
            }
        };
        command.args(&self.args).current_dir(&self.folder).stdin(Stdio::null());
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Starts the command. Its output goes to files, so that no pipe can fill.
    pub fn start(&self) -> Started {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let output = |name: &str| self.sandbox.path(format!("output/{number}.{name}"));
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        let mut command = self.command();
        command.stdout(File::create(&stdout).expect("a file for stdout"));
        command.stderr(File::create(&stderr).expect("a file for stderr"));
        let mut shown = String::from("yester");
        for arg in &self.args {
            let _ = write!(shown, " {}", arg.display());
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        Started { child, stdout, stderr, shown }
    }

    /// Runs the command to its end.
    #[track_caller]
    pub fn run(&self) -> Ran {
        self.start().finish()
    }
}

/// A running command. Dropping it kills it.
#[derive(Debug)]
pub struct Started {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    shown: String,
}

impl Started {
    /// Sends a signal. Does nothing if the command has ended.
    pub fn signal(&mut self, signal: rustix::process::Signal) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let pid = rustix::process::Pid::from_child(&self.child);
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// The stdout so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned()
    }

    /// The stderr so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Waits until a signal has ended the process.
    #[track_caller]
    pub fn end(&mut self) {
        wait_until("it to end", LIMIT, || (!self.is_running()).then_some(()));
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub fn finish(mut self) -> Ran {
        let status = wait_until(&self.shown, LIMIT, || self.child.try_wait().expect("the child's status"));
        let ran = Ran {
            status,
            stdout: fs::read(&self.stdout).expect("its stdout"),
            stderr: fs::read(&self.stderr).expect("its stderr"),
            shown: self.shown.clone(),
        };
        assert!(!ran.stderr().contains("panicked"), "it panicked: {ran}");
        ran
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Ran {
    status: ExitStatus,
    /// Bytes of stdout.
    pub stdout: Vec<u8>,
    stderr: Vec<u8>,
    shown: String,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.stdout[..self.stdout.len().min(2000)];
        writeln!(f, "{}\n{}", self.shown, self.status)?;
        write!(f, "stdout: {}\nstderr: {}", String::from_utf8_lossy(start), self.stderr())
    }
}

impl Ran {
    /// Exit status; `None` if a signal ended the process.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Signal that ended the process.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// stdout as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// stderr as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Requires this exit status.
    #[track_caller]
    #[allow(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "often only for its effect"
    )]
    pub fn code_is(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Requires success and an empty stderr.
    #[track_caller]
    #[allow(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "often only for its effect"
    )]
    pub fn ok(self) -> Self {
        assert_eq!(self.code(), Some(0), "{self}");
        assert!(!self.stderr().contains("yester: "), "an error in spite of success: {self}");
        self
    }

    /// Requires this exit status and one line of error. The line must begin with `yester: ` and contain all
    /// of these words, such as the path and the next step.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code(), Some(code), "{self}");
        let stderr = self.stderr();
        let lines: Vec<&str> = stderr.lines().filter(|line| !is_warning(line)).collect();
        let [line] = lines[..] else { panic!("not one line of error but {}: {self}", lines.len()) };
        assert!(line.starts_with("yester: "), "the error does not begin with `yester: `: {self}");
        for word in words {
            assert!(line.contains(word), "the error does not say `{word}`: {self}");
        }
    }

    /// stdout as JSON, one object a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let text =
            std::str::from_utf8(&self.stdout).unwrap_or_else(|_| panic!("JSON that is not UTF-8: {self}"));
        text.lines()
            .map(|line| {
                let value: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {self}"));
                assert!(value.is_object(), "not an object: {line}");
                value
            })
            .collect()
    }

    /// stdout as one JSON object.
    #[track_caller]
    pub fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "not one line of JSON: {self}");
        lines.remove(0)
    }
}

fn is_warning(line: &str) -> bool {
    line.starts_with("yester: warning: ") || line.starts_with("warning: ") || line.trim().is_empty()
}
