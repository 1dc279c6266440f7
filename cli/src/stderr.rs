//! Everything that goes to stderr, a line at a time, around the progress that may be shown there. A closed stderr is
//! nobody's failure.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use env_logger::{Builder, Target};
use indicatif::ProgressBar;
use log::{Level, LevelFilter};

use crate::text::one_line;

/// The progress on the terminal, which lines must not run into.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes a line.
pub fn line(text: &str) {
    write(format!("{}\n", one_line(text)).as_bytes());
}

/// Writes an error or a warning.
pub fn complain(message: &str) {
    line(&format!("yester: {message}"));
}

/// Makes lines go around this progress, or around none.
pub fn around(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Lets the log of all crates out, as far as `-q` and `-v` ask.
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
        .target(Target::Pipe(Box::new(Lines)))
        .format(|out, record| {
            let weight = if record.level() == Level::Warn { "warning: " } else { "" };
            writeln!(out, "yester: {weight}{}", one_line(&record.args().to_string()))
        })
        .init();
}

/// Takes the logger's lines.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(bytes: &[u8]) {
    beside(|| {
        let _ = io::stderr().lock().write_all(bytes);
    });
}

/// Does something that writes, while no progress is shown. It must not write through this module itself.
pub fn beside<T>(write: impl FnOnce() -> T) -> T {
    // Held while it writes, so that the progress cannot end or begin in between.
    match &*SHOWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
