//! The commands, one in each file.

mod cat;
mod check;
mod copy;
mod diff;
mod export;
mod find;
mod import;
mod init;
mod log;
mod ls;
mod man;
mod rebuild_index;
mod repair;
mod restore;
mod snapshots;
mod stats;
mod tag;
mod timeline;

#[cfg(windows)]
mod drive;
#[cfg(target_os = "linux")]
mod hook;
#[cfg(target_os = "linux")]
mod mount;
#[cfg(target_os = "linux")]
mod rsync;
#[cfg(target_os = "linux")]
mod serving;
#[cfg(target_os = "linux")]
mod status;
#[cfg(target_os = "linux")]
mod up;
mod viewing;
#[cfg(target_os = "linux")]
mod watch;

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Error, Result, anyhow, bail};
use fs_core::clock::Clock;
use fs_core::history::{Reading, SnapshotPath, Source};
use fs_core::monitor::Cancellation;
use fs_core::service::{History, ServiceError};
use fs_core::view::{Node, View, ViewError};

use crate::args::{Arguments, Command, Global};
use crate::completion;
use crate::error::Outcome;
use crate::output::{Output, WriteError};
use crate::platform::StopListener;
use crate::progress::Bar;
use crate::settings::Settings;
use crate::snapshot_path::{one_source, subject};
use crate::stderr;
use crate::text::{count, printable};

/// The parts that every command needs.
#[derive(Debug)]
struct Context {
    global: Global,
    output: Output,
    /// Listens for signals until the output was flushed.
    listener: Option<StopListener>,
}

/// Runs the command that the arguments name. `clock` is the only one of this process.
pub fn run(arguments: Arguments, clock: Arc<dyn Clock>) -> Result<Outcome> {
    let output = Output::new(&arguments.global, clock);
    let mut context = Context { global: arguments.global, output, listener: None };
    let outcome = dispatch(&mut context, arguments.command)?;
    context.output.flush()?;
    Ok(outcome)
}

/// Runs a command. Those that only succeed or fail return nothing.
fn dispatch(context: &mut Context, command: Command) -> Result<Outcome> {
    match command {
        Command::Init(args) => init::run(context, &args)?,
        Command::Import(args) => return import::run(context, &args),
        Command::Snapshots(args) => snapshots::run(context, &args)?,
        Command::Ls(args) => return ls::run(context, &args),
        Command::Cat(args) => cat::run(context, &args)?,
        Command::Diff(args) => return diff::run(context, &args),
        Command::Export(args) => return export::run(context, &args),
        Command::Find(args) => find::run(context, &args)?,
        Command::Log(args) => log::run(context, &args)?,
        Command::Stats => stats::run(context)?,
        Command::Timeline(args) => timeline::run(context, &args)?,
        Command::Check(args) => return check::run(context, &args),
        Command::RebuildIndex => return rebuild_index::run(context),
        Command::Repair(args) => return repair::run(context, &args),
        Command::Copy(args) => return copy::run(context, &args),
        Command::Upgrade(args) => return copy::upgrade(context, &args),
        Command::Restore(args) => return restore::run(context, &args),
        Command::Completions(args) => {
            completion::register(&args.shell, context.output.writer()).map_err(WriteError::from)?;
        }
        Command::Man(args) => man::run(context, &args)?,
        Command::Tag(args) => tag::run(context, &args)?,
        #[cfg(target_os = "linux")]
        Command::Rsync(args) => return rsync::run(context, &args),
        #[cfg(target_os = "linux")]
        Command::Hook(args) => return hook::run(context, &args),
        #[cfg(target_os = "linux")]
        Command::Mount(args) => return mount::run(context, &args),
        #[cfg(target_os = "linux")]
        Command::Unmount(args) => crate::platform::unmount(&args.mountpoint, args.lazy)?,
        #[cfg(target_os = "linux")]
        Command::Up(args) => up::run(context, &args)?,
        #[cfg(target_os = "linux")]
        Command::Watch(args) => watch::run(context, &args)?,
        #[cfg(target_os = "linux")]
        Command::Status => return status::run(context),
        #[cfg(windows)]
        Command::Mount(args) => drive::run(context, &args)?,
        #[cfg(not(target_os = "linux"))]
        Command::Rsync(_)
        | Command::Hook(_)
        | Command::Unmount(_)
        | Command::Up(_)
        | Command::Watch(_)
        | Command::Status => bail!("this command exists only on Linux"),
    }
    Ok(Outcome::Done)
}

impl Context {
    /// A cancellation that signals request. The second signal ends the process at once.
    fn stop_on_signals(&mut self) -> Result<Arc<Cancellation>> {
        let cancellation = Arc::new(Cancellation::default());
        let requested = Arc::clone(&cancellation);
        self.listener = Some(StopListener::new(move |count| {
            requested.cancel();
            if count > 1 {
                crate::error::abandon();
            }
        })?);
        Ok(cancellation)
    }

    fn settings(&self) -> Result<Settings> {
        self.settings_of(None)
    }

    /// The settings, with `file` as the config file if given.
    fn settings_of(&self, file: Option<&Path>) -> Result<Settings> {
        Settings::load(self.global.repo.as_deref(), self.global.timezone.as_deref(), file)
    }

    /// Opens the history. It is never dropped: the process ends with its command, and freeing the caches
    /// piece by piece would be slower.
    fn history(&self) -> Result<ManuallyDrop<History>> {
        let settings = self.settings()?;
        let _bar = Bar::new(&self.output, "opening the repository");
        let clock = Arc::clone(self.output.clock());
        Ok(ManuallyDrop::new(History::open(&settings.repository, settings.zone, clock)?))
    }
}

/// For each source, the position of its first snapshot after `time`. `None` if the source does not know
/// `time`, such as the tag of another source. Fails if no source knows it.
fn after_in_each(
    history: &History,
    sources: &[Arc<Source>],
    time: &[u8],
) -> Result<Vec<Option<usize>>, ServiceError> {
    let (mut all, mut unknown) = (Vec::with_capacity(sources.len()), None);
    for source in sources {
        all.push(match history.after(source, time) {
            Ok(after) => Some(after),
            Err(error @ (ServiceError::NoTime { .. } | ServiceError::NoSnapshot { .. })) => {
                unknown.get_or_insert(error);
                None
            }
            Err(error) => return Err(error),
        });
    }
    match unknown {
        Some(error) if all.iter().all(Option::is_none) => Err(error),
        _ => Ok(all),
    }
}

/// The node at `path`, and the view that reads it. `named` is the source that an option names.
fn find(history: &History, path: &SnapshotPath, named: Option<&OsString>) -> Result<(View, Node)> {
    try_find(history, path, named).map_err(|error| {
        let Some(ServiceError::View { reason: ViewError::NotFound, .. }) = error.downcast_ref() else {
            return error;
        };
        match reading(history, path, named) {
            Ok(Reading::Excluded) => return anyhow!("{}: it was excluded from the snapshot", subject(path)),
            // Version 1 listed such paths without reasons.
            Ok(Reading::NotRead) => {
                let reason = ViewError::NotRead("the reason is not recorded".into());
                return ServiceError::View { path: subject(path), reason }.into();
            }
            _ => {}
        }
        let source = one_source(named, path.source.as_deref()).unwrap_or_default();
        match history.suggestion(source, &path.time, &path.path) {
            Some(suggestion) => anyhow!("{error}; did you mean {suggestion}?"),
            None => error,
        }
    })
}

/// What a command finds that continues without what an import could not read.
struct Found {
    /// `None` if the import could not read anything of it.
    node: Option<(View, Node)>,
    /// Number of paths known to be missing, of which neither the node nor those below it tell. They were
    /// reported.
    missing: u64,
}

/// As [`find()`], and reports paths that an import could not read.
fn find_read(history: &History, path: &SnapshotPath, named: Option<&OsString>) -> Result<Found> {
    let node = match find(history, path, named) {
        Err(error) => match error.downcast_ref() {
            Some(ServiceError::View { reason: ViewError::NotRead(_), .. }) => {
                stderr::warn(&error.to_string());
                return Ok(Found { node: None, missing: 1 });
            }
            _ => return Err(error),
        },
        Ok(node) => Some(node),
    };
    let source = one_source(named, path.source.as_deref()).map_err(Error::msg)?;
    let (missing, first) = history.listed_unread(source, &path.time, &path.path)?;
    if missing > 0 {
        let first = match first {
            Some(first) => format!("the first is {}", printable(&first)),
            None => "it does not record which".to_owned(),
        };
        let (path, paths) = (subject(path), count(missing, "path"));
        stderr::warn(&format!("{path}: {paths} could not be read into the snapshot; {first}"));
    }
    Ok(Found { node, missing })
}

/// As [`find()`], without a suggestion: the node may be absent, so its name is not mistyped.
fn try_find(history: &History, path: &SnapshotPath, named: Option<&OsString>) -> Result<(View, Node)> {
    let source = one_source(named, path.source.as_deref()).map_err(Error::msg)?;
    if history.view().sources().iter().len() == 0 {
        bail!("the repository has no snapshot yet; add one with `yester import`");
    }
    Ok(history.find(source, &path.time, &path.path)?)
}

/// Whether the snapshot's import could read `path`.
fn reading(history: &History, path: &SnapshotPath, named: Option<&OsString>) -> Result<Reading> {
    let source = one_source(named, path.source.as_deref()).map_err(Error::msg)?;
    Ok(history.reading(source, &path.time, &path.path)?)
}
