use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use fs_core::format::Status;
use fs_core::monitor::Cancellation;
use fs_core::service::{ImportOptions, Imported, check_other_tree, import_tree, source_name};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

#[cfg(target_os = "linux")]
use super::runs;
use super::{Context, snapshots, stop_on_signals};
use crate::args::{ImportArgs, TreeArgs};
use crate::error::{Outcome, Usage};
use crate::output::{Output, WriteError};
use crate::progress::Reporter;
use crate::settings::Settings;
use crate::stderr;
use crate::text::{count, for_json, printable, size};
use crate::zone;

pub fn run(context: &mut Context, args: &ImportArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = stop_on_signals()?;
    let mut options = options(&args.tree_options, &settings);
    options.one_file_system = args.one_file_system;
    options.wait = args.wait;
    options.heal = args.heal;
    options.fake_super = args.fake_super;
    options.origin = args.origin.as_ref().map(|name| name.as_encoded_bytes().to_vec());
    if let Some(name) = &args.dirvish_timezone {
        options.dirvish_zone = zone::named(name)?;
    }
    options.time = args.at.as_deref().map(|time| moment(time, &settings.zone)).transpose()?;
    let tree = match runs::instead(&mut context.output, &settings, args, &options, &cancellation)? {
        ControlFlow::Continue(tree) => tree,
        ControlFlow::Break(outcome) => return Ok(outcome),
    };
    let output = &mut context.output;
    let added = if args.vss {
        add_frozen(output, &settings, &tree, &options, &cancellation)
    } else {
        add(output, &settings, &tree, &options, &cancellation)
    };
    match added? {
        Some(status) if status != Status::Complete => Ok(Outcome::Incomplete),
        _ => Ok(Outcome::Done),
    }
}

/// Imports from a shadow copy, which is deleted afterwards.
#[cfg(windows)]
fn add_frozen(
    output: &mut Output,
    settings: &Settings,
    tree: &Path,
    options: &ImportOptions,
    cancellation: &Cancellation,
) -> Result<Option<Status>> {
    crate::shadow::in_copy(&crate::platform::VolumeShadowCopies, tree, |frozen| {
        let options = ImportOptions { read_from: Some(frozen), ..options.clone() };
        add(output, settings, tree, &options, cancellation)
    })
}

#[cfg(not(windows))]
fn add_frozen(
    _: &mut Output,
    _: &Settings,
    _: &Path,
    _: &ImportOptions,
    _: &Cancellation,
) -> Result<Option<Status>> {
    anyhow::bail!(
        "shadow copies exist only on Windows; import a snapshot of the file system (LVM, btrfs, ZFS) instead"
    )
}

/// A time in the past. Without an offset, it is a time of the zone.
fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Usage> {
    let clock = || zone.to_timestamp(text.parse().ok()?).ok();
    let moment = text.parse().ok().or_else(clock);
    match moment.filter(|moment| *moment <= Timestamp::now()) {
        Some(moment) => Ok(moment),
        None if moment.is_some() => Err(Usage(format!("{text} is in the future"))),
        None => {
            Err(Usage(format!("{text} is not a time; write it as 2024-06-01T03:15 or 2024-06-01T03:15:00Z")))
        }
    }
}

/// On this platform every import is of a tree.
#[cfg(not(target_os = "linux"))]
mod runs {
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use anyhow::{Result, bail};
    use fs_core::monitor::Cancellation;
    use fs_core::service::ImportOptions;

    use super::show_tree;
    use crate::args::ImportArgs;
    use crate::error::Outcome;
    use crate::output::Output;
    use crate::settings::{LayoutWord, Settings};

    pub fn instead(
        output: &mut Output,
        settings: &Settings,
        args: &ImportArgs,
        options: &ImportOptions,
        _: &Cancellation,
    ) -> Result<ControlFlow<Outcome, PathBuf>> {
        let (Some(path), LayoutWord::Auto | LayoutWord::Tree, None) = (&args.path, args.layout, &args.config)
        else {
            bail!(
                "runs of rsnapshot and dirvish are imported only on Linux; name a directory to import it as a tree"
            );
        };
        if args.dry_run {
            return show_tree(output, settings, path, options).map(ControlFlow::Break);
        }
        Ok(ControlFlow::Continue(path.clone()))
    }
}

/// Shows what an import of the tree at `path` would do.
pub fn show_tree(
    output: &mut Output,
    settings: &Settings,
    path: &Path,
    options: &ImportOptions,
) -> Result<Outcome> {
    let source = source_name(path, options)?;
    check_other_tree(&settings.repository, path, options)?;
    if output.is_json() {
        let (source, _) = for_json(&source);
        output.json(&json!({ "layout": "tree", "path": path.to_string_lossy(), "source": source }))?;
    } else {
        output.line(&format!("{} as a tree of the source {}", path.display(), printable(&source)))?;
    }
    Ok(Outcome::Done)
}

/// The import options that the arguments set.
pub fn options(args: &TreeArgs, settings: &Settings) -> ImportOptions {
    ImportOptions {
        source: args.source.as_ref().map(|name| name.as_encoded_bytes().to_vec()),
        checksum: args.checksum,
        ignore_inode: args.ignore_inode,
        allow_empty: args.allow_empty,
        allow_other_tree: args.allow_other_tree,
        zone: settings.zone.clone(),
        dirvish_zone: settings.dirvish_zone.clone(),
        ..ImportOptions::default()
    }
}

/// Imports, and reports the snapshot. `None` if nothing had changed, so that no snapshot was needed.
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
    tell(output, &imported, None, started.elapsed())?;
    Ok(Some(imported.snapshot.manifest.status))
}

/// An import in JSON.
#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    snapshot: snapshots::Described,
    /// The level or image that was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Number of files read. The next field counts the unchanged files.
    files_read: u64,
    files_unchanged: u64,
    new_blobs: u64,
    new_bytes: u64,
    stored_bytes: u64,
    seconds: f64,
}

/// Reports a snapshot. `run` is the level or image that it holds.
pub fn tell(
    output: &mut Output,
    imported: &Imported,
    run: Option<&str>,
    took: Duration,
) -> Result<(), WriteError> {
    let Imported { snapshot, statistics, progress, is_unproven } = imported;
    let totals = &snapshot.manifest.totals;
    if output.is_json() {
        output.json(&Described {
            snapshot: snapshots::Described::from(snapshot),
            run: run.map(str::to_owned),
            files_read: progress.files_read,
            files_unchanged: progress.unchanged,
            new_blobs: statistics.new_blobs,
            new_bytes: statistics.new_bytes,
            stored_bytes: statistics.stored_bytes,
            seconds: Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)).as_secs_f64(),
        })?;
    }
    output.tell(&format!(
        "{} of {}: {}{}, {}; {}added {} in {:.1} s",
        snapshot.name,
        printable(&snapshot.manifest.source),
        run.map(|run| format!("{run}, ")).unwrap_or_default(),
        count(totals.files, "file"),
        size(totals.bytes),
        if *is_unproven { "all files were read, because their earlier inodes are unknown; " } else { "" },
        size(statistics.stored_bytes),
        took.as_secs_f64()
    ))?;
    output.flush()?;
    match totals.troubled {
        0 => {}
        1 => stderr::warn("1 entry could not be read in full, or changed meanwhile; it is named above"),
        count => {
            stderr::warn(&format!(
                "{count} entries could not be read in full, or changed meanwhile; they are named above"
            ));
        }
    }
    Ok(())
}
