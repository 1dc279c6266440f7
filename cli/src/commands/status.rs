//! Shows what a running `yester watch` does.

use anyhow::Result;
use fs_core::watch::WatchLock;
use indicatif::HumanCount;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::json;

use super::Context;
use super::watch::{SourceStatus, Status, StatusFile};
use crate::error::Outcome;
use crate::output::{Output, WriteError};
use crate::table::Column::Left;
use crate::text::{one_line, printable, size};

pub fn run(context: &mut Context) -> Result<Outcome> {
    let settings = context.settings()?;
    fs_core::service::require_repository(&settings.repository)?;
    let runs = WatchLock::holder(&settings.repository)?.is_some();
    // A watch that has taken its lock may not have written its status file yet.
    let status = StatusFile::read(&settings.repository).ok().filter(|_| runs);
    if context.output.is_json() {
        print_json(&mut context.output, runs, status.as_ref())?;
    } else if runs {
        print_status(&mut context.output, status.as_ref(), &settings.zone)?;
    } else {
        context.output.line(&format!("no watch is running on {}", settings.repository.display()))?;
    }
    let fails = |status: &Status| status.sources.iter().any(|source| source.failures.is_some());
    let is_well = runs && !status.as_ref().is_some_and(fails);
    Ok(if is_well { Outcome::Done } else { Outcome::Incomplete })
}

fn print_json(output: &mut Output, runs: bool, status: Option<&Status>) -> Result<(), WriteError> {
    let (pid, since) = (status.map(|status| status.pid), status.map(|status| status.since));
    output.json(&json!({ "running": runs, "pid": pid, "since": since }))?;
    status.iter().flat_map(|status| &status.sources).try_for_each(|source| output.json(source))
}

fn print_status(output: &mut Output, status: Option<&Status>, zone: &TimeZone) -> Result<(), WriteError> {
    let Some(status) = status else { return output.line("a watch has just started") };
    let now = output.clock().now().to_zoned(zone.clone());
    output.line(&format!("watching since {} (process {})", time_of_day(status.since, &now), status.pid))?;
    let row = |source: &SourceStatus| {
        let last = source.last.as_ref();
        [
            printable(source.path.as_bytes()).into_owned(),
            activity(source, &now),
            last.map(|last| format!("{} of {}", last.name, printable(last.source.as_bytes())))
                .unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = status.sources.iter().map(row).collect();
    output.table([Left(0), Left(0), Left(1)], &rows)
}

fn activity(source: &SourceStatus, now: &Zoned) -> String {
    let counts = |entries, bytes| format!(", {} entries, {} read", HumanCount(entries), size(bytes));
    [
        Some(source.activity.clone()),
        source.reason.as_ref().map(|reason| format!(": {}", one_line(reason))),
        source.failures.filter(|failures| *failures > 1).map(|failures| format!(" ({failures} times)")),
        source.since.map(|since| format!(" since {}", time_of_day(since, now))),
        source.entries.zip(source.bytes_read).map(|(entries, bytes)| counts(entries, bytes)),
        source.next.map(|next| format!(", next check at {}", time_of_day(next, now))),
        source.all_read.map(|read| format!(", all files read at {}", time_of_day(read, now))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A time of day, with the date if that is not today's.
fn time_of_day(time: Timestamp, now: &Zoned) -> String {
    let time = time.to_zoned(now.time_zone().clone());
    let form = if time.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    time.strftime(form).to_string()
}
