//! Commands that copy snapshots between repositories.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap_complete::ArgValueCompleter;
use fs_core::history::SnapshotPath;
use fs_core::history::time::Expression;

use crate::completion;
use crate::snapshot_path::{self, expression};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester copy --to /mnt/usb/history                    every snapshot that is not there yet
  yester copy --from /srv/old --to /srv/history --source web1 --source web2
  yester copy --to /mnt/usb/history @yesterday         the last snapshot of each source by then
  yester copy --to /mnt/usb/history web1@2024-06-01 web1@latest
  yester copy --to /mnt/usb/history --dry-run          what would be copied

Everything is copied that a snapshot keeps: contents, attributes, hard links, times, status, run and tags. A copy \
remembers its original, so no snapshot is copied twice, not even back or through a third repository. A tag that is \
new is added to an earlier copy. An interrupted copy continues when it is run again. The repository with the \
originals is only read.

Exit status: 3 when a snapshot cannot be read in full; it is named and left out, and the others are copied. 75 when \
another process is writing to the repository of --to.")]
pub struct CopyArgs {
    /// The times of the snapshots, or SOURCE@T; without any, all snapshots
    #[arg(value_name = "T", value_parser = OsStringValueParser::new().try_map(|text| time(&text)))]
    #[arg(add = ArgValueCompleter::new(completion::times_alone))]
    pub times: Vec<SnapshotPath>,
    /// The repository that has the snapshots [default: that of --repo]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// The repository that gets copies; make a new one with `yester init DIR`
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Only snapshots of this source; may be given several times
    #[arg(long = "source", value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub sources: Vec<OsString>,
    /// Show what would be copied; copy nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Wait while another process writes to the repository of --to
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester upgrade /srv/history /srv/history-new

OLD is only read. When all is copied, `yester check --read-data` verifies NEW; then it can take the place of OLD. If \
the upgrade is interrupted, the same command continues it. The first import of each tree into NEW reads every file.

Exit status: 3 when a snapshot of OLD cannot be read in full; it is named and left out, and the others are copied.")]
pub struct UpgradeArgs {
    /// The folder of the repository to copy
    pub old: PathBuf,
    /// The folder of the new repository: it must be empty or not exist, or hold an interrupted upgrade of OLD
    pub new: PathBuf,
}

/// A whole snapshot: `T`, `@T` or `SOURCE@T`.
fn time(text: &OsStr) -> Result<SnapshotPath, String> {
    let alone = expression(text);
    if Expression::parse(&alone).is_some() {
        return Ok(SnapshotPath { source: None, time: alone, path: Vec::new() });
    }
    let name = text.to_string_lossy();
    let path = snapshot_path::parse(text)
        .map_err(|_| format!("it is no time; write @latest or {name}@latest, or --source {name}"))?;
    if path.path.is_empty() {
        Ok(path)
    } else {
        Err("whole snapshots are copied: leave out the path".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_named_by_times() {
        for (text, shown) in
            [("@latest", "@latest:"), ("yesterday", "@yesterday:"), ("web1@kept", "web1@kept:")]
        {
            assert_eq!(time(text.as_ref()).map(|path| snapshot_path::shown(&path)).as_deref(), Ok(shown));
        }
        assert!(time("web1".as_ref()).unwrap_err().contains("--source web1"));
        assert!(time("@latest:etc".as_ref()).unwrap_err().contains("the path"));
    }
}
