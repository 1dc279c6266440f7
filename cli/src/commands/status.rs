//! Shows what a running `yester watch` does.

use anyhow::Result;
use fs_core::watch::WatchLock;
use indicatif::HumanCount;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::Context;
use super::watch::{Board, Report, Shown};
use crate::error::Outcome;
use crate::output::{Output, WriteError};
use crate::table::Column;
use crate::text::{one_line, printable, size};

pub fn run(context: &mut Context) -> Result<Outcome> {
    let settings = context.settings()?;
    fs_core::service::require_repository(&settings.repository)?;
    let runs = WatchLock::holder(&settings.repository)?.is_some();
    // A watch that has taken its lock may not have written its status file yet.
    let report = Board::read(&settings.repository).ok().filter(|_| runs);
    if context.output.is_json() {
        tell_json(&mut context.output, runs, report.as_ref())?;
    } else if runs {
        tell(&mut context.output, report.as_ref(), &settings.zone)?;
    } else {
        context.output.line(&format!("no watch is running on {}", settings.repository.display()))?;
    }
    let fails = |report: &Report| report.sources.iter().any(|source| source.failures.is_some());
    let is_well = runs && !report.as_ref().is_some_and(fails);
    Ok(if is_well { Outcome::Done } else { Outcome::Incomplete })
}

fn tell_json(output: &mut Output, runs: bool, report: Option<&Report>) -> Result<(), WriteError> {
    let (pid, since) = (report.map(|report| report.pid), report.map(|report| report.since));
    output.json(&json!({ "running": runs, "pid": pid, "since": since }))?;
    report.iter().flat_map(|report| &report.sources).try_for_each(|source| output.json(source))
}

fn tell(output: &mut Output, report: Option<&Report>, zone: &TimeZone) -> Result<(), WriteError> {
    let Some(report) = report else { return output.line("a watch has just started") };
    output.line(&format!("watching since {} (process {})", clock(report.since, zone), report.pid))?;
    let row = |source: &Shown| {
        let last = source.last.as_ref();
        [
            printable(source.path.as_bytes()).into_owned(),
            activity(source, zone),
            last.map(|last| format!("{} of {}", last.name, printable(last.source.as_bytes())))
                .unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = report.sources.iter().map(row).collect();
    output.table([Column::left(0), Column::left(0), Column::left(1)], &rows)
}

fn activity(source: &Shown, zone: &TimeZone) -> String {
    let counts = |entries, bytes| format!(", {} entries, {} read", HumanCount(entries), size(bytes));
    [
        Some(source.activity.clone()),
        source.reason.as_ref().map(|reason| format!(": {}", one_line(reason))),
        source.failures.filter(|failures| *failures > 1).map(|failures| format!(" ({failures} times)")),
        source.since.map(|since| format!(" since {}", clock(since, zone))),
        source.entries.zip(source.bytes_read).map(|(entries, bytes)| counts(entries, bytes)),
        source.next.map(|next| format!(", next check at {}", clock(next, zone))),
        source.all_read.map(|read| format!(", all files read at {}", clock(read, zone))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A time of day, with the date if that is not today's.
fn clock(time: Timestamp, zone: &TimeZone) -> String {
    let (time, now) = (time.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone.clone()));
    let form = if time.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    time.strftime(form).to_string()
}
