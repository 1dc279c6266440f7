use std::sync::Arc;

use anyhow::Result;
use fs_core::format::{SnapshotId, Status};
use fs_core::history::Source;
use fs_core::service::SnapshotInfo;
use jiff::Timestamp;
use serde::Serialize;

use super::{Context, after_in_each, sources};
use crate::args::SnapshotsArgs;
use crate::colour::Colour;
use crate::error::Outcome;
use crate::output::{Output, WriteError};
use crate::snapshot_path::expression;
use crate::table::Column;
use crate::text::{count, for_json, printable, size};

pub fn run(context: &mut Context, args: &SnapshotsArgs) -> Result<Outcome> {
    let history = context.history()?;
    let mut snapshots = history.snapshots();
    if let Some(name) = &args.source {
        let source = history.source(Some(name.as_encoded_bytes()))?;
        snapshots.retain(|snapshot| snapshot.manifest.source[..] == source.name[..]);
    }
    if let Some(time) = &args.at {
        let last = last_at(&sources(&history, args.source.as_ref())?, &expression(time))?;
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
    print(&mut context.output, &snapshots)?;
    Ok(Outcome::Done)
}

/// The last snapshot of each source at or before a time.
fn last_at(sources: &[Arc<Source>], time: &[u8]) -> Result<Vec<SnapshotId>> {
    let after = after_in_each(sources, time)?;
    let last =
        |(source, after): (&Arc<Source>, Option<usize>)| Some(source.snapshot(after?.checked_sub(1)?)?.id);
    Ok(sources.iter().zip(after).filter_map(last).collect())
}

/// Prints a table, or with `--json` one object for each snapshot.
pub fn print(output: &mut Output, snapshots: &[SnapshotInfo]) -> Result<(), WriteError> {
    if output.is_json() {
        return snapshots.iter().try_for_each(|snapshot| output.json(&Described::from(snapshot)));
    }
    let (now, colours) = (Timestamp::now(), output.colours());
    let row = |snapshot: &SnapshotInfo| {
        let manifest = &snapshot.manifest;
        let status = manifest.status.name();
        [
            snapshot.name.clone(),
            output.when(manifest.time.timestamp(), now),
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
    let columns = [
        Column::left(0),
        Column::left(2),
        Column::left(1),
        Column::left(3),
        Column::right(5),
        Column::right(4),
        Column::left(1),
    ];
    output.table(columns, &rows)
}

/// A snapshot in JSON.
#[derive(Debug, Serialize)]
pub struct Described {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_bytes: Option<String>,
    snapshot: String,
    /// RFC 3339, always in UTC. The zone of the name may be another.
    time: String,
    name: String,
    /// When the program that made the run will delete it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    status: &'static str,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    troubled: u64,
    tags: Vec<String>,
}

impl From<&SnapshotInfo> for Described {
    fn from(snapshot: &SnapshotInfo) -> Self {
        let manifest = &snapshot.manifest;
        let (source, source_bytes) = for_json(&manifest.source);
        Self {
            source: source.into_owned(),
            source_bytes,
            snapshot: snapshot.id.to_string(),
            time: manifest.time.timestamp().to_string(),
            name: snapshot.name.clone(),
            expires: manifest
                .extensions
                .run
                .as_ref()
                .and_then(|run| run.expires)
                .map(|time| time.timestamp().to_string()),
            status: manifest.status.name(),
            files: manifest.totals.files,
            directories: manifest.totals.directories,
            others: manifest.totals.others,
            bytes: manifest.totals.bytes,
            troubled: manifest.totals.troubled,
            tags: snapshot.tags.clone(),
        }
    }
}
