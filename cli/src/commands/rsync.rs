//! Runs the user's rsync, and makes a snapshot of its destination.

mod destination;
mod options;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result, bail};
use destination::{CommandLine, Destination};
use fs_core::format::Status;
use fs_core::import::{ImportError, ImportOptions, check_other_tree};

use super::Context;
use super::import::{Import, tree};
use crate::args::RsyncArgs;
use crate::error::{Outcome, Usage};
use crate::platform::Relay;
use crate::settings::Settings;
use crate::stderr;

pub fn run(context: &mut Context, args: &RsyncArgs) -> Result<Outcome> {
    let line = CommandLine::read(&args.words);
    let destination = line.destination(args.destination.as_deref()).map_err(|option| {
        Usage(format!(
            "{option}: unknown option of rsync, so the next argument may be its value or the destination; \
             write {option}=VALUE, or name the folder: yester rsync --destination DIR -- ARGS"
        ))
    })?;
    if let Destination::Remote(name) = &destination {
        bail!(
            "rsync writes to another machine ({}); run yester there, or let rsync write to a local folder",
            name.display()
        );
    }
    let settings = context.settings()?;
    let mut options = tree::options(&args.tree_options, &settings);
    options.fake_super = line.has_fake_super();
    options.checksum |= line.checksum;
    // rsync has ended by then. If another process is writing and the import fails, the run is lost.
    options.wait = true;
    if let Destination::Folder(folder) = &destination {
        refuse_other_tree(&settings, folder, &options)?;
    }
    let ended = run_rsync(args)?;
    let Some(code) = ended.code() else {
        // A shell reports a signal in the same way.
        return Ok(Outcome::Status(128 + u8::try_from(ended.signal().unwrap_or(0)).unwrap_or(0)));
    };
    let outcome = Outcome::Status(u8::try_from(code).unwrap_or(1));
    let Some(status) = run_status(code) else {
        stderr::error(&format!("rsync ended with status {code}: no snapshot is added"));
        return Ok(outcome);
    };
    let folder = match destination {
        Destination::Folder(folder) => folder,
        Destination::Remote(_) => return Ok(outcome),
        Destination::None(reason) => {
            stderr::error(&format!("{reason}: no snapshot is added"));
            return Ok(outcome);
        }
    };
    options.run_status = status;
    Import::new(context, &settings.repository, options)?.add_tree(&folder)?;
    Ok(outcome)
}

/// Refuses another tree before rsync runs, as the import would do afterwards. Other errors are left to the
/// import.
fn refuse_other_tree(settings: &Settings, folder: &Path, options: &ImportOptions) -> Result<(), ImportError> {
    match check_other_tree(&settings.repository, folder, options) {
        Err(error @ ImportError::OtherTree { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Runs rsync with this process's input, output and signals.
fn run_rsync(args: &RsyncArgs) -> Result<ExitStatus> {
    let relay = Relay::new()?;
    let mut child = Command::new("rsync")
        .args(&args.words)
        .spawn()
        .context("cannot start rsync; is it installed? (Debian: apt install rsync)")?;
    relay.connect(child.id())?;
    child.wait().context("cannot wait for rsync")
}

/// The status of the destination after rsync's exit status (rsync(1), EXIT VALUES); `None` if the run must
/// not be kept.
pub fn run_status(code: i32) -> Option<Status> {
    match code {
        0 => Some(Status::Complete),
        23 => Some(Status::Partial),
        24 => Some(Status::Vanished),
        25 => Some(Status::Limited),
        _ => None,
    }
}
