//! Writes files and folders of a snapshot to stdout, as an archive.

use anyhow::{Error, Result, bail};
use fs_core::export::{Archive, ExportError, Exported, export, export_nothing};

use super::{Context, Found, find_read};
use crate::args::ExportArgs;
use crate::error::Outcome;
use crate::output::WriteError;
use crate::progress::RestoreProgress;
use crate::snapshot_path;

pub fn run(context: &mut Context, args: &ExportArgs) -> Result<Outcome> {
    if context.output.is_json() {
        bail!("an archive cannot be JSON; leave out --json");
    }
    if context.output.is_terminal() {
        bail!(
            "an archive cannot be shown on a terminal; write it to a file, as in `yester export … > FILE.tar`"
        );
    }
    let path = snapshot_path::with_time(&args.target, args.implied.at.as_ref())?;
    let name = snapshot_path::last_name(&path).map_err(Error::msg)?;
    let zone = context.settings()?.zone;
    let history = context.history()?;
    let Found { node, missing } = find_read(&history, &path, args.implied.source.as_ref())?;
    let cancellation = context.stop_on_signals()?;
    let archive = if args.zip { Archive::Zip(zone) } else { Archive::Tar };
    let monitor = RestoreProgress::new(&context.output, "exporting");
    let out = context.output.writer();
    let exported = match node {
        Some((view, node)) => export(&view, &node, name, archive, out, &monitor, &cancellation),
        None => export_nothing(archive, out).map(|()| Exported::default()),
    };
    drop(monitor);
    match exported {
        Ok(exported) if exported.left_out + missing > 0 => Ok(Outcome::Incomplete),
        Ok(_) => Ok(Outcome::Done),
        Err(ExportError::Write(error)) => Err(WriteError::from(error).into()),
        Err(error) => Err(error.into()),
    }
}
