//! Commands that keep history.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::mount_options;
use crate::text;

/// What proves a file unchanged.
#[derive(Debug, Clone, Copy, Args)]
pub struct UnchangedArgs {
    /// Read every file, even one whose inode, size and times prove that it is unchanged
    #[arg(short = 'c', long)]
    pub checksum: bool,
    /// Ignore inode numbers, for a file system that changes them
    #[arg(long)]
    pub ignore_inode: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester up . ~/history
  yester up /srv/rsnapshot /backup           each level, and those that come
  yester up /home /backup --every 15m -o allow_other
  yester up /home /backup --log-file /var/log/yester.log")]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct UpArgs {
    /// The directory whose history is kept, or the one where rsnapshot or dirvish keeps it
    #[arg(value_name = "SOURCE")]
    pub tree: PathBuf,
    /// Where it is shown; created if it is missing
    pub mountpoint: PathBuf,
    /// The source's name, instead of the directory's
    #[arg(long = "source", value_name = "NAME")]
    pub source: Option<OsString>,
    /// The time from one import to the next, such as 15m, 1h or 1d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = text::duration)]
    pub every: Duration,
    /// Leave out what other file systems hold
    #[arg(short = 'x', long)]
    pub one_file_system: bool,
    #[command(flatten)]
    pub unchanged: UnchangedArgs,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
    /// Continue the source's history even if it is that of another tree or machine
    #[arg(long)]
    pub allow_other_tree: bool,
    /// Memory for what was read last, such as 64M or 1G [default: 128M]
    #[arg(long, value_name = "SIZE", value_parser = mount_options::size)]
    pub cache_size: Option<usize>,
    /// With allow_other: ignore directories above the source that keep users out of it
    #[arg(long)]
    pub allow_open_parents: bool,
    /// Mount options, separated by commas, such as allow_other
    #[arg(short, long, value_name = "OPTIONS")]
    pub options: Vec<OsString>,
    /// Append errors and notes to this file; else they go to stderr or, if that is /dev/null, to syslog
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester init
  yester init /srv/backup/yester")]
pub struct InitArgs {
    /// Where; else as --repo says
    pub path: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester import ~/work
  yester import / --source laptop --one-file-system
  yester import /mnt/old-disk/home --source home --at 2019-12-24T18:00      an old copy, at its time
  yester import /backup/rsnapshot              every level that is not imported yet, oldest first
  yester import --config /etc/rsnapshot.conf   the same, and while rsnapshot runs not what it works on
  yester import /srv/bank --dry-run            what dirvish has there, and what of it is new

Exit status: 3 when some entries or runs could not be read, or were left out although they may hold history. They are
reported, and the rest is in the snapshots.")]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct ImportArgs {
    /// The directory: a tree, rsnapshot's root, or a bank or vault of dirvish
    #[arg(required_unless_present = "config")]
    pub path: Option<PathBuf>,
    /// How it holds history; detected if not given
    #[arg(long, value_name = "LAYOUT", default_value = "auto", hide_default_value = true)]
    pub layout: LayoutArg,
    /// The rsnapshot.conf that names the directory, its lock and its intervals; read, never executed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The zone of the times in dirvish's summaries, such as Europe/Berlin; else the config file's or the machine's
    #[arg(long, value_name = "ZONE", hide = cfg!(windows))]
    pub dirvish_timezone: Option<String>,
    /// The time of an old copy, such as 2024-06-01T03:15; the default is now
    #[arg(long, visible_alias = "as-of", value_name = "TIME")]
    pub at: Option<String>,
    /// Read a shadow copy of the volume (VSS), where files that programs have open can be read; for administrators
    #[arg(long, hide = cfg!(not(windows)))]
    pub vss: bool,
    /// Say what would be imported, and import nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// The source's name, instead of the directory's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Leave out what other file systems hold
    #[arg(short = 'x', long)]
    pub one_file_system: bool,
    #[command(flatten)]
    pub unchanged: UnchangedArgs,
    /// The directory is a frozen copy of the tree with this name: a snapshot of LVM, btrfs or ZFS
    #[arg(long, value_name = "NAME")]
    pub origin: Option<OsString>,
    /// While another process writes to the repository, or rsync, rsnapshot or dirvish to the tree, wait for it
    #[arg(long)]
    pub wait: bool,
    /// Read back all that is stored already, and store again what is damaged
    #[arg(long)]
    pub heal: bool,
    /// Import the owners, modes, ACLs and special files that rsync --fake-super keeps in attributes
    #[arg(long)]
    pub fake_super: bool,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
    /// Continue the source's history even if it is that of another tree or machine
    #[arg(long)]
    pub allow_other_tree: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester rsync -- -aHAX --delete web1:/home/ /backup/web1/
  yester rsync --source web1 -- -a --delete --exclude tmp web1:/srv/ /backup/web1/
  yester rsync --destination /backup/web1 -- -a --new-option 2 web1:/srv/ /backup/web1/

The destination is the last argument that is neither an option nor an option's value. An unknown option is refused before \
rsync starts, unless it is written --option=VALUE, or --destination names the folder.

rsync's exit status decides what is added: 0 a complete snapshot, 23 a partial one, 24 one from which files vanished, 25 one
where deletions were limited; after any other, none.

Exit status: rsync's; when the snapshot cannot be added, that of the failed import.")]
pub struct RsyncArgs {
    /// The source's name, instead of the destination folder's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    #[command(flatten)]
    pub unchanged: UnchangedArgs,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
    /// The folder that rsync writes to, instead of the last argument
    #[arg(long, value_name = "DIR")]
    pub destination: Option<PathBuf>,
    /// Continue the source's history even if it is that of another tree or machine
    #[arg(long)]
    pub allow_other_tree: bool,
    /// What rsync is to be called with
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

The module is the source. Pulls, listings and dry runs change nothing, and so add nothing.

While another rsync writes to the module, or another import to the repository, the hook waits, and says so on stderr. If rsync \
still writes after --max-wait, the tree is imported as it is, as a partial snapshot. If the repository is still locked, the exit \
status is 75.")]
pub struct HookArgs {
    /// What has happened
    pub event: HookEvent,
    /// The source's name, instead of the module's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    #[command(flatten)]
    pub unchanged: UnchangedArgs,
    /// The longest time to wait for other writers, such as 10m or 1h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = text::duration)]
    pub max_wait: Duration,
    /// Import the owners, modes, ACLs and special files that a module with `fake super` keeps in attributes
    #[arg(long)]
    pub fake_super: bool,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
    /// Continue the source's history even if it is that of another tree or machine
    #[arg(long)]
    pub allow_other_tree: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
In the config file, ~/.config/yester/config.toml if no other is named, a table for each source:
  [[watch]]
  path = \"/srv/backup/web1\"           a folder that rsync writes to
  [[watch]]
  path = \"/srv/rsnapshot\"
  config = \"/etc/rsnapshot.conf\"

Examples:
  yester watch
  yester watch --config /etc/yester.toml --log-file /var/log/yester.log

docs/watch.md tells all that can be said there. `yester status` tells what goes on.")]
pub struct WatchArgs {
    /// The config file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Append errors and notes to this file; else they go to stderr or, if that is /dev/null, to syslog
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// What an rsync daemon tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HookEvent {
    /// A transfer has ended
    PostXfer,
}

/// How a directory holds history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutArg {
    /// Detected
    Auto,
    /// A plain tree
    Tree,
    /// Levels such as daily.0
    Rsnapshot,
    /// A vault of images, or a bank of vaults
    Dirvish,
}
