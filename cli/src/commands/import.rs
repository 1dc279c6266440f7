use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use fs_core::format::Status;
use fs_core::monitor::Cancellation;
use fs_core::service::{ImportOptions, Imported, import_tree};
use serde::Serialize;

use super::{Context, snapshots};
use crate::args::ImportArgs;
use crate::error::{Outcome, abandon};
use crate::output::{Output, WriteError};
use crate::progress::Reporter;
use crate::settings::Settings;
use crate::text::{count, printable, size};
use crate::{platform, stderr};

pub fn run(context: &mut Context, args: &ImportArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = Arc::new(Cancellation::default());
    let asked = Arc::clone(&cancellation);
    platform::on_stop(move |count| {
        asked.cancel();
        if count > 1 {
            abandon();
        }
    })?;
    let options = options(args.source.as_ref(), args.one_file_system, &settings);
    match add(&mut context.output, &settings, &args.path, &options, &cancellation)? {
        Some(status) if status != Status::Complete => Ok(Outcome::Incomplete),
        _ => Ok(Outcome::Done),
    }
}

pub fn options(source: Option<&OsString>, one_file_system: bool, settings: &Settings) -> ImportOptions {
    ImportOptions {
        source: source.map(|name| name.as_encoded_bytes().to_vec()),
        one_file_system,
        only_if_changed: false,
        zone: settings.zone.clone(),
    }
}

/// Imports and tells about it. `None` when nothing had changed and so nothing was to be added.
pub fn add(
    output: &mut Output,
    settings: &Settings,
    tree: &Path,
    options: &ImportOptions,
    cancellation: &Cancellation,
) -> Result<Option<Status>> {
    let started = Instant::now();
    let reporter = Reporter::new(output);
    let imported = import_tree(&settings.repository, tree, options, &reporter, cancellation)?;
    drop(reporter);
    let Some(imported) = imported else { return Ok(None) };
    tell(output, &imported, started.elapsed())?;
    Ok(Some(imported.snapshot.manifest.status))
}

/// An import in JSON.
#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    snapshot: snapshots::Described,
    new_blobs: u64,
    new_bytes: u64,
    stored_bytes: u64,
    seconds: f64,
}

fn tell(output: &mut Output, imported: &Imported, took: Duration) -> Result<(), WriteError> {
    let Imported { snapshot, statistics, .. } = imported;
    let totals = &snapshot.manifest.totals;
    if output.is_json() {
        output.json(&Described {
            snapshot: snapshots::Described::from(snapshot),
            new_blobs: statistics.new_blobs,
            new_bytes: statistics.new_bytes,
            stored_bytes: statistics.stored_bytes,
            seconds: Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)).as_secs_f64(),
        })?;
    }
    output.tell(&format!(
        "{} of {}: {}, {}; added {} in {:.1} s",
        snapshot.name,
        printable(&snapshot.manifest.source),
        count(totals.files, "file"),
        size(totals.bytes),
        size(statistics.stored_bytes),
        took.as_secs_f64()
    ))?;
    output.flush()?;
    match totals.troubled {
        0 => {}
        1 => stderr::complain("1 entry is not in the snapshot as it should be; it is named above"),
        count => {
            stderr::complain(&format!(
                "{count} entries are not in the snapshot as they should be; they are named above"
            ));
        }
    }
    Ok(())
}
