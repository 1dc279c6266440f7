use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Error, Result};
use fs_core::format::{Content, Entry, Kind, Status};
use fs_core::history::{Reading, SnapshotPath, components};
use fs_core::service::PathLog;
use fs_core::view::FileKind;
use fs_core::view::versions::Interval;
use fs_core::view::{Aspect, Aspects};

use super::Context;
use crate::args::LogArgs;
use crate::colour::Colour;
use crate::error::Usage;
use crate::json;
use crate::output::{Output, WriteError};
use crate::progress::Bar;
use crate::snapshot_path::{self, expression, one_source};
use crate::table::Column::{Left, Right};
use crate::text::{self, count, printable, size};

pub fn run(context: &mut Context, args: &LogArgs) -> Result<()> {
    let LogPath { source, time, path } = log_path(context, args)?;
    let path = components(&path).collect::<Vec<_>>().join(&b'/');
    let source = one_source(args.implied.source.as_ref(), source.as_deref()).map_err(Error::msg)?;
    let history = context.history()?;
    let bar = Bar::new(&context.output, "searching the snapshots");
    let log = history.log(source, time.as_deref(), &path)?;
    drop(bar);
    Ok(print(&mut context.output, &log, &path)?)
}

/// The path whose history is shown.
struct LogPath {
    source: Option<Vec<u8>>,
    time: Option<Vec<u8>>,
    path: Vec<u8>,
}

/// Parses a snapshot path, a mount path, or else a path in a source.
fn log_path(context: &mut Context, args: &LogArgs) -> Result<LogPath, Usage> {
    let (path, at) = (&args.path, args.implied.at.as_ref());
    if snapshot_path::parse(path).is_ok() {
        let SnapshotPath { source, time, path } = snapshot_path::with_time(path, at)?;
        return Ok(LogPath { source, time: Some(time), path });
    }
    let time = at.map(|at| expression(at));
    if let Some((repository, found)) = in_mount(path) {
        if context.global.repo.is_none() && repository.is_absolute() {
            context.global.repo = Some(repository);
        }
        return Ok(LogPath { time, ..found });
    }
    Ok(LogPath { source: None, time, path: path.as_encoded_bytes().to_vec() })
}

/// The repository and the history that a mount path means.
#[cfg(target_os = "linux")]
fn in_mount(path: &OsStr) -> Option<(PathBuf, LogPath)> {
    let found = fs_core::service::MountPath::find(path.as_ref()).ok()??;
    Some((found.repository, LogPath { source: Some(found.source), time: None, path: found.path }))
}

#[cfg(not(target_os = "linux"))]
fn in_mount(_path: &OsStr) -> Option<(PathBuf, LogPath)> {
    None
}

fn print(output: &mut Output, log: &PathLog, path: &[u8]) -> Result<(), WriteError> {
    let intervals: Vec<Interval> = log.intervals().collect();
    let mut before = Before::Nothing;
    let mut previous: Option<Entry> = None;
    let mut rows = Vec::new();
    for interval in &intervals {
        let entry = known(interval, previous.as_ref());
        let changes = match (&previous, &entry) {
            (_, None) | (None, _) => Aspects::default(),
            (Some(before), Some(after)) if is_unknown(before) => {
                Aspects::between_versions(before, after).without(Aspect::Content)
            }
            (Some(before), Some(after)) => Aspects::between_versions(before, after),
        };
        if output.is_json() {
            let absent = before.word_of_missing(interval);
            output.json(&json::logged(&log.source, path, interval, absent, changes))?;
        } else {
            rows.push(row(output, log, interval, before, changes));
        }
        before = before.then(interval);
        previous = entry.or(previous);
    }
    let columns = [Right(0), Left(0), Left(2), Left(3), Right(5), Right(1), Left(4), Left(0)];
    output.table(columns, &rows)
}

/// The entry of an interval, as far as it is known. The content of a file that was not read is unknown, and
/// so is that of a directory that was read only in part, or excluded. It is taken to be the one before.
fn known(interval: &Interval, previous: Option<&Entry>) -> Option<Entry> {
    let entry = &interval.state.as_ref()?.entry;
    let may_be = |previous: &Entry| {
        if entry.is_directory() {
            return previous.is_directory() && (!interval.reading.is_certain() || entry.gaps.left_out);
        }
        let is_same_kind = FileKind::from(&previous.kind) == FileKind::from(&entry.kind);
        // The length of a link is that of its target, and as unknown.
        let is_same_size = previous.size() == entry.size() || matches!(entry.kind, Kind::Symlink(_));
        entry.not_read().is_some() && is_same_kind && is_same_size
    };
    match previous {
        Some(previous) if may_be(previous) => Some(Entry { kind: previous.kind.clone(), ..entry.clone() }),
        _ => Some(entry.clone()),
    }
}

/// Whether the content of a file or link was never read.
fn is_unknown(entry: &Entry) -> bool {
    match &entry.kind {
        Kind::File { content, .. } => *content == Content::NotRead,
        Kind::Symlink(target) => target.is_empty(),
        _ => false,
    }
}

/// The state of a path before an interval, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    There,
    Deleted,
    /// It existed earlier, and may have existed after that.
    NotRead,
    /// It is unknown whether it ever existed.
    NeverRead,
}

impl Before {
    fn then(self, interval: &Interval) -> Self {
        match (self, &interval.state, interval.reading) {
            (_, Some(_), Reading::Read) => Before::There,
            // If it ever existed, no snapshot has it.
            (Before::Nothing | Before::NeverRead, None, Reading::Read) => Before::Nothing,
            (Before::Deleted, None, _) | (_, None, Reading::Read) => Before::Deleted,
            (Before::Nothing | Before::NeverRead, None, _) => Before::NeverRead,
            _ => Before::NotRead,
        }
    }

    /// The word for a path that is absent from an interval.
    fn word_of_missing(self, interval: &Interval) -> &'static str {
        match self {
            Before::Nothing | Before::NeverRead if interval.reading.is_certain() => "missing",
            _ => interval.reading.of_missing(),
        }
    }

    /// The word for an unchanged path that appears, or appears again.
    fn word(self) -> (Colour, &'static str) {
        match self {
            Before::Nothing => (Colour::Green, "new"),
            Before::Deleted => (Colour::Green, "back"),
            Before::There | Before::NotRead => (Colour::Yellow, "read again"),
            Before::NeverRead => (Colour::Yellow, "first read"),
        }
    }
}

fn row(output: &Output, log: &PathLog, interval: &Interval, before: Before, changes: Aspects) -> [String; 8] {
    let colours = output.colours();
    let name = |at| log.source.timeline.name(at).unwrap_or_default().to_owned();
    let snapshots = count((interval.last - interval.first + 1) as u64, "snapshot");
    let words = || changes.iter().map(Aspect::name).collect::<Vec<_>>().join(", ");
    let dash = || "-".to_owned();
    let (number, length, mode, what) = match &interval.state {
        None => (dash(), dash(), dash(), missing(output, log, interval, before)),
        Some(state) => {
            let length = if state.entry.is_directory() { dash() } else { size(state.entry.size()) };
            let (colour, word) = before.word();
            let what = match (changes.is_empty(), gap(&state.entry, interval.reading)) {
                (true, None) => colours.word(colour, word),
                (true, Some(gap)) => colours.word(Colour::Yellow, &gap),
                (false, None) => words(),
                (false, Some(gap)) => format!("{}, {gap}", words()),
            };
            let mode = text::mode(FileKind::from(&state.entry.kind), state.entry.attributes.mode);
            (state.number.map_or_else(dash, |number| number.to_string()), length, mode, what)
        }
    };
    let began = log.source.timeline.get(interval.first).map(|moment| moment.time);
    let when = began.map(|began| output.when(began)).unwrap_or_default();
    [number, name(interval.first), when, name(interval.last), snapshots, length, mode, what]
}

/// The note on an entry that the snapshot does not have in full.
fn gap(entry: &Entry, reading: Reading) -> Option<String> {
    const NOT_ALL_READ: &str = "not all read";
    match entry.not_read() {
        _ if entry.gaps.left_out => Some("content excluded".to_owned()),
        _ if reading.is_certain() => None,
        Some(not_read) => {
            let word = if entry.is_directory() { NOT_ALL_READ } else { Reading::NotRead.of_missing() };
            Some(format!("{word}: {}", printable(not_read.reason.as_bytes())))
        }
        None => Some(NOT_ALL_READ.to_owned()),
    }
}

/// The text that says why a path is missing.
fn missing(output: &Output, log: &PathLog, interval: &Interval, before: Before) -> String {
    let word = before.word_of_missing(interval);
    let colour = if interval.reading.is_certain() { Colour::Red } else { Colour::Yellow };
    let shown = output.colours().word(colour, word);
    // The import read everything, but the run of rsync was partial and may not have copied the path.
    let by_partial_run = log.source.snapshot(interval.first).is_some_and(|snapshot| {
        let manifest = &snapshot.manifest;
        manifest.status == Status::Partial && manifest.totals.troubled == 0
    });
    if by_partial_run && interval.reading.is_certain() { format!("{shown}, by a partial run") } else { shown }
}
