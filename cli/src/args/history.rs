//! Commands that look into history, and take things out of it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap_complete::ArgValueCompleter;
use fs_core::history::SnapshotPath;

use crate::completion;
use crate::snapshot_path;
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester snapshots
  yester --json snapshots --source web1
  yester snapshots --tag before-upgrade      those that `yester tag` named so")]
pub struct SnapshotsArgs {
    /// Only the last snapshot of each source at this time, such as yesterday or 2024-06-01
    #[arg(long, visible_alias = "as-of", value_name = "T", add = ArgValueCompleter::new(completion::times_alone))]
    pub at: Option<OsString>,
    /// Only snapshots with this tag
    #[arg(long, value_name = "TAG", add = ArgValueCompleter::new(completion::tags))]
    pub tag: Option<OsString>,
    /// Only snapshots of this source
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub source: Option<OsString>,
}

/// Help for commands with the argument `T:PATH`.
const PATH_HELP: &str = "\
T is a time: @2024-06-01 (as that day ended), @2024-06-01T03, @yesterday, @monday, @3d (three days ago), \
@latest, @latest~2, @first, the name of a snapshot, or a tag of `yester tag`. A source may precede it: \
web1@latest:etc/passwd";

/// The parts that a snapshot path may leave out.
#[derive(Debug, Args)]
pub struct Implied {
    /// The time, if PATH has none, such as yesterday or 2024-06-01
    #[arg(long, visible_alias = "as-of", value_name = "T", add = ArgValueCompleter::new(completion::times_alone))]
    pub at: Option<OsString>,
    /// The source, if there are several
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester ls                          the sources
  yester ls web1                     its snapshots
  yester ls -l @yesterday:etc        a directory
  yester ls -l etc --at yesterday    the same

{PATH_HELP}"))]
pub struct LsArgs {
    /// A path in a snapshot, or a source
    #[arg(value_name = "T:PATH", add = ArgValueCompleter::new(completion::paths))]
    pub target: Option<OsString>,
    #[command(flatten)]
    pub implied: Implied,
    /// Show mode, links, owner, group, size and time
    #[arg(short, long)]
    pub long: bool,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester cat @latest:etc/passwd
  yester cat web1@2024-06-01:var/log/syslog web1@2024-06-02:var/log/syslog

{PATH_HELP}"))]
pub struct CatArgs {
    /// Files in snapshots
    #[arg(value_name = "T:PATH", required = true, add = ArgValueCompleter::new(completion::paths))]
    pub targets: Vec<OsString>,
    #[command(flatten)]
    pub implied: Implied,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester diff @yesterday @latest             the changes since yesterday
  yester diff @2024-06-01 @latest etc --patch
  yester diff web1@latest:etc web2@latest:etc --stat

Each path is one line: + added, - deleted, M other content, T other type, m only mode, owner, time or extended \
attributes, ? not read by the import of one of the times. A folder's name ends with a slash. --json shows in what \
they differ. A patch contains only text: of binary files, and of files over 16 MiB, it states only that they differ.

Exit status: 0 even if there are differences, unless --exit-code is given.

{PATH_HELP}"))]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct DiffArgs {
    /// The earlier time, or a path in a snapshot
    #[arg(value_name = "A", value_parser = OsStringValueParser::new().try_map(|text| snapshot_path::parse(&text)))]
    #[arg(add = ArgValueCompleter::new(completion::paths))]
    pub before: SnapshotPath,
    /// The later time, or a path in a snapshot
    #[arg(value_name = "B", value_parser = OsStringValueParser::new().try_map(|text| snapshot_path::parse(&text)))]
    #[arg(add = ArgValueCompleter::new(completion::paths))]
    pub after: SnapshotPath,
    /// Compare only this path
    pub path: Option<OsString>,
    /// The source, if there are several
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub source: Option<OsString>,
    /// Show the lines that differ, as git does
    #[arg(short, long, conflicts_with = "stat")]
    pub patch: bool,
    /// Count the lines that differ in each file, and in all
    #[arg(long)]
    pub stat: bool,
    /// Also list folders that differ only in their time
    #[arg(long)]
    pub all: bool,
    /// Exit with status 1 if there are differences
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester log etc/passwd              when it changed, in what, and when it was absent
  yester log web1@2024-06:etc/passwd the same, until the end of that June
  yester log ~/history/@latest/etc/passwd      a path in a mount: source and repository are known

Each interval of snapshots with one version is one line: the version's number (as in `passwd;2` in a mount), the first \
and the last snapshot, their number, size, mode, and what changed. `not read` means that the import could not read \
the path: it was not deleted.

{PATH_HELP}"))]
pub struct LogArgs {
    /// A path in a source or in a mount; with T, only versions up to that time
    #[arg(value_name = "[T:]PATH", add = ArgValueCompleter::new(completion::paths))]
    pub path: OsString,
    #[command(flatten)]
    pub implied: Implied,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester timeline
  yester timeline --source web1 --svg web1.svg

The darker a day, the more paths differ from the snapshot before. A terminal shows the last weeks, at most a year; a \
picture and --json show all.")]
pub struct TimelineArgs {
    /// Only this source
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub source: Option<OsString>,
    /// Draw a picture into this file instead
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester export @yesterday:docs > docs.tar
  yester export web1@latest: | ssh web2 tar -x --xattrs --acls -C /srv/new
  yester export @2d:docs --zip > docs.zip

A tar archive has everything that is kept: owners, modes, times to the nanosecond, hard links, devices, extended \
attributes, ACLs. GNU tar restores the last two with --xattrs --xattrs-include='*' --acls. Sockets are left out, and \
holes are written as zeros. A zip archive has names, contents, permissions, symbolic links, and times to two seconds. It \
has no owners, hard links, devices, fifos, extended attributes, or names that are not text.

Exit status: 3 when something was left out. It is reported.

{PATH_HELP}"))]
pub struct ExportArgs {
    /// A file or folder in a snapshot
    #[arg(value_name = "T:PATH", add = ArgValueCompleter::new(completion::paths))]
    pub target: OsString,
    #[command(flatten)]
    pub implied: Implied,
    /// Write a zip archive instead of tar
    #[arg(long)]
    pub zip: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester find '*.tex'                          every file with such a name, in any snapshot
  yester find 'notes*' --deleted               only deleted files
  yester find '*' --since @yesterday           files created, changed or deleted since then
  yester find 'home/*/.ssh/**' --larger 1M     a pattern with a slash is compared with paths

Each path is one line: its first snapshot, its size, its number of versions, whether it is deleted (or only not read by \
the last import), and its last snapshot and path, as `yester restore` and `yester cat` take them.")]
pub struct FindArgs {
    /// A pattern of names: * matches anything, ? one character, [a-z] one of these, {a,b} a or b
    pub pattern: OsString,
    /// Only files that are absent from the last snapshot, unless its import could not read them
    #[arg(long)]
    pub deleted: bool,
    /// Only files created, changed or deleted since this time
    #[arg(long, value_name = "T")]
    pub since: Option<OsString>,
    /// Only files with a version larger than this, such as 10K, 1M or 2G
    #[arg(long, value_name = "SIZE", value_parser = text::bytes)]
    pub larger: Option<u64>,
    /// Only files of this source
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completion::sources))]
    pub source: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  yester restore @yesterday:docs --to .            ./docs, as it was
  yester restore @2d:notes.txt --to /tmp           /tmp/notes.txt
  yester restore @2d:notes.txt --to old-notes.txt  the file, under this name
  yester restore web1@2024-06-01: --to /srv/new    a whole snapshot

Everything that the snapshot has is restored: content, owner, mode, times, extended attributes, ACLs, hard links, holes. \
What it does not have, such as an inherited ACL, is removed. If an attribute cannot be set, the content is still restored, \
and the loss is reported once for each kind and folder. Without root's rights, files belong to the user who restores them; \
this is only a note. Identical files that exist are kept and counted. Other existing files are left as they are and \
reported. Folders are merged. DIR keeps its own owner and mode. Symbolic links in DIR are not followed.

Exit status: 3 when something was not restored completely.

{PATH_HELP}"))]
pub struct RestoreArgs {
    /// Files or folders in snapshots
    #[arg(value_name = "T:PATH", required = true, add = ArgValueCompleter::new(completion::paths))]
    pub targets: Vec<OsString>,
    #[command(flatten)]
    pub implied: Implied,
    /// The folder to restore into, created if it is missing; for one file also its new name
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Replace existing files that differ
    #[arg(long)]
    pub overwrite: bool,
    /// Report what would be restored, replaced or left as it is; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}
