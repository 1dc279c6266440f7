//! The command line, as clap understands it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::mount_options;
use crate::place::{Place, Target};
use crate::text;

/// Keeps every version of your files and shows them as ordinary read-only folders
#[derive(Debug, Parser)]
#[command(name = "yester", version, propagate_version = false, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  yester up ~/work ~/history         keep the history of ~/work, shown in ~/history
  ls ~/history/@yesterday            look into it
  yester cat @2d:notes.txt           the notes of two days ago, without a mount")]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The repository; else YESTER_REPO, the config file's, or the one in the data folder of your home
    #[arg(short, long, global = true, value_name = "DIR")]
    pub repo: Option<PathBuf>,
    /// The zone of the times in names, such as Europe/Berlin; else the config file's or the machine's
    #[arg(long, global = true, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep the history of a directory and show it: init, mount, import, and again every hour
    Up(UpArgs),
    /// Make a repository
    Init(InitArgs),
    /// Add a snapshot of a directory, or of each run that rsnapshot or dirvish keeps in it
    Import(ImportArgs),
    /// Run rsync, and add a snapshot of what it has written
    Rsync(RsyncArgs),
    /// Add a snapshot when an rsync daemon says that a transfer has ended
    Hook(HookArgs),
    /// Import every run as it completes, of the sources that the config file names
    Watch(WatchArgs),
    /// Tell what `yester watch` does
    Status,
    /// Show the history as folders, until Ctrl-C or `yester unmount`
    Mount(MountArgs),
    /// Take a mount away
    Unmount(UnmountArgs),
    /// List the snapshots
    Snapshots(SnapshotsArgs),
    /// List a directory of a snapshot, the snapshots of a source, or the sources
    Ls(LsArgs),
    /// Print files of a snapshot
    Cat(CatArgs),
    /// Tell what differs between two times
    Diff(DiffArgs),
    /// Write a file or folder of a snapshot to stdout, as a tar or zip archive
    Export(ExportArgs),
    /// Tell the versions of a file: when each was there, and what changed
    Log(LogArgs),
    /// Find files by name in all snapshots, deleted ones too
    Find(FindArgs),
    /// Take files and folders of a snapshot back to disk
    Restore(RestoreArgs),
    /// Tell how much is kept, and what it takes
    Stats,
    /// Show the days that have snapshots, and how much changed, as a calendar
    Timeline(TimelineArgs),
    /// Look for damage
    Check(CheckArgs),
    /// Make the index again from the packs
    RebuildIndex(RebuildIndexArgs),
    /// Put a damaged repository right, and name what is lost
    Repair(RepairArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester up . ~/history
  yester up /srv/rsnapshot /backup           each level, and those that come
  yester up /home /backup --every 15m -o allow_other")]
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
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
    /// Memory for what was read last, such as 64M or 1G [default: 128M]
    #[arg(long, value_name = "SIZE", value_parser = mount_options::size)]
    pub cache_size: Option<usize>,
    /// Mount options, separated by commas, such as allow_other
    #[arg(short, long, value_name = "OPTIONS")]
    pub options: Vec<OsString>,
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
  yester import /backup/rsnapshot              every level that is not imported yet, oldest first
  yester import --config /etc/rsnapshot.conf   the same, and while rsnapshot runs not what it works on
  yester import /srv/bank --dry-run            what dirvish has there, and what of it is new

Exit status: 3 when some entries or runs could not be read; they are named, the rest is in the snapshots.")]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct ImportArgs {
    /// The directory: a tree, rsnapshot's root, or a bank or vault of dirvish
    #[arg(required_unless_present = "config")]
    pub path: Option<PathBuf>,
    /// How it holds history; told from its look when not said
    #[arg(long, value_name = "LAYOUT", default_value = "auto", hide_default_value = true)]
    pub layout: LayoutArg,
    /// The rsnapshot.conf that names the directory, its lock and its intervals; read, never executed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say what would be imported, and import nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// The source's name, instead of the directory's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Leave out what other file systems hold
    #[arg(short = 'x', long)]
    pub one_file_system: bool,
    /// While another process writes to the repository, or rsync, rsnapshot or dirvish to the tree, wait for it
    #[arg(long)]
    pub wait: bool,
    /// Read back all that is stored already, and store again what is damaged
    #[arg(long)]
    pub heal: bool,
    /// Take owners, modes and special files from where rsync --fake-super keeps them
    #[arg(long)]
    pub fake_super: bool,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester rsync -- -aHAX --delete web1:/home/ /backup/web1/
  yester rsync --source web1 -- -a --delete --exclude tmp web1:/srv/ /backup/web1/

rsync's status says what becomes of the run: 0 a complete snapshot, 23 a partial one, 24 one from which files vanished, 25 one
where deletions were limited; after any other there is none.

Exit status: rsync's; when the snapshot cannot be added, that of the failed import.")]
pub struct RsyncArgs {
    /// The source's name, instead of the destination folder's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
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

The module is the source. Pulls, listings and dry runs change nothing, and so add nothing.")]
pub struct HookArgs {
    /// What has happened
    pub event: HookEvent,
    /// The source's name, instead of the module's
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Take owners, modes and special files from where a module with `fake super` keeps them
    #[arg(long)]
    pub fake_super: bool,
    /// Take a tree that has become empty; else it is taken for a file system that is not mounted
    #[arg(long)]
    pub allow_empty: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
In the config file, ~/.config/yester/config.toml if no other is named, a table for each source:
  [[watch]]
  path = \"/srv/backup/web1\"           a folder that rsync writes to
  [[watch]]
  path = \"/srv/rsnapshot\"
  config = \"/etc/rsnapshot.conf\"

docs/watch.md tells all that can be said there. `yester status` tells what goes on.")]
pub struct WatchArgs {
    /// The config file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
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
    /// As it looks
    Auto,
    /// A plain tree
    Tree,
    /// Levels such as daily.0
    Rsnapshot,
    /// A vault of images, or a bank of vaults
    Dirvish,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester mount ~/history
  yester mount /backup --source web1 --timezone Europe/Berlin -o allow_other --daemon

In /etc/fstab, with a link /sbin/mount.yester to yester:
  /srv/repository  /backup  yester  source=web1,allow_other,nofail  0  0")]
pub struct MountArgs {
    /// An empty directory
    pub mountpoint: PathBuf,
    /// Show this source alone
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Mount options, separated by commas, such as allow_other
    #[arg(short, long, value_name = "OPTIONS")]
    pub options: Vec<OsString>,
    /// Memory for what was read last, such as 64M or 1G [default: 128M]
    #[arg(long, value_name = "SIZE", value_parser = mount_options::size)]
    pub cache_size: Option<usize>,
    /// List the versions of each file beside it, as file;1, file;2; unlisted, they are found when named
    #[arg(long)]
    pub with_versions: bool,
    /// Go on in the background once it is mounted
    #[arg(long)]
    pub daemon: bool,
    /// This is the process in the background: it tells the one that started it when it is ready.
    #[arg(long, hide = true, conflicts_with = "daemon")]
    pub daemon_child: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester unmount ~/history
  yester unmount --lazy ~/history")]
pub struct UnmountArgs {
    /// Where it is mounted
    pub mountpoint: PathBuf,
    /// Also while it is used: it goes from sight at once
    #[arg(long)]
    pub lazy: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester snapshots
  yester --json snapshots --source web1")]
pub struct SnapshotsArgs {
    /// Only those of this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
}

/// Said where `T:PATH` is an argument.
const PLACE_HELP: &str = "\
T is a time: @2024-06-01 (as that day ended), @2024-06-01T03, @yesterday, @monday, @3d (three days ago), \
@latest, @latest~2, @first, or a snapshot's name. A source may stand before it: web1@latest:etc/passwd";

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester ls                          the sources
  yester ls web1                     its snapshots
  yester ls -l @yesterday:etc        a directory

{PLACE_HELP}"))]
pub struct LsArgs {
    /// A place in a snapshot, or a source
    #[arg(value_name = "T:PATH", value_parser = OsStringValueParser::new().map(|text| Target::parse(&text)))]
    pub target: Option<Target>,
    /// The source, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Show mode, links, owner, group, size and time
    #[arg(short, long)]
    pub long: bool,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester cat @latest:etc/passwd
  yester cat web1@2024-06-01:var/log/syslog web1@2024-06-02:var/log/syslog

{PLACE_HELP}"))]
pub struct CatArgs {
    /// Files in snapshots
    #[arg(value_name = "T:PATH", required = true)]
    #[arg(value_parser = OsStringValueParser::new().try_map(|text| Place::parse(&text)))]
    pub places: Vec<Place>,
    /// The source, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester diff @yesterday @latest             what has changed since yesterday
  yester diff @2024-06-01 @latest etc --patch
  yester diff web1@latest:etc web2@latest:etc --stat

A line for each path: + added, - deleted, M another content, T another type, m only mode, owner, time or extended \
attributes. A folder's name ends with a slash. --json tells in what they differ. A patch has text only: of files that are \
binary, or larger than 16 MiB, it says that they differ.

Exit status: 0 also when there are differences, unless --exit-code is given.

{PLACE_HELP}"))]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct DiffArgs {
    /// The earlier time, or a place then
    #[arg(value_name = "A", value_parser = OsStringValueParser::new().try_map(|text| Place::parse(&text)))]
    pub before: Place,
    /// The later one
    #[arg(value_name = "B", value_parser = OsStringValueParser::new().try_map(|text| Place::parse(&text)))]
    pub after: Place,
    /// Only what is there
    pub path: Option<OsString>,
    /// The source, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Show the lines that differ, as git does
    #[arg(short, long, conflicts_with = "stat")]
    pub patch: bool,
    /// Tell how many lines differ in each file, and in all
    #[arg(long)]
    pub stat: bool,
    /// Also name folders that differ in their time alone
    #[arg(long)]
    pub all: bool,
    /// Exit with 1 when there are differences
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester log etc/passwd              when it changed, in what, and when it was not there
  yester log web1@2024-06:etc/passwd the same, until the end of that June
  yester log ~/history/@latest/etc/passwd      from within a mount: source and repository are found

A line for each stretch of snapshots in which it was the same: the version's number (as in `passwd;2` in a mount), the first \
and the last of them, how many, size, mode, and what changed.

{PLACE_HELP}"))]
pub struct LogArgs {
    /// A path, in a source or in a mount; T: only what was until then
    #[arg(value_name = "[T:]PATH")]
    pub path: OsString,
    /// The source, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester timeline
  yester timeline --source web1 --svg web1.svg

The darker a day, the more paths differ from the snapshot before. A terminal shows the last weeks, at most a year; a picture and \
--json have all.")]
pub struct TimelineArgs {
    /// Only this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
    /// Draw a picture instead
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester export @yesterday:docs > docs.tar
  yester export web1@latest: | ssh web2 tar -x --xattrs --acls -C /srv/new
  yester export @2d:docs --zip > docs.zip

A tar archive has all that is kept: owners, modes, times to the nanosecond, hard links, devices, extended attributes, ACLs; \
GNU tar takes the last two back with --xattrs --xattrs-include='*' --acls. Sockets are left out, and holes are written as zeros. \
A zip archive has names, contents, permissions, symbolic links, and times to two seconds; not owners, hard links, devices, \
fifos, extended attributes, or names that are no text.

Exit status: 3 when something was left out; it is named.

{PLACE_HELP}"))]
pub struct ExportArgs {
    /// A file or folder in a snapshot
    #[arg(value_name = "T:PATH")]
    #[arg(value_parser = OsStringValueParser::new().try_map(|text| Place::parse(&text)))]
    pub place: Place,
    /// A zip archive instead of tar
    #[arg(long)]
    pub zip: bool,
    /// The source, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester find '*.tex'                          every file of that name that ever was
  yester find 'notes*' --deleted               those that are gone
  yester find '*' --since @yesterday           what appeared, changed or went since then
  yester find 'home/*/.ssh/**' --larger 1M     with a slash, the whole path counts

A line for each: when it was seen first, its size, how many versions, whether it is deleted, and where it was seen last, as \
`yester restore` and `yester cat` understand it.")]
pub struct FindArgs {
    /// What its name is like: * stands for anything, ? for one character, [a-z] for one of these, {a,b} for a or b
    pub pattern: OsString,
    /// Only what is not in the last snapshot
    #[arg(long)]
    pub deleted: bool,
    /// Only what has appeared, changed or gone since then
    #[arg(long, value_name = "T")]
    pub since: Option<OsString>,
    /// Only what was once larger, such as 10K, 1M or 2G
    #[arg(long, value_name = "SIZE", value_parser = text::bytes)]
    pub larger: Option<u64>,
    /// Only in this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester restore @yesterday:docs --to .            ./docs, as it was
  yester restore @2d:notes.txt --to /tmp           /tmp/notes.txt
  yester restore web1@2024-06-01: --to /srv/new    a whole snapshot

All that is kept of a file comes back: owner (for root), mode, times, extended attributes, ACLs, hard links, holes. What \
exists is left as it is, and named; folders are merged. Symbolic links in DIR are not followed.

Exit status: 3 when something was not restored as it should have been.

{PLACE_HELP}"))]
pub struct RestoreArgs {
    /// Files or folders in snapshots
    #[arg(value_name = "T:PATH", required = true)]
    #[arg(value_parser = OsStringValueParser::new().try_map(|text| Place::parse(&text)))]
    pub places: Vec<Place>,
    /// The folder that is to hold them, made when it is missing
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Replace files that are in the way
    #[arg(long)]
    pub overwrite: bool,
    /// Say what would be restored, and what is in the way; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// The source, where there are several
    #[arg(long, value_name = "NAME")]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester check                       is everything there that snapshots need?
  yester check --read-data           and is every stored byte as it was written?
  yester check --read-data=5%        the same for a twentieth of the packs, drawn at random
  yester --json check                an object for each finding, then one with the counts

Nothing is changed. Imports wait while the structure is checked, not while data is read.

Exit status: 0 when all is well, 4 when something is damaged; what, and which files it harms, is told.")]
pub struct CheckArgs {
    /// Also read and verify every byte, or those of so many percent of the packs
    #[arg(long, value_name = "P%", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "100%", value_parser = percent)]
    pub read_data: Option<u8>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester rebuild-index               when `yester check` says that the index is wrong

The index only tells where things are: nothing is lost with it. Mounts go on meanwhile.

Exit status: 4 when packs are damaged, so that they are not in the new index.")]
pub struct RebuildIndexArgs {}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester import --heal ~/work        first: what still exists is stored again
  yester repair --dry-run            what would be left out of which snapshots?
  yester repair                      leave it out, and set aside what is damaged
  yester --json repair               an object for each loss, then one with what was done

Every byte is read. What verifies is kept, also of damaged packs. Snapshots that reach something lost are replaced \
by ones without it; all others stay as they are. Nothing is destroyed: damaged packs and the manifests of replaced \
snapshots go to the folder `damaged` of the repository. Mounts go on meanwhile, imports wait.

Exit status: 0 when nothing was lost, 3 when something was left out; it is named, a line each.")]
pub struct RepairArgs {
    /// Only tell what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What mount(8) calls for a line of `/etc/fstab` whose type is `yester`.
#[derive(Debug, Parser)]
#[command(name = "mount.yester", version, about = "Mounts a repository of yester, as mount(8) asks")]
struct Helper {
    /// The repository
    repository: PathBuf,
    /// An empty directory
    mountpoint: PathBuf,
    /// Mount options, separated by commas, such as source=web1,allow_other
    #[arg(short)]
    options: Vec<OsString>,
    /// Ignored: the type
    #[arg(short = 't', value_name = "TYPE")]
    kind: Option<String>,
    /// Ignored: tolerate unknown options
    #[arg(short)]
    sloppy: bool,
    /// Ignored: do not write /etc/mtab
    #[arg(short)]
    no_mtab: bool,
    /// Say more
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
}

/// Understands the command line, also that of `mount.yester`.
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
        source: None,
        cache_size: None,
        options,
        with_versions: false,
        daemon: true,
        daemon_child: false,
    };
    Ok(Arguments { global, command: Command::Mount(command) })
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number.filter(|number| (1..=100).contains(number)).ok_or_else(|| "say it as 1% to 100%".to_owned())
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
                assert_eq!(mount.options, ["rw,source=web1"]);
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
