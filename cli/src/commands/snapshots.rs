use std::sync::Arc;

use anyhow::Result;
use fs_core::format::{SnapshotId, Status};
use fs_core::history::{SnapshotInfo, Source};
use fs_core::service::History;

use super::{Context, after_in_each};
use crate::args::SnapshotsArgs;
use crate::colour::Colour;
use crate::json;
use crate::output::{Output, WriteError};
use crate::snapshot_path::expression;
use crate::table::Column::{Left, Right};
use crate::text::{count, printable, size};

pub fn run(context: &mut Context, args: &SnapshotsArgs) -> Result<()> {
    let history = context.history()?;
    let mut snapshots = history.snapshots();
    let sources = history.sources(args.source.as_ref().map(|name| name.as_encoded_bytes()))?;
    if let Some(name) = &args.source {
        snapshots.retain(|snapshot| snapshot.manifest.source[..] == *name.as_encoded_bytes());
    }
    if let Some(time) = &args.at {
        let last = last_at(&history, &sources, &expression(time))?;
        snapshots.retain(|snapshot| last.contains(&snapshot.id));
    }
    if let Some(tag) = &args.tag {
        let wanted = tag.as_encoded_bytes();
        snapshots.retain(|snapshot| snapshot.tags.iter().any(|name| name.as_bytes() == wanted));
    }
    let is_filtered = args.at.is_some() || args.tag.is_some();
    if snapshots.is_empty() && !is_filtered && context.output.is_terminal() {
        context.output.note("no snapshots yet; add one with `yester import`");
    }
    Ok(print(&mut context.output, &snapshots)?)
}

/// The last snapshot of each source at or before a time.
fn last_at(history: &History, sources: &[Arc<Source>], time: &[u8]) -> Result<Vec<SnapshotId>> {
    let after = after_in_each(history, sources, time)?;
    let last =
        |(source, after): (&Arc<Source>, Option<usize>)| Some(source.snapshot(after?.checked_sub(1)?)?.id);
    Ok(sources.iter().zip(after).filter_map(last).collect())
}

/// Prints a table, or with `--json` one object for each snapshot.
pub fn print(output: &mut Output, snapshots: &[SnapshotInfo]) -> Result<(), WriteError> {
    if output.is_json() {
        return snapshots.iter().try_for_each(|snapshot| output.json(&json::snapshot(snapshot)));
    }
    let colours = output.colours();
    let row = |snapshot: &SnapshotInfo| {
        let manifest = &snapshot.manifest;
        let status = manifest.status.name();
        [
            snapshot.name.clone(),
            output.when(manifest.time.timestamp()),
            printable(&manifest.source).into_owned(),
            match manifest.status {
                Status::Complete => status.to_owned(),
                _ => colours.word(Colour::Yellow, status),
            },
            count(manifest.totals.files, "file"),
            size(manifest.totals.bytes),
            printable(snapshot.tags.join(" ").as_bytes()).into_owned(),
        ]
    };
    let rows: Vec<_> = snapshots.iter().map(row).collect();
    let columns = [Left(0), Left(2), Left(1), Left(3), Right(5), Right(4), Left(1)];
    output.table(columns, &rows)
}
