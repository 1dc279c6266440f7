//! Commands that keep history.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::mounting::ViewArgs;
use crate::settings::LayoutWord;
use crate::text;

/// The options of each command that imports a tree.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct TreeArgs {
    /// The source's name, instead of the directory's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Read every file, even one whose inode, size and times prove that it is unchanged
    #[arg(short = 'c', long)]
    pub checksum: bool,
    /// Ignore inode numbers, for a file system that changes them
    #[arg(long)]
    pub ignore_inode: bool,
    /// Import a tree that has become empty, as one does whose file system is not mounted
    #[arg(long)]
    pub allow_empty: bool,
    /// Continue the source's history even if it is that of another tree or machine
    #[arg(long)]
    pub allow_other_tree: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester up . ~/history
  yester up /srv/rsnapshot /backup           each level, also later ones
  yester up /home /backup --every 15m -o allow_other
  yester up /home /backup --log-file /var/log/yester.log")]
pub struct UpArgs {
    /// The directory whose history is kept, or the one where rsnapshot or dirvish keeps it
    #[arg(value_name = "SOURCE")]
    pub tree: PathBuf,
    /// The folder that shows the history; created if it is missing
    pub mountpoint: PathBuf,
    /// The time from one import to the next, such as 15m, 1h or 1d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = text::duration)]
    pub every: Duration,
    /// Leave out other file systems that are mounted in the directory
    #[arg(short = 'x', long)]
    pub one_file_system: bool,
    #[command(flatten)]
    pub tree_options: TreeArgs,
    #[command(flatten)]
    pub view: ViewArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester init
  yester init /srv/backup/yester")]
pub struct InitArgs {
    /// The repository's folder, instead of that of --repo
    pub path: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester import ~/work
  yester import / --source laptop --one-file-system
  yester import /mnt/old-disk/home --source home --at 2019-12-24T18:00      an old copy, at its time
  yester import /backup/rsnapshot              every level that is not imported yet, oldest first
  yester import --config /etc/rsnapshot.conf   the same, but never a level that rsnapshot is writing
  yester import /srv/bank --dry-run            lists dirvish's images, and which are new

Exit status: 3 when some entries or runs could not be read, or were left out although they may hold history. They \
are reported, and the rest is in the snapshots.")]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct ImportArgs {
    /// The directory: a tree, rsnapshot's root, or a bank or vault of dirvish
    #[arg(required_unless_present = "config")]
    pub path: Option<PathBuf>,
    /// How it holds history; detected if not given
    #[arg(long, value_name = "LAYOUT", default_value = "auto", hide_default_value = true)]
    pub layout: LayoutWord,
    /// The rsnapshot.conf that names the directory, its lock and its intervals; read, never executed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The time zone of dirvish's summaries [default: that of the config file, or the machine's]
    #[arg(long, value_name = "ZONE", hide = cfg!(windows))]
    pub dirvish_timezone: Option<String>,
    /// The time of an old copy, such as 2024-06-01T03:15; the default is now
    #[arg(long, visible_alias = "as-of", value_name = "TIME")]
    pub at: Option<String>,
    /// Read a shadow copy of the volume (VSS), which also has files that programs have open; for administrators
    #[arg(long, hide = cfg!(not(windows)))]
    pub vss: bool,
    /// Show what would be imported; import nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Leave out other file systems that are mounted in the directory
    #[arg(short = 'x', long)]
    pub one_file_system: bool,
    #[command(flatten)]
    pub tree_options: TreeArgs,
    /// The directory is a frozen copy of the tree with this name: a snapshot of LVM, btrfs or ZFS
    #[arg(long, value_name = "NAME")]
    pub origin: Option<OsString>,
    /// Wait while another process writes to the repository, or rsync, rsnapshot or dirvish to the tree
    #[arg(long)]
    pub wait: bool,
    /// Read back everything that is stored already, and store again what is damaged
    #[arg(long)]
    pub heal: bool,
    /// Import the owners, modes, ACLs and special files that rsync --fake-super keeps in attributes
    #[arg(long)]
    pub fake_super: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester rsync -- -aHAX --delete web1:/home/ /backup/web1/
  yester rsync --source web1 -- -a --delete --exclude tmp web1:/srv/ /backup/web1/
  yester rsync --destination /backup/web1 -- -a --new-option 2 web1:/srv/ /backup/web1/

The destination is the last argument that is neither an option nor an option's value. An unknown option is refused \
before rsync starts, unless it is written --option=VALUE, or --destination names the folder.

rsync's exit status decides what is added: 0 a complete snapshot, 23 a partial one, 24 one from which files \
vanished, 25 one where deletions were limited; after any other, none.

Exit status: rsync's; when the snapshot cannot be added, that of the failed import.")]
pub struct RsyncArgs {
    #[command(flatten)]
    pub tree_options: TreeArgs,
    /// The folder that rsync writes to, instead of the last argument
    #[arg(long, value_name = "DIR")]
    pub destination: Option<PathBuf>,
    /// The arguments of rsync
    #[arg(last = true, required = true, value_name = "ARGS")]
    pub words: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
In /etc/rsyncd.conf, for a module to which clients push:
  [backup]
  path = /srv/backup
  read only = no
  post-xfer exec = /usr/bin/yester --repo /srv/history hook post-xfer

The source has the module's name. Pulls, listings and dry runs change nothing, so they add no snapshot.

While another rsync writes to the module, or another import to the repository, the hook waits, and reports that on \
stderr. If rsync still writes after --max-wait, the tree is imported as it is, as a partial snapshot. If the \
repository is still locked, the exit status is 75.")]
pub struct HookArgs {
    /// The daemon's event
    pub event: HookEvent,
    #[command(flatten)]
    pub tree_options: TreeArgs,
    /// The longest time to wait for other writers, such as 10m or 1h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = text::duration)]
    pub max_wait: Duration,
    /// Import the owners, modes, ACLs and special files that a module with `fake super` keeps in attributes
    #[arg(long)]
    pub fake_super: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The config file (default: ~/.config/yester/config.toml) has a table for each source:
  [[watch]]
  path = \"/srv/backup/web1\"           a folder that rsync writes to
  [[watch]]
  path = \"/srv/rsnapshot\"
  config = \"/etc/rsnapshot.conf\"

Examples:
  yester watch
  yester watch --config /etc/yester.toml --log-file /var/log/yester.log

docs/watch.md describes all keys. `yester status` shows the status of a running watch.")]
pub struct WatchArgs {
    /// The config file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Append errors and notes to this file [default: stderr, or syslog if stderr is /dev/null]
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// An event of an rsync daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HookEvent {
    /// A transfer has ended
    PostXfer,
}
