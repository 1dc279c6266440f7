//! Runs the background importer in the foreground.

mod reporter;
mod status_file;

use std::sync::Arc;

use anyhow::{Result, bail};
use fs_core::clock::SystemClock;
use fs_core::monitor::Cancellation;
use fs_core::watch::{Watch, WatchLock};
use reporter::Reporter;
pub use status_file::{SourceStatus, Status, StatusFile};

use super::Context;
use crate::args::WatchArgs;
use crate::error::abandon;
use crate::output::{Output, WriteError};
use crate::platform::{self, StopListener};
use crate::stderr;
use crate::text::count;

pub fn run(context: &mut Context, args: &WatchArgs) -> Result<()> {
    stderr::log_to(args.log_file.as_deref())?;
    let settings = context.settings_of(args.config.as_deref())?;
    let (tables, file) = &settings.watch;
    if tables.is_empty() {
        let file =
            file.as_ref().map_or_else(|| "a config file".to_owned(), |file| file.display().to_string());
        bail!(
            "there is no source to watch; add a [[watch]] table with path = \"/srv/backup\" to {file} (see --help)"
        );
    }
    let watched = tables.iter().map(|table| table.watched(&settings)).collect::<Result<_>>()?;
    let lock = WatchLock::acquire(&settings.repository)??;
    let mut watch = Watch::new(&settings.repository, watched, Arc::new(SystemClock))?;
    let cancellation = Arc::new(Cancellation::default());
    let (requested, waker) = (Arc::clone(&cancellation), watch.waker());
    let _listener = StopListener::new(move |times| {
        requested.cancel();
        waker.wake();
        if times > 1 {
            abandon();
        }
    })?;
    let sources = count(tables.len() as u64, "source");
    context.output.note(&format!("watching {sources} for {}", settings.repository.display()));
    Ok(serve(&mut context.output, Some(lock), &mut watch, &cancellation)?)
}

/// Imports new states until the end, at the lowest priority, and reports them. Without a lock, there is no
/// status file.
pub fn serve(
    output: &mut Output,
    lock: Option<WatchLock>,
    watch: &mut Watch,
    cancellation: &Cancellation,
) -> Result<(), WriteError> {
    platform::lower_priority();
    let status = StatusFile::new(lock, output.clock());
    let mut reporter = Reporter::new(output, &status, cancellation);
    watch.run(&status, &mut |event| reporter.report(event), cancellation);
    reporter.finish()
}
