use std::time::Duration;

use fs_core::monitor::Cancellation;
use fs_core::watch::Event;
use jiff::SignedDuration;
use rustix::io::Errno;

use super::StatusFile;
use crate::commands::import::{runs, tree};
use crate::error;
use crate::output::{Output, WriteError};
use crate::stderr;
use crate::text::printable;

/// The reporter of a watch. It prints snapshots to stdout and failures to stderr, and keeps the status file.
pub struct Reporter<'a> {
    output: &'a mut Output,
    status: &'a StatusFile,
    cancellation: &'a Cancellation,
    failed: Option<WriteError>,
}

impl<'a> Reporter<'a> {
    /// If stdout fails, the reporter cancels the watch by `cancellation`.
    pub fn new(output: &'a mut Output, status: &'a StatusFile, cancellation: &'a Cancellation) -> Self {
        Self { output, status, cancellation, failed: None }
    }

    /// Reports an event.
    pub fn report(&mut self, event: Event<'_>) {
        let mut reported = Ok(());
        match event {
            Event::Imported { imported, run, took } => {
                let run = run.map(|run| printable(run.as_os_str().as_encoded_bytes()).into_owned());
                reported = tree::report_snapshot(self.output, imported, run.as_deref(), took);
            }
            Event::LeftOut(left_out) => {
                reported = runs::report_left_out(self.output, left_out, left_out.may_be_history);
            }
            Event::Hint { path, hint } => runs::note_hint(self.output, path, hint),
            Event::Failed { path, error, again } => {
                let (path, text) = (path.display(), error::message(&error.into()));
                stderr::error(&format!("{path}: {text}; the next attempt is in {}", length(again)));
            }
            Event::Unnoticed { path, error } => {
                let full = error.raw_os_error() == Some(Errno::NOSPC.raw_os_error());
                let cure = if full { "; raise fs.inotify.max_user_watches (sysctl)" } else { "" };
                let path = path.display();
                stderr::warn(&format!(
                    "changes of {path} are not noticed, so it is checked periodically: {error}{cure}"
                ));
            }
            Event::Restless { path, lasting } => {
                let (path, lasting) = (path.display(), length(lasting));
                stderr::warn(&format!(
                    "{path} has not been quiescent for {lasting}, so nothing was imported; `live = true` imports it as it is"
                ));
            }
            Event::States(states) => self.status.show(&states),
            _ => {}
        }
        if let Err(error) = reported {
            self.failed = Some(error);
            self.cancellation.cancel();
        }
    }

    /// Returns the failure of stdout, if there was one.
    pub fn finish(self) -> Result<(), WriteError> {
        self.failed.map_or(Ok(()), Err)
    }
}

fn length(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    format!("{:#}", SignedDuration::from_secs(seconds.try_into().unwrap_or(i64::MAX)))
}
