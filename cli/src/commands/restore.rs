//! Restores files and folders of a snapshot to disk.

use std::time::Duration;

use anyhow::{Error, Result};
use fs_core::history::SnapshotPath;
use fs_core::restore::{Restore, RestoreOptions, Restored, Shape};
use fs_core::view::FileKind;

use super::{Context, Found, find_read};
use crate::args::RestoreArgs;
use crate::error::Outcome;
use crate::json;
use crate::progress::RestoreProgress;
use crate::snapshot_path;
use crate::text::{count, size};

pub fn run(context: &mut Context, args: &RestoreArgs) -> Result<Outcome> {
    let paths = snapshot_path::all_with_time(&args.targets, args.implied.at.as_ref())?;
    let names =
        paths.iter().map(snapshot_path::last_name).collect::<Result<Vec<_>, _>>().map_err(Error::msg)?;
    let history = context.history()?;
    // Finds all of them before it writes anything: one may be mistyped.
    let found = paths.iter().map(|path| find_read(&history, path, args.implied.source.as_ref()));
    let found = found.collect::<Result<Vec<_>>>()?;
    let shape = match (&names[..], &found[..]) {
        (names, _) if names.iter().any(Option::is_none) => Shape::Whole,
        (_, [Found { node: Some((view, node)), .. }]) if view.attr(node).kind != FileKind::Directory => {
            Shape::File
        }
        _ => Shape::Named,
    };
    let cancellation = context.stop_on_signals()?;
    let options = RestoreOptions { overwrite: args.overwrite, dry_run: args.dry_run };
    // If nothing was read, no target is created.
    let any_read = found.iter().any(|found| found.node.is_some());
    let mut restore = any_read.then(|| Restore::begin(&args.to, shape, options)).transpose()?;
    let mut outcome = Outcome::Done;
    for ((path, name), found) in paths.iter().zip(names).zip(found) {
        let Found { node, missing } = found;
        let began = context.output.clock().instant();
        let monitor = RestoreProgress::new(&context.output, "restoring");
        let mut restored = match (node, &mut restore) {
            (Some((view, node)), Some(restore)) => {
                restore.restore(&view, node, name, &monitor, &cancellation)?
            }
            _ => Restored::default(),
        };
        restored.troubled += missing;
        drop(monitor);
        let took = context.output.clock().instant() - began;
        print_restored(context, args, path, restored, took)?;
        if restored.troubled > 0 {
            outcome = Outcome::Incomplete;
        }
    }
    Ok(outcome)
}

fn print_restored(
    context: &mut Context,
    args: &RestoreArgs,
    path: &SnapshotPath,
    restored: Restored,
    took: Duration,
) -> Result<()> {
    let Restored { files, directories, others, bytes, kept, replaced, troubled } = restored;
    let to = args.to.display().to_string();
    if context.output.is_json() {
        context.output.json(&json::restored(snapshot_path::shown(path), to, restored, took))?;
    } else {
        let (would, all) = (if args.dry_run { "would restore" } else { "restored" }, files + others);
        let what = format!("{}, {} in {}", count(all, "file"), size(bytes), count(directories, "folder"));
        let mut parts = vec![format!("{would} {what} to {to} in {:.1} s", took.as_secs_f64())];
        if replaced > 0 {
            let verb = if args.dry_run { "would replace" } else { "replaced" };
            parts.push(format!("{verb} {}", count(replaced, "file")));
        }
        if kept > 0 {
            parts.push(format!("kept {}", count(kept, "identical file")));
        }
        if troubled > 0 {
            let named = if troubled == 1 { "1 entry".to_owned() } else { format!("{troubled} entries") };
            parts.push(format!("{named} not restored completely (see above)"));
        }
        context.output.message(&parts.join("; "))?;
    }
    Ok(())
}
