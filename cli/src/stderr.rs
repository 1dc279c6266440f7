//! Writes lines to stderr. Progress shown there is hidden meanwhile. A closed stderr is not an error. The
//! lines of a mount, `up`, `watch` or a hook can go to a log instead: see [`log_to`].

mod repeats;
mod sink;
#[cfg(target_os = "linux")]
mod syslog;

use std::any::Any;
use std::io::{self, Write};
use std::panic::{self, Location};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

use anyhow::Result;
use env_logger::{Builder, Target};
use indicatif::ProgressBar;
use log::{Level, LevelFilter};

use self::repeats::Repeats;
use self::sink::Sink;
use crate::text::{beginning, one_line};

/// Maximum length of a line of a command that no user watches, in bytes. A pipe that is ready to write
/// accepts a page.
const LONGEST: usize = 4000;
/// The progress on the terminal. Lines must not be written into it.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// The destination of lines.
static SINK: RwLock<Sink> = RwLock::new(Sink::Stderr);
/// The lines that were recently written to the log. `None` until [`log_to`] is called.
static REPEATS: Mutex<Option<Repeats>> = Mutex::new(None);

/// Writes a line.
pub fn line(text: &str) {
    emit(Level::Info, "", text);
}

/// Writes an error.
pub fn error(message: &str) {
    emit(Level::Error, "yester: ", message);
}

/// Writes a warning: the command goes on.
pub fn warn(message: &str) {
    emit(Level::Warn, "yester: ", message);
}

/// Writes the error that ends this process. It also goes to stderr, for the process that waits for this one.
pub fn fail(message: &str) {
    error(message);
    if matches!(&*SINK.read().unwrap_or_else(PoisonError::into_inner), Sink::File(_)) {
        write(&format!("yester: {}\n", one_line(message)));
    }
}

/// Reports each panic as an error line. Otherwise that of a process in the background would be lost.
pub fn report_panics() {
    panic::set_hook(Box::new(|panic| error(&panic_message(panic.location(), panic.payload()))));
}

fn panic_message(location: Option<&Location<'_>>, payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    let at = location.map(|location| format!(" at {location}")).unwrap_or_default();
    format!("internal error: panicked{at}: {text}; please report it")
}

/// Sets the progress that is hidden while a line is written; `None` if there is none.
pub fn set_progress(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Enables the log of all crates, as far as `-q` and `-v` say.
pub fn init_log(quiet: bool, verbose: u8) {
    let (level, others) = match (quiet, verbose) {
        (true, _) => (LevelFilter::Error, LevelFilter::Off),
        (false, 0) => (LevelFilter::Warn, LevelFilter::Off),
        (false, 1) => (LevelFilter::Info, LevelFilter::Warn),
        (false, _) => (LevelFilter::Debug, LevelFilter::Debug),
    };
    Builder::new()
        .filter_level(others)
        .filter_module("yester", level)
        .filter_module("fs_core", level)
        .filter_module("fuse_linux", level)
        .filter_module("winfsp_windows", level)
        // `emit` writes the lines, because it needs their level.
        .target(Target::Pipe(Box::new(io::sink())))
        .format(|_, record| {
            let prefix = if record.level() == Level::Warn { "yester: warning: " } else { "yester: " };
            if let Some(text) = admitted(record.level(), record.args().to_string()) {
                emit(record.level(), prefix, &text);
            }
            Ok(())
        })
        .init();
}

/// Chooses the destination of lines from now on. It is `file`, if given; else stderr; else, if stderr is
/// `/dev/null`, syslog. From now on the same line of the log is written at most once a minute.
pub fn log_to(file: Option<&Path>) -> Result<()> {
    let sink = Sink::choose(file)?;
    *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
    REPEATS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    Ok(())
}

/// Runs `replace`, which redirects stderr. If lines went to stderr, chooses their destination again. No line
/// is written meanwhile.
#[cfg(target_os = "linux")]
pub fn replacing<T>(replace: impl FnOnce() -> T) -> T {
    let mut sink = SINK.write().unwrap_or_else(PoisonError::into_inner);
    let replaced = replace();
    if matches!(*sink, Sink::Stderr)
        && let Ok(chosen) = Sink::choose(None)
    {
        *sink = chosen;
    }
    replaced
}

/// The line of the log to write; `None` if it is left out.
fn admitted(level: Level, text: String) -> Option<String> {
    match &mut *REPEATS.lock().unwrap_or_else(PoisonError::into_inner) {
        // A thread that answers the kernel must not wait for a reader of stderr.
        Some(_) if is_stalled() => None,
        // Debug lines are never left out: the user asked for them with `-vv`.
        Some(_) if level > Level::Info => Some(text),
        Some(repeats) => repeats.admit(text, Instant::now()),
        None => Some(text),
    }
}

/// Whether lines go to stderr, and stderr does not accept one at once.
fn is_stalled() -> bool {
    #[cfg(target_os = "linux")]
    let takes = crate::platform::stderr_takes_a_line();
    #[cfg(not(target_os = "linux"))]
    let takes = true;
    !takes && matches!(&*SINK.read().unwrap_or_else(PoisonError::into_inner), Sink::Stderr)
}

fn emit(level: Level, prefix: &str, text: &str) {
    let whole = one_line(text);
    let mut text = &*whole;
    // The lock is held during the write, so that no other thread takes the room that the line needs.
    let repeats = REPEATS.lock().unwrap_or_else(PoisonError::into_inner);
    if repeats.is_some() {
        if is_stalled() {
            return;
        }
        text = beginning(text, LONGEST);
    }
    match &*SINK.read().unwrap_or_else(PoisonError::into_inner) {
        Sink::Stderr => write(&format!("{prefix}{text}\n")),
        Sink::File(file) => sink::append(file, level, text),
        #[cfg(target_os = "linux")]
        Sink::Syslog(syslog) => syslog.send(level, text),
    }
}

fn write(line: &str) {
    without_progress(|| {
        let _ = io::stderr().lock().write_all(line.as_bytes());
    });
}

/// Runs `write` while no progress is shown. `write` must not use this module itself.
pub fn without_progress<T>(write: impl FnOnce() -> T) -> T {
    // The lock is held during the write, so that no progress can end or begin meanwhile.
    match &*SHOWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_reported_with_its_place() {
        let location = Location::caller();
        let message = panic_message(Some(location), &"an index is wrong");
        assert!(message.contains("stderr.rs:") && message.contains(": an index is wrong;"), "{message}");
        assert!(panic_message(None, &String::from("no room")).contains("panicked: no room"));
        assert!(panic_message(None, &7).contains("a panic"));
    }
}
