//! Imports a tree, or the runs of rsnapshot or dirvish.

#[cfg(target_os = "linux")]
pub mod runs;
pub mod tree;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use fs_core::import::ImportOptions;
use fs_core::monitor::Cancellation;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use crate::args::ImportArgs;
use crate::error::{Outcome, Usage};
use crate::output::Output;
use crate::zone;

/// The target and the options of imports, and the output that reports them.
pub struct Import<'a> {
    pub output: &'a mut Output,
    pub repository: &'a Path,
    pub options: ImportOptions,
    pub cancellation: Arc<Cancellation>,
}

impl<'a> Import<'a> {
    /// Imports that signals can stop.
    pub fn new(context: &'a mut Context, repository: &'a Path, options: ImportOptions) -> Result<Self> {
        let cancellation = context.stop_on_signals()?;
        Ok(Self { output: &mut context.output, repository, options, cancellation })
    }
}

pub fn run(context: &mut Context, args: &ImportArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let mut options = tree::options(&args.tree_options, &settings);
    options.one_file_system = args.one_file_system;
    options.wait = args.wait;
    options.heal = args.heal;
    options.fake_super = args.fake_super;
    options.origin = args.origin.as_ref().map(|name| name.as_encoded_bytes().to_vec());
    if let Some(name) = &args.dirvish_timezone {
        options.dirvish_zone = zone::named(name)?;
    }
    let now = context.output.clock().now();
    options.time = args.at.as_deref().map(|time| moment(time, &settings.zone, now)).transpose()?;
    let mut import = Import::new(context, &settings.repository, options)?;
    let tree = match runs::instead(&mut import, args)? {
        ControlFlow::Continue(tree) => tree,
        ControlFlow::Break(outcome) => return Ok(outcome),
    };
    if args.vss { add_frozen(&mut import, &tree) } else { import.add_tree(&tree) }
}

/// Imports from a shadow copy, which is deleted afterwards.
#[cfg(windows)]
fn add_frozen(import: &mut Import<'_>, tree: &Path) -> Result<Outcome> {
    crate::shadow::in_copy(&crate::platform::VolumeShadowCopies, tree, |frozen| {
        import.options.read_from = Some(frozen);
        import.add_tree(tree)
    })
}

#[cfg(not(windows))]
fn add_frozen(_: &mut Import<'_>, _: &Path) -> Result<Outcome> {
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

    use super::Import;
    use crate::args::ImportArgs;
    use crate::error::Outcome;
    use crate::settings::LayoutWord;

    pub fn instead(import: &mut Import<'_>, args: &ImportArgs) -> Result<ControlFlow<Outcome, PathBuf>> {
        let (Some(path), LayoutWord::Auto | LayoutWord::Tree, None) = (&args.path, args.layout, &args.config)
        else {
            bail!(
                "runs of rsnapshot and dirvish are imported only on Linux; name a directory to import it as a tree"
            );
        };
        if args.dry_run {
            return import.show_tree(path).map(ControlFlow::Break);
        }
        Ok(ControlFlow::Continue(path.clone()))
    }
}
