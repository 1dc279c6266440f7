//! The destinations of lines.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use log::Level;

#[cfg(target_os = "linux")]
use super::syslog::Syslog;
#[cfg(target_os = "linux")]
use crate::platform;

/// The destination of lines.
#[derive(Debug)]
pub(super) enum Sink {
    Stderr,
    File(File),
    #[cfg(target_os = "linux")]
    Syslog(Syslog),
}

impl Sink {
    /// Chooses the file, if given; else stderr; else, if stderr is `/dev/null`, syslog.
    pub(super) fn choose(file: Option<&Path>) -> Result<Self> {
        if let Some(path) = file {
            return open(path).map(Self::File);
        }
        #[cfg(target_os = "linux")]
        if platform::stderr_leads_nowhere()
            && let Ok(syslog) = Syslog::new()
        {
            return Ok(Self::Syslog(syslog));
        }
        Ok(Self::Stderr)
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(target_os = "linux")]
    platform::for_a_log(&mut options);
    options.open(path).with_context(|| format!("cannot open the log file {}", path.display()))
}

/// Appends a line to a log file. If the write fails, the line is lost.
pub(super) fn append(mut log: &File, level: Level, text: &str) {
    let _ = log.write_all(format(Timestamp::now(), level, text).as_bytes());
}

/// A line of a log file: the time in UTC (RFC 3339), the level, the text.
fn format(time: Timestamp, level: Level, text: &str) -> String {
    format!("{time:.3} {level:5} {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_its_time_and_level() {
        let time: Timestamp = "2024-06-01T12:00:00.5+02:00".parse().unwrap();
        assert_eq!(format(time, Level::Error, "it broke"), "2024-06-01T10:00:00.500Z ERROR it broke\n");
        assert_eq!(format(time, Level::Info, "it runs"), "2024-06-01T10:00:00.500Z INFO  it runs\n");
    }

    #[test]
    fn lines_are_appended_where_others_may_truncate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let log = open(&path).unwrap();
        append(&log, Level::Warn, "one");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("before\n"));
        std::fs::write(&path, "").unwrap();
        append(&log, Level::Warn, "two");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("Z WARN  two\n") && text.starts_with('2'), "{text:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_its_owner_reads_a_new_log() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        let missing = folder.path().join("missing/log");
        let error = format!("{:#}", open(&missing).unwrap_err());
        assert!(error.contains(missing.to_str().unwrap()) && error.contains("No such file"), "{error}");
    }
}
