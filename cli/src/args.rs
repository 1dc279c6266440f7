//! The command line, as clap understands it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand};

mod care;
mod copying;
mod history;
mod keeping;
mod mounting;
mod shell;
mod tags;

pub use care::{CheckArgs, RepairArgs};
pub use copying::{CopyArgs, UpgradeArgs};
pub use history::{
    CatArgs, DiffArgs, ExportArgs, FindArgs, LogArgs, LsArgs, RestoreArgs, SnapshotsArgs, TimelineArgs,
};
#[cfg(target_os = "linux")]
pub use keeping::HookEvent;
pub use keeping::{HookArgs, ImportArgs, InitArgs, RsyncArgs, TreeArgs, UpArgs, WatchArgs};
pub use mounting::{MountArgs, UnmountArgs, ViewArgs};
pub use shell::{CompletionsArgs, ManArgs};
pub use tags::TagArgs;

use mounting::Helper;

#[cfg(not(windows))]
const EXAMPLES: &str = "\
Examples:
  yester up ~/work ~/history         keeps the history of ~/work, and shows it in ~/history
  ls ~/history/@yesterday            the files of yesterday
  yester cat @2d:notes.txt           the notes of two days ago, without a mount";
#[cfg(windows)]
const EXAMPLES: &str = "\
Examples:
  yester init
  yester import C:\\Users\\joe\\work      adds a snapshot of it
  yester mount Z:                    the history as a drive: Z:\\@yesterday
  yester cat @2d:notes.txt           the notes of two days ago";

/// Keeps every version of your files and shows them as ordinary read-only folders
#[derive(Debug, Parser)]
#[command(name = "yester", version, propagate_version = false, arg_required_else_help = true)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The repository's folder [default: YESTER_REPO, that of the config file, or one in your home]
    #[arg(short, long, global = true, value_name = "DIR")]
    pub repo: Option<PathBuf>,
    /// The time zone of names, such as Europe/Berlin [default: that of the config file, or the machine's]
    #[arg(long, global = true, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Print one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Print only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more; if given twice, everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep the history of a directory and show it: init, mount, then import every hour
    #[cfg_attr(windows, command(hide = true))]
    Up(UpArgs),
    /// Create a repository
    Init(InitArgs),
    /// Add a snapshot of a directory, or of each run that rsnapshot or dirvish keeps in it
    Import(ImportArgs),
    /// Run rsync, and add a snapshot of the folder that it wrote to
    #[cfg_attr(windows, command(hide = true))]
    Rsync(RsyncArgs),
    /// Add a snapshot after a transfer of an rsync daemon
    #[cfg_attr(windows, command(hide = true))]
    Hook(HookArgs),
    /// Import each run when it completes, for the sources in the config file
    #[cfg_attr(windows, command(hide = true))]
    Watch(WatchArgs),
    /// Show the status of `yester watch`
    #[cfg_attr(windows, command(hide = true))]
    #[command(after_help = "\
Examples:
  yester status             one line per source: its activity, and its last snapshot
  yester --json status      the same, with all fields, for a monitor

Exit status: 3 when a source is failing, or no watch is running.")]
    Status,
    /// Show the history as folders, until Ctrl-C or `yester unmount`
    #[cfg_attr(windows, command(about = "Show the history as a drive, until Ctrl-C"))]
    Mount(MountArgs),
    /// Unmount the history
    #[cfg_attr(windows, command(hide = true))]
    Unmount(UnmountArgs),
    /// List the snapshots
    Snapshots(SnapshotsArgs),
    /// Name snapshots, remove names, or list them
    Tag(TagArgs),
    /// List a directory of a snapshot, the snapshots of a source, or the sources
    Ls(LsArgs),
    /// Print files of a snapshot
    Cat(CatArgs),
    /// Show the differences between two times
    Diff(DiffArgs),
    /// Write a file or folder of a snapshot to stdout, as a tar or zip archive
    Export(ExportArgs),
    /// Show the versions of a file: when each existed, and what changed
    Log(LogArgs),
    /// Find files by name in all snapshots, including deleted ones
    Find(FindArgs),
    /// Restore files and folders of a snapshot to disk
    Restore(RestoreArgs),
    /// Show how much is stored, and the space it uses
    #[command(after_help = "\
Examples:
  yester stats              snapshots, files and bytes; packs, blobs and the index
  yester --json stats       the same, as one object")]
    Stats,
    /// Show a calendar of the days that have snapshots, and how much changed
    Timeline(TimelineArgs),
    /// Check the repository for damage
    Check(CheckArgs),
    /// Rebuild the index from the packs
    #[command(after_help = "\
Examples:
  yester rebuild-index               also forgets snapshots whose manifests are missing

This is rarely needed, because any command that meets a damaged index rebuilds it. The index only records where \
things are, so nothing is lost with it. Mounts continue meanwhile.

Exit status: 4 when packs are damaged and therefore absent from the new index.")]
    RebuildIndex,
    /// Repair a damaged repository, and list what is lost
    Repair(RepairArgs),
    /// Copy snapshots to another repository
    Copy(CopyArgs),
    /// Make a new repository, and copy everything of an old one to it
    Upgrade(UpgradeArgs),
    /// Print a script that lets a shell complete commands, options, times and paths
    Completions(CompletionsArgs),
    /// Print the manual, or write its pages
    Man(ManArgs),
}

/// Parses the command line, also that of `mount.yester`.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let words: Vec<OsString> = words.collect();
    let called = words.first().and_then(|word| Path::new(word).file_name());
    if called != Some(OsStr::new("mount.yester")) {
        return Arguments::try_parse_from(words);
    }
    let Helper { repository, mountpoint, options, verbose, .. } = Helper::try_parse_from(words)?;
    let global = Global { repo: Some(repository), timezone: None, json: false, quiet: false, verbose };
    let command = MountArgs {
        mountpoint,
        view: ViewArgs { options, ..ViewArgs::default() },
        daemon: true,
        ..MountArgs::default()
    };
    Ok(Arguments { global, command: Command::Mount(command) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(words: &[&str]) -> Result<Arguments, clap::Error> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn the_definition_holds() {
        Arguments::command().debug_assert();
        Helper::command().debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere() {
        for words in
            [["yester", "-r", "/r", "--json", "stats"], ["yester", "stats", "--repo", "/r", "--json"]]
        {
            let arguments = parsed(&words).unwrap();
            assert_eq!(arguments.global.repo.as_deref(), Some(Path::new("/r")));
            assert!(arguments.global.json);
        }
    }

    #[test]
    fn mount_asks_for_a_daemon() {
        let words = ["/sbin/mount.yester", "/repo", "/mnt", "-s", "-n", "-o", "rw,source=web1"];
        let arguments = parsed(&words).unwrap();
        assert_eq!(arguments.global.repo.as_deref(), Some(Path::new("/repo")));
        match arguments.command {
            Command::Mount(mount) => {
                assert!(mount.daemon);
                assert_eq!(mount.mountpoint, Path::new("/mnt"));
                assert_eq!(mount.view.options, ["rw,source=web1"]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_is_read_in_part_or_whole() {
        let of = |words: &[&str]| match parsed(words).unwrap().command {
            Command::Check(check) => check.read_data,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(&["yester", "check"]), None);
        assert_eq!(of(&["yester", "check", "--read-data"]), Some(100));
        assert_eq!(of(&["yester", "check", "--read-data=5%"]), Some(5));
        assert_eq!(of(&["yester", "check", "--read-data=25"]), Some(25));
        for wrong in ["0%", "101%", "-1%", "all", ""] {
            assert!(parsed(&["yester", "check", &format!("--read-data={wrong}")]).is_err(), "{wrong}");
        }
    }
}
