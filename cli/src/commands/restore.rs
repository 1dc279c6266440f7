//! Files and folders of a snapshot, back on disk.

use std::time::Instant;

use anyhow::{Error, Result};
use fs_core::service::{RestoreOptions, Restored, restore};
use serde::Serialize;

use super::{Context, find, stop_on_signals};
use crate::args::RestoreArgs;
use crate::error::Outcome;
use crate::place::Place;
use crate::progress::Restorer;
use crate::text::{count, size};

/// A restore in JSON.
#[derive(Debug, Serialize)]
struct Described {
    restored: String,
    to: String,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    troubled: u64,
    seconds: f64,
}

pub fn run(context: &mut Context, args: &RestoreArgs) -> Result<Outcome> {
    let places = Place::all_with_time(&args.targets, args.implied.at.as_ref())?;
    let names = places.iter().map(Place::last_name).collect::<Result<Vec<_>, _>>().map_err(Error::msg)?;
    let history = context.history()?;
    let cancellation = stop_on_signals()?;
    let options = RestoreOptions { overwrite: args.overwrite, dry_run: args.dry_run };
    let mut outcome = Outcome::Done;
    for (place, name) in places.iter().zip(names) {
        let began = Instant::now();
        let (view, node) = find(&history, place, args.implied.source.as_ref())?;
        let monitor = Restorer::new(&context.output);
        let restored = restore(&view, node, name, &args.to, options, &monitor, &cancellation)?;
        drop(monitor);
        tell(context, args, place, restored, began.elapsed().as_secs_f64())?;
        if restored.troubled > 0 {
            outcome = Outcome::Incomplete;
        }
    }
    Ok(outcome)
}

fn tell(
    context: &mut Context,
    args: &RestoreArgs,
    place: &Place,
    restored: Restored,
    seconds: f64,
) -> Result<()> {
    let Restored { files, directories, others, bytes, troubled } = restored;
    let to = args.to.display().to_string();
    if context.output.is_json() {
        let restored = place.shown();
        let seconds = (seconds * 1000.0).round() / 1000.0;
        let described = Described { restored, to, files, directories, others, bytes, troubled, seconds };
        context.output.json(&described)?;
    } else {
        let (would, all) = (if args.dry_run { "would restore" } else { "restored" }, files + others);
        let what = format!("{}, {} in {}", count(all, "file"), size(bytes), count(directories, "folder"));
        let left = match troubled {
            0 => String::new(),
            1 => "; 1 entry not as it should be, named above".to_owned(),
            _ => format!("; {troubled} entries not as they should be, named above"),
        };
        context.output.tell(&format!("{would} {what} to {to} in {seconds:.1} s{left}"))?;
    }
    Ok(())
}
