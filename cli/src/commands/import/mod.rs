//! Imports a tree, or the runs of rsnapshot or dirvish.

#[cfg(target_os = "linux")]
pub mod runs;
pub mod tree;

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use fs_core::format::Status;
use fs_core::import::ImportOptions;
use fs_core::monitor::Cancellation;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use crate::args::ImportArgs;
use crate::error::{Outcome, Usage};
use crate::output::Output;
use crate::settings::Settings;
use crate::zone;

pub fn run(context: &mut Context, args: &ImportArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let mut options = tree::options(&args.tree_options, &settings);
    options.one_file_system = args.one_file_system;
    options.wait = args.wait;
    options.heal = args.heal;
    options.fake_super = args.fake_super;
    options.origin = args.origin.as_ref().map(|name| name.as_encoded_bytes().to_vec());
    if let Some(name) = &args.dirvish_timezone {
        options.dirvish_zone = zone::named(name)?;
    }
    options.time = args
        .at
        .as_deref()
        .map(|time| moment(time, &settings.zone, context.output.clock().now()))
        .transpose()?;
    let tree = match runs::instead(&mut context.output, &settings, args, &options, &cancellation)? {
        ControlFlow::Continue(tree) => tree,
        ControlFlow::Break(outcome) => return Ok(outcome),
    };
    let output = &mut context.output;
    let added = if args.vss {
        add_frozen(output, &settings, &tree, &options, &cancellation)
    } else {
        tree::add(output, &settings, &tree, &options, &cancellation)
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
        tree::add(output, settings, tree, &options, cancellation)
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
fn moment(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, Usage> {
    let clock = || zone.to_timestamp(text.parse().ok()?).ok();
    let moment = text.parse().ok().or_else(clock);
    match moment.filter(|moment| *moment <= now) {
        Some(moment) => Ok(moment),
        None if moment.is_some() => Err(Usage(format!("{text} is in the future"))),
        None => {
            Err(Usage(format!("{text} is not a time; write it as 2024-06-01T03:15 or 2024-06-01T03:15:00Z")))
        }
    }
}

/// On other platforms every import is of a tree.
#[cfg(not(target_os = "linux"))]
mod runs {
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use anyhow::{Result, bail};
    use fs_core::import::ImportOptions;
    use fs_core::monitor::Cancellation;

    use super::tree::show_tree;
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
