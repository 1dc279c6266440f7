use anyhow::{Error, Result};
use fs_core::history::SnapshotPath;
use fs_core::service::{self, TagInfo, TagOptions, Tagged};

use super::Context;
use crate::args::TagArgs;
use crate::json;
use crate::output::{Output, WriteError};
use crate::progress::Bar;
use crate::snapshot_path::one_source;
use crate::table::Column::Left;
use crate::text::printable;

pub fn run(context: &mut Context, args: &TagArgs) -> Result<()> {
    match &args.time {
        Some(time) => change(context, args, time),
        None => list(context, args),
    }
}

fn list(context: &mut Context, args: &TagArgs) -> Result<()> {
    let history = context.history()?;
    let mut tags = history.tags(args.source.as_ref().map(|name| name.as_encoded_bytes()))?;
    tags.sort_by(|one, other| (&one.name, &one.source).cmp(&(&other.name, &other.source)));
    let output = &mut context.output;
    if output.is_json() {
        return Ok(tags.iter().try_for_each(|tag| output.json(&json::tag(tag, None)))?);
    }
    if tags.is_empty() && output.is_terminal() {
        output.note("there are no tags yet; add one with `yester tag @latest NAME`");
    }
    let row = |tag: &TagInfo| [name(tag), printable(&tag.source).into_owned(), tag.snapshot_name.clone()];
    let rows: Vec<_> = tags.iter().map(row).collect();
    Ok(output.table([Left(0); 3], &rows)?)
}

fn change(context: &mut Context, args: &TagArgs, path: &SnapshotPath) -> Result<()> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let source = one_source(args.source.as_ref(), path.source.as_deref()).map_err(Error::msg)?;
    let options = TagOptions {
        source: source.map(<[u8]>::to_vec),
        time: path.time.clone(),
        names: args.names.iter().map(|name| name.as_encoded_bytes().to_vec()).collect(),
        remove: args.remove,
        wait: args.wait,
        zone: settings.zone,
    };
    let bar = Bar::new(&context.output, "opening the repository");
    let tagged = service::tag(&settings.repository, &options, &cancellation)?;
    drop(bar);
    Ok(tagged.iter().try_for_each(|tagged| print_tagged(&mut context.output, tagged, args.remove))?)
}

fn print_tagged(output: &mut Output, tagged: &Tagged, removed: bool) -> Result<(), WriteError> {
    let Tagged { tag, changed } = tagged;
    if output.is_json() {
        let what = if removed { "removed" } else { "added" };
        return output.json(&json::tag(tag, changed.then_some(what)));
    }
    let snapshot = format!("{}{}", printable(&tag.source), tag.snapshot_name);
    let name = name(tag);
    output.message(&match (removed, changed) {
        (true, _) => format!("{snapshot} is no longer @{name}"),
        (false, true) => format!("{snapshot} is @{name}"),
        (false, false) => format!("{snapshot} is already @{name}"),
    })
}

fn name(tag: &TagInfo) -> String {
    printable(tag.name.as_bytes()).into_owned()
}
