//! Turns errors into messages and exit statuses.

use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::error::ErrorKind;
use fs_core::copy::CopyFailed;
use fs_core::export::ExportError;
use fs_core::import::ImportError;
use fs_core::maintain::MaintainError;
use fs_core::restore::RestoreError;
use fs_core::service::ServiceError;
use fs_core::store::StoreError;
use fs_core::view::ViewError;

use thiserror::Error as ThisError;

use crate::output::WriteError;
use crate::stderr;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const INCOMPLETE: u8 = 3;
const DAMAGE: u8 = 4;
/// `EX_TEMPFAIL` of sysexits.h: try again later.
const LOCKED: u8 = 75;
/// The status that a shell reports for a program ended by SIGINT.
const INTERRUPTED: u8 = 130;

/// A fault of the command line that is found only after it was parsed.
#[derive(Debug, ThisError)]
#[error("{0} (see --help)")]
pub struct Usage(pub String);

/// The end of a command that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The command did everything.
    Done,
    /// Some entries could not be read. They were reported.
    Incomplete,
    /// The command found damage, and reported it.
    Damage,
    /// The user stopped it. The work done by then stays, and was reported.
    Interrupted,
    /// The exit status of another process, which has reported why.
    Status(u8),
}

/// Reports the error, if any, and returns the exit status.
pub fn exit(result: Result<Outcome>) -> ExitCode {
    let status = match result {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Incomplete) => INCOMPLETE,
        Ok(Outcome::Damage) => DAMAGE,
        Ok(Outcome::Interrupted) => INTERRUPTED,
        Ok(Outcome::Status(status)) => status,
        Err(error) if error.downcast_ref().is_some_and(WriteError::is_closed_pipe) => 0,
        Err(error) => {
            stderr::fail(&message(&error));
            status(&error)
        }
    };
    ExitCode::from(status)
}

/// Ends this process at once, because the user asked a second time. A repository never shows unfinished work.
pub fn abandon() -> ! {
    std::process::exit(i32::from(INTERRUPTED))
}

/// The message for an error, with its causes. Many messages contain their causes already.
pub fn message(error: &Error) -> String {
    if store_error(error).is_some_and(StoreError::is_full) {
        return format!("{error}; earlier snapshots are intact; free some space and try again");
    }
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |message, cause| {
        if message.contains(&cause) { message } else { format!("{message}: {cause}") }
    })
}

fn status(error: &Error) -> u8 {
    if is_interruption(error) {
        return INTERRUPTED;
    }
    if error.is::<Usage>() {
        return USAGE;
    }
    match store_error(error) {
        Some(StoreError::Locked { .. }) => LOCKED,
        Some(error) if error.is_damage() => DAMAGE,
        #[cfg(target_os = "linux")]
        _ if error.is::<fs_core::watch::AlreadyWatched>() => LOCKED,
        _ => FAILED,
    }
}

/// Whether the error is a cancellation by the user.
pub fn is_interruption(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(RestoreError::Cancelled))
        || matches!(error.downcast_ref(), Some(ExportError::Cancelled))
        || matches!(error.downcast_ref(), Some(ImportError::Cancelled))
        || matches!(error.downcast_ref(), Some(MaintainError::Cancelled | MaintainError::Halfway))
        || matches!(
            error.downcast_ref(),
            Some(
                ServiceError::Cancelled
                    | ServiceError::Import(ImportError::Cancelled)
                    | ServiceError::Copy(CopyFailed::Cancelled)
            )
        )
}

fn store_error(error: &Error) -> Option<&StoreError> {
    if let Some(ImportError::Store(error)) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(ExportError::Read { reason: ViewError::Store(error), .. }) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(MaintainError::Store(error) | MaintainError::Config(error)) = error.downcast_ref() {
        return Some(error);
    }
    match error.downcast_ref() {
        Some(
            ServiceError::Store(error)
            | ServiceError::Import(ImportError::Store(error))
            | ServiceError::Copy(CopyFailed::From { error, .. } | CopyFailed::To { error, .. })
            | ServiceError::View { reason: ViewError::Store(error), .. },
        ) => Some(error),
        _ => error.downcast_ref(),
    }
}

/// Reports a fault of the command line, or prints the help that it requests.
pub fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        // A closed pipe means that its reader needs no more.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
    }
    stderr::error(&usage_message(&error.render().to_string()));
    ExitCode::from(USAGE)
}

/// The line of clap's message that names the fault, with its continuation lines.
fn usage_message(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let parts = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let mut message = String::new();
    for part in parts.filter(|part| !part.is_empty() && !part.starts_with("For more information")) {
        let link = match message.chars().last() {
            None => "",
            Some(':') => " ",
            Some(_) if part.starts_with("tip:") || part.starts_with('[') => "; ",
            Some(_) => ", ",
        };
        message.push_str(link);
        message.push_str(part);
    }
    message + " (see --help)"
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use fs_core::store::Object;

    use super::*;

    fn of(error: impl Into<ServiceError>) -> (u8, String) {
        let error = Error::from(error.into());
        (status(&error), message(&error))
    }

    #[test]
    fn each_kind_of_failure_has_its_status() {
        let repository = PathBuf::from("/r");
        let holder = "pid 1".to_owned();
        assert_eq!(of(StoreError::NotARepository(repository.clone())).0, 1);
        assert_eq!(of(StoreError::Locked { path: repository, holder }).0, 75);
        assert_eq!(of(StoreError::Missing(Object::config())).0, 4);
        assert_eq!(of(ImportError::Cancelled), (130, "interrupted: nothing was added".into()));
        let reason = ViewError::Store(StoreError::Missing(Object::config()));
        assert_eq!(of(ServiceError::View { path: "@latest:a".into(), reason }).0, 4);
        let reason = ViewError::NotFound;
        assert_eq!(of(ServiceError::View { path: "@latest:a".into(), reason }).0, 1);
    }

    #[test]
    fn nothing_is_said_twice() {
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let (_, message) = of(StoreError::Io { action: "open", object: "/r".into(), source });
        assert_eq!(message.matches("ermission").count(), 1, "{message}");
    }

    #[test]
    fn usage_fits_a_line() {
        let missing = "error: the following required arguments were not provided:\n  <A>\n  <B>\n\n\
            Usage: yester up <A> <B>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            usage_message(missing),
            "the following required arguments were not provided: <A>, <B> (see --help)"
        );
        let tip =
            "error: unrecognized subcommand 'cta'\n\n  tip: a similar subcommand exists: 'cat'\n\nUsage: x\n";
        assert_eq!(
            usage_message(tip),
            "unrecognized subcommand 'cta'; tip: a similar subcommand exists: 'cat' (see --help)"
        );
    }
}
