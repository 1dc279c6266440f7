use anyhow::Result;
use fs_core::service::Stats;
use fs_core::store::PackTotals;
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::Context;
use crate::table::Column::{Left, Right};
use crate::text::{count, size};

pub fn run(context: &mut Context) -> Result<()> {
    let stats = context.history()?.stats()?;
    let stored = stats.data.stored_bytes + stats.metadata.stored_bytes + stats.index_bytes;
    if context.output.is_json() {
        return Ok(context.output.json(&object(&stats, stored))?);
    }
    let packs = |totals: &PackTotals| {
        let PackTotals { packs, stored_bytes, blobs, raw_bytes } = *totals;
        let details = format!("{} of {} in {}", count(blobs, "blob"), size(raw_bytes), count(packs, "pack"));
        (size(stored_bytes), details)
    };
    let (data, data_details) = packs(&stats.data);
    let (metadata, metadata_details) = packs(&stats.metadata);
    let rows: [(&str, String, String); 7] = [
        ("sources", HumanCount(stats.sources).to_string(), String::new()),
        ("snapshots", HumanCount(stats.snapshots).to_string(), String::new()),
        ("files of all snapshots", size(stats.logical_bytes), "each snapshot a full copy".into()),
        ("stored", size(stored), times_less(stats.logical_bytes, stored)),
        ("  content", data, data_details),
        ("  directories", metadata, metadata_details),
        ("  index", size(stats.index_bytes), String::new()),
    ];
    let rows = rows.map(|(name, value, details)| [name.to_owned(), value, details]);
    Ok(context.output.table([Left(0), Right(0), Left(1)], &rows)?)
}

fn object(stats: &Stats, stored: u64) -> Value {
    let packs = |totals: &PackTotals| {
        let PackTotals { packs, stored_bytes, blobs, raw_bytes } = *totals;
        json!({ "packs": packs, "stored_bytes": stored_bytes, "blobs": blobs, "raw_bytes": raw_bytes })
    };
    json!({
        "sources": stats.sources,
        "snapshots": stats.snapshots,
        "logical_bytes": stats.logical_bytes,
        "stored_bytes": stored,
        "data": packs(&stats.data),
        "metadata": packs(&stats.metadata),
        "index_bytes": stats.index_bytes,
    })
}

/// The ratio of the logical size to the stored size.
fn times_less(logical: u64, stored: u64) -> String {
    if stored == 0 || logical <= stored {
        return String::new();
    }
    let tenths = u128::from(logical) * 10 / u128::from(stored);
    format!("{}.{} times less", tenths / 10, tenths % 10)
}
