//! The command that tags snapshots.

use std::ffi::{OsStr, OsString};

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
  yester tag @latest before-upgrade            names the last snapshot
  yester ls @before-upgrade:etc                the name is a time, here and in mounts
  yester tag web1@2024-06-01 audited 2024-q2
  yester tag --remove @before-upgrade before-upgrade
  yester tag                                   lists all names: name, source, snapshot

Several snapshots may have one name: @NAME means the last of them. A time expression cannot be a name. A name has \
1 to 100 bytes, no blanks and none of / @ : ~ < > \" \\ | ? *

Exit status: 75 when another process is writing to the repository.")]
pub struct TagArgs {
    /// The time of the snapshot; without it, names are listed
    #[arg(value_name = "T", value_parser = OsStringValueParser::new().try_map(|text| time(&text)))]
    #[arg(requires = "names", add = ArgValueCompleter::new(completion::times_alone))]
    pub time: Option<SnapshotPath>,
    /// The names to give or remove
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(completion::tags))]
    pub names: Vec<OsString>,
    /// Remove the names
    #[arg(short = 'd', long, visible_alias = "delete", requires = "time")]
    pub remove: bool,
    /// Wait while another process writes to the repository
    #[arg(long, requires = "time")]
    pub wait: bool,
    /// The source, if there are several
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub source: Option<OsString>,
}

/// A whole snapshot.
fn time(text: &OsStr) -> Result<SnapshotPath, String> {
    let alone = expression(text);
    if Expression::parse(&alone).is_some() {
        return Ok(SnapshotPath { source: None, time: alone, path: Vec::new() });
    }
    let path = snapshot_path::parse(text).map_err(|_| {
        let name = text.to_string_lossy();
        format!(
            "the time of the snapshot comes first: yester tag @latest {name}, or SOURCE@2024-06-01 {name}"
        )
    })?;
    if path.path.is_empty() {
        Ok(path)
    } else {
        Err("a tag names a whole snapshot, not a path: leave out the path".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_a_time_with_or_without_its_sign() {
        for (text, shown) in
            [("@latest", "@latest:"), ("yesterday", "@yesterday:"), ("web1@2024-06-01", "web1@2024-06-01:")]
        {
            assert_eq!(time(text.as_ref()).map(|path| snapshot_path::shown(&path)).as_deref(), Ok(shown));
        }
        let error = time("before-upgrade".as_ref()).unwrap_err();
        assert!(error.contains("yester tag @latest before-upgrade"), "{error}");
        assert!(time("@latest:etc".as_ref()).unwrap_err().contains("a path"));
    }
}
