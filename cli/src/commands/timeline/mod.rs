//! Shows the days that have snapshots as a calendar.

mod svg;
mod weeks;

use std::fs;

use anyhow::{Context as _, Result, bail};
use fs_core::service::days;
use serde_json::json;

use self::weeks::Calendar;
use super::Context;
use crate::args::TimelineArgs;
use crate::output::width;
use crate::progress::Bar;
use crate::text::count;

/// Number of weeks of a year, including the one that it only begins.
const WEEKS: usize = 53;

pub fn run(context: &mut Context, args: &TimelineArgs) -> Result<()> {
    let history = context.history()?;
    let cancellation = context.stop_on_signals()?;
    let bar = Bar::new(&context.output, "comparing snapshots");
    let source = args.source.as_ref().map(|name| name.as_encoded_bytes());
    let days = days(
        &history,
        source,
        &|done, all| bar.say(format!("comparing snapshots: {done} of {all}")),
        &cancellation,
    )?;
    drop(bar);
    let output = &mut context.output;
    if output.is_json() {
        for day in &days {
            let (snapshots, changes) = (day.snapshots, day.changes);
            output
                .json(&json!({ "day": day.date.to_string(), "snapshots": snapshots, "changes": changes }))?;
        }
    }
    let Some(all) = Calendar::of(&days, usize::MAX) else {
        bail!("there is no snapshot yet; add one with `yester import`")
    };
    if let Some(file) = &args.svg {
        fs::write(file, svg::draw(&all)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if output.is_json() || args.svg.is_some() {
        return Ok(());
    }
    let room = if output.is_terminal() { width().saturating_sub(weeks::MARGIN) / 2 } else { WEEKS };
    let shown = Calendar::of(&days, room.clamp(1, WEEKS)).unwrap_or(all);
    shown.lines().iter().try_for_each(|line| output.line(line))?;
    let snapshots = count(days.iter().map(|day| day.snapshots).sum(), "snapshot");
    let changes = count(days.iter().fold(0, |sum, day| sum.saturating_add(day.changes)), "change");
    Ok(output.message(&format!("{snapshots} on {}, {changes}", count(days.len() as u64, "day")))?)
}
