//! Shows progress on a terminal, for work that takes longer than a second.

mod estimate;
mod line;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use estimate::Estimate;
use fs_core::monitor::{Monitor, Phase, Progress, RunBegins, Trouble, TroubleKind, Work};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use line::Line;

use crate::text::{printable, size};
use crate::{output::Output, stderr};

/// Time until progress is shown. Shorter work would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Shows progress on the terminal until it is dropped.
#[derive(Debug)]
pub struct Bar {
    inner: ProgressBar,
    /// The thread that shows the bar after a second. Dropping the sender cancels it.
    showing: Option<(Sender<()>, JoinHandle<()>)>,
    started: Instant,
    /// Time of the last update, in milliseconds since the start.
    updated: AtomicU64,
}

impl Bar {
    /// A bar with the text `message`. It is never shown if stderr is no terminal, or with `--quiet`.
    pub fn new(output: &Output, message: &'static str) -> Self {
        Self::with_template(output, "{spinner} {msg} {elapsed}", message)
    }

    fn with_template(output: &Output, template: &str, message: &'static str) -> Self {
        let style = ProgressStyle::with_template(template);
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            .with_message(message);
        let showing = (!output.is_quiet() && io::stderr().is_terminal()).then(|| {
            let (call_off, called_off) = mpsc::channel();
            let bar = bar.clone();
            let show = move || {
                if called_off.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(TICK);
                    stderr::set_progress(Some(bar));
                }
            };
            (call_off, thread::spawn(show))
        });
        Self { inner: bar, showing, started: Instant::now(), updated: AtomicU64::new(0) }
    }

    /// Changes the text.
    pub fn say(&self, message: String) {
        self.inner.set_message(message);
    }

    /// Columns of the terminal that the spinner leaves free.
    fn room() -> usize {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or(80, |(width, _)| usize::from(width.0)).saturating_sub(2)
    }

    /// Whether there is a terminal for the bar.
    fn may_be_shown(&self) -> bool {
        self.showing.is_some()
    }

    fn is_shown(&self) -> bool {
        !self.inner.is_hidden()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether the next update is due. Calls are far more frequent than a person can see.
    fn is_due(&self) -> bool {
        let now = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = now.saturating_sub(self.updated.load(Ordering::Relaxed)) >= 100;
        if due {
            self.updated.store(now, Ordering::Relaxed);
        }
        due
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some((call_off, thread)) = self.showing.take() {
            drop(call_off);
            let _ = thread.join();
            stderr::set_progress(None);
            self.inner.finish_and_clear();
        }
    }
}

/// Shows the progress of a check, repair or rebuild of the repository.
impl Monitor for Bar {
    fn work(&self, work: &Work) {
        if !self.is_shown() || !self.is_due() {
            return;
        }
        let (doing, things) = match work.phase {
            Phase::Catalogues => ("checking", "packs"),
            Phase::Index => ("checking the index:", "blobs"),
            Phase::References => ("checking references:", "directories and similar objects"),
            Phase::Blocks => ("reading", ""),
            Phase::DamagedPaths => ("finding damaged paths:", "snapshots"),
            Phase::Indexing => ("indexing", "packs"),
            Phase::Verifying => ("reading", "packs"),
            Phase::Salvaging => ("salvaging", "damaged packs"),
        };
        self.say(match (work.phase, work.total) {
            (Phase::Blocks, total) => format!("{doing} {} of {}", size(work.done), size(total)),
            (_, 0) => format!("{doing} {} {things}", HumanCount(work.done)),
            (_, total) => format!("{doing} {} of {} {things}", HumanCount(work.done), HumanCount(total)),
        });
    }
}

/// Receives the progress of an import or a copy and shows it. Names its troubles as they occur.
#[derive(Debug)]
pub struct ImportProgress {
    bar: Bar,
    import: Mutex<Import>,
}

/// The state of an import.
#[derive(Debug)]
struct Import {
    /// The tree or run that is imported.
    name: String,
    /// The number of this run, and of how many.
    position: Option<(u64, u64)>,
    estimate: Estimate,
}

impl ImportProgress {
    pub fn new(output: &Output) -> Self {
        Self::of(output, "importing")
    }

    /// `verb` says what is done: `importing` or `copying`.
    pub fn of(output: &Output, verb: &'static str) -> Self {
        let bar = Bar::with_template(output, "{spinner} {msg}", verb);
        let import = Import { name: verb.to_owned(), position: None, estimate: Estimate::default() };
        Self { bar, import: Mutex::new(import) }
    }

    fn import(&self) -> MutexGuard<'_, Import> {
        self.import.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor for ImportProgress {
    fn run(&self, run: &RunBegins<'_>) {
        let mut import = self.import();
        import.name = printable(run.name).into_owned();
        import.position = Some((run.number, run.total));
        import.estimate.run(self.bar.elapsed(), run.total.saturating_sub(run.number));
    }

    fn walk(&self, expected: Option<u64>) {
        self.import().estimate.walk(self.bar.elapsed(), expected);
    }

    fn progress(&self, progress: &Progress) {
        if !self.bar.may_be_shown() || !self.bar.is_due() {
            return;
        }
        let mut import = self.import();
        import.estimate.advance(self.bar.elapsed(), progress);
        if !self.bar.is_shown() {
            return;
        }
        let line = Line {
            name: &import.name,
            position: import.position,
            files: progress.files,
            bytes_read: progress.bytes_read,
            rate: import.estimate.rate(),
            left: import.estimate.left(),
            spent: import.estimate.spent(),
        };
        self.bar.say(line.fit(Bar::room()));
    }

    fn trouble(&self, trouble: &Trouble) {
        report_trouble(trouble);
    }
}

/// Receives the progress of a restore and shows it. Names its troubles as they occur.
#[derive(Debug)]
pub struct RestoreProgress {
    verb: &'static str,
    quiet: bool,
    bar: Bar,
}

impl RestoreProgress {
    /// `verb` says what is done: `restoring` or `exporting`.
    pub fn new(output: &Output, verb: &'static str) -> Self {
        Self { verb, quiet: output.is_quiet(), bar: Bar::new(output, verb) }
    }
}

impl Monitor for RestoreProgress {
    fn progress(&self, progress: &Progress) {
        if self.bar.is_shown() && self.bar.is_due() {
            let (entries, bytes) = (HumanCount(progress.entries), size(progress.bytes_read));
            self.bar.say(format!("{}: {entries} entries, {bytes}", self.verb));
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        if !(self.quiet && trouble.kind == TroubleKind::Unkept) {
            report_trouble(trouble);
        }
    }

    fn replaces(&self, path: &[u8]) {
        if !self.quiet {
            stderr::line(&format!("would replace {}", printable(path)));
        }
    }
}

/// Reports an entry that was not handled in full.
pub fn report_trouble(trouble: &Trouble) {
    let line = format!("{}: {}", printable(&trouble.path), trouble.reason);
    match trouble.kind {
        // The entry is skipped on purpose, and in every import.
        TroubleKind::Skipped => log::info!("{line}"),
        TroubleKind::Exists
        | TroubleKind::Unreadable
        | TroubleKind::Incomplete
        | TroubleKind::Vanished
        | TroubleKind::ChangedWhileRead => stderr::warn(&line),
        // Without root's rights, the user cannot expect this to work.
        TroubleKind::Unkept => stderr::line(&format!("note: {line}")),
    }
}
