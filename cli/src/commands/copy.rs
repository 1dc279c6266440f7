//! Copies snapshots to another repository, and upgrades repositories.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result};
use fs_core::copy::{Copied, CopyTotals, Fate};
use fs_core::service::{self, CopyRequest, ServiceError};

use super::Context;
use crate::args::{CopyArgs, UpgradeArgs};
use crate::error::{Outcome, Usage, is_interruption};
use crate::json;
use crate::output::{Output, WriteError};
use crate::progress::ImportProgress;
use crate::text::{count, printable, size};

pub fn run(context: &mut Context, args: &CopyArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let from = args.from.clone().unwrap_or(settings.repository);
    let sources: Vec<_> = args.sources.iter().map(|name| name.as_encoded_bytes().to_vec()).collect();
    let other = |source: &&Vec<u8>| !sources.is_empty() && !sources.contains(source);
    if let Some(source) = args.times.iter().filter_map(|time| time.source.as_ref()).find(other) {
        let source = printable(source);
        let advice = format!("add --source {source}, or leave --source out");
        return Err(
            Usage(format!("--source excludes {source}, of which a snapshot is named: {advice}")).into()
        );
    }
    let request = CopyRequest {
        sources,
        times: args.times.iter().map(|time| (time.source.clone(), time.time.clone())).collect(),
        dry_run: args.dry_run,
        wait: args.wait,
        zone: settings.zone,
    };
    let clock = Arc::clone(context.output.clock());
    copy(&mut context.output, args.dry_run, |report, progress| {
        service::copy(&from, &args.to, &request, report, &*clock, progress, &cancellation)
    })
}

pub fn upgrade(context: &mut Context, args: &UpgradeArgs) -> Result<Outcome> {
    let zone = context.settings()?.zone;
    let cancellation = context.stop_on_signals()?;
    let clock = Arc::clone(context.output.clock());
    copy(&mut context.output, false, |report, progress| {
        service::upgrade(&args.old, &args.new, zone, report, &*clock, progress, &cancellation)
    })
}

/// Copies, and reports each snapshot and the sums.
fn copy(
    output: &mut Output,
    dry_run: bool,
    run: impl FnOnce(&mut dyn FnMut(Copied<'_>), &ImportProgress) -> Result<CopyTotals, ServiceError>,
) -> Result<Outcome> {
    let began = output.clock().instant();
    let progress = ImportProgress::of(output, "copying");
    let (mut written, mut copied) = (Ok(()), 0);
    let mut report = |snapshot: Copied<'_>| {
        copied += u64::from(matches!(snapshot.fate, Fate::Copied { .. }));
        // A closed stdout must not stop a copy.
        if written.is_ok() {
            written = print_snapshot(output, &snapshot);
        }
    };
    let result = run(&mut report, &progress);
    drop(progress);
    written?;
    let totals = match result.map_err(Error::from) {
        Err(error) if copied > 0 && is_interruption(&error) => {
            let snapshots = count(copied, "snapshot");
            output.note(&format!(
                "interrupted after copying {snapshots}; run the same command again to continue"
            ));
            return Ok(Outcome::Interrupted);
        }
        result => result?,
    };
    let took = output.clock().instant() - began;
    print_totals(output, &totals, dry_run, took)?;
    Ok(if totals.is_complete() { Outcome::Done } else { Outcome::Incomplete })
}

fn print_snapshot(output: &mut Output, copied: &Copied<'_>) -> Result<(), WriteError> {
    if output.is_json() {
        output.json(&json::copied(copied))?;
        return output.flush();
    }
    let name = format!("{} of {}", copied.name, printable(&copied.snapshot.manifest.source));
    match copied.fate {
        Fate::Copied { statistics, .. } => {
            output.message(&format!("{name}: copied, added {}", size(statistics.stored_bytes)))?;
        }
        Fate::New => output.line(&format!("{name}: would be copied"))?,
        // The reason was printed as a warning. Snapshots that are present are only counted.
        Fate::Present { .. } | Fate::LeftOut { .. } => {}
    }
    output.flush()
}

fn print_totals(
    output: &mut Output,
    totals: &CopyTotals,
    dry_run: bool,
    took: Duration,
) -> Result<(), WriteError> {
    if output.is_json() {
        return output.json(&json::copy_totals(totals, dry_run));
    }
    let CopyTotals { copied, present, left_out, tags, lost_tags, statistics } = totals;
    let verb = if dry_run { "would copy" } else { "copied" };
    let mut parts = vec![format!("{verb} {}", count(*copied, "snapshot"))];
    if !dry_run {
        parts.push(format!("added {} in {:.1} s", size(statistics.stored_bytes), took.as_secs_f64()));
    }
    let others = [
        (*tags, format!("added {}", count(*tags, "tag"))),
        (*present, format!("{} present already", count(*present, "snapshot"))),
        (*left_out, format!("{} left out (reasons on stderr)", count(*left_out, "snapshot"))),
        (*lost_tags, format!("{} lost (reasons on stderr)", count(*lost_tags, "tag"))),
    ];
    parts.extend(others.into_iter().filter(|(number, _)| *number > 0).map(|(_, text)| text));
    output.message(&parts.join("; "))
}
