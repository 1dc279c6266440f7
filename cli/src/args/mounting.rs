//! Commands that mount.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use crate::mount_options;

#[cfg(not(windows))]
const MOUNT_EXAMPLES: &str = "\
Examples:
  yester mount ~/history
  yester mount /backup --source web1 --timezone Europe/Berlin -o allow_other --daemon
  yester mount /backup --daemon --log-file /var/log/yester.log

In /etc/fstab, with a link /sbin/mount.yester to yester:
  /srv/repository  /backup  yester  source=web1,allow_other,nofail  0  0

Options of -o: source=NAME, timezone=ZONE, cache-size=SIZE, with-versions, allow_other (all users, as far as modes \
allow), allow-open-parents, inode32 (inode numbers of 32 bits), noexec, nosuid, nodev, noatime";
#[cfg(windows)]
const MOUNT_EXAMPLES: &str = "\
Examples:
  yester mount Z:
  yester mount C:\\history --source web1 --timezone Europe/Berlin
  yester mount Z: --log-file C:\\history.log

WinFsp must be installed: https://winfsp.dev";

/// The options of each command that mounts.
#[derive(Debug, Default, Args)]
pub struct ViewArgs {
    /// Mount options, separated by commas, such as allow_other
    #[arg(short, long, value_name = "OPTIONS")]
    pub options: Vec<OsString>,
    /// Memory for caches, such as 64M or 1G [default: 128M]
    #[arg(long, value_name = "SIZE", value_parser = mount_options::size)]
    pub cache_size: Option<usize>,
    /// With allow_other: ignore directories above a source that kept users out of it when it was imported
    #[arg(long)]
    pub allow_open_parents: bool,
    /// Append errors and notes to this file [default: stderr, or syslog if stderr is /dev/null]
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(windows, arg(help = "Append errors and notes to this file, instead of stderr"))]
    pub log_file: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
#[command(after_help = MOUNT_EXAMPLES)]
pub struct MountArgs {
    /// An empty directory
    #[cfg_attr(windows, arg(help = "A drive such as Z:, or a folder that does not exist yet"))]
    pub mountpoint: PathBuf,
    /// Show only this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    #[command(flatten)]
    pub view: ViewArgs,
    /// List the versions of each file beside it, as file;1, file;2; unlisted ones can be opened by name
    #[arg(long)]
    pub with_versions: bool,
    /// Continue in the background once it is mounted
    #[arg(long, hide = cfg!(windows))]
    pub daemon: bool,
    /// This is the process in the background. It reports to its parent when the mount is ready.
    #[arg(long, hide = true, conflicts_with = "daemon")]
    pub daemon_child: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester unmount ~/history
  yester unmount --lazy ~/history")]
pub struct UnmountArgs {
    /// The mount point
    pub mountpoint: PathBuf,
    /// Unmount even if files are open: the mount disappears at once
    #[arg(long)]
    pub lazy: bool,
}

/// The command line that mount(8) uses for a line of `/etc/fstab` whose type is `yester`.
#[derive(Debug, Parser)]
#[command(name = "mount.yester", version, about = "Mounts a repository of yester, for mount(8)")]
pub(super) struct Helper {
    /// The repository's folder
    pub repository: PathBuf,
    /// An empty directory
    pub mountpoint: PathBuf,
    /// Mount options, separated by commas, such as source=web1,allow_other
    #[arg(short)]
    pub options: Vec<OsString>,
    /// Ignored: the type
    #[arg(short = 't', value_name = "TYPE")]
    kind: Option<String>,
    /// Ignored: tolerate unknown options
    #[arg(short)]
    sloppy: bool,
    /// Ignored: do not write /etc/mtab
    #[arg(short)]
    no_mtab: bool,
    /// Print more
    #[arg(short, action = ArgAction::Count)]
    pub verbose: u8,
}
