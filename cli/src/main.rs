//! `yester` keeps every version of your files in one dense repository, and shows them as an ordinary
//! read-only file system.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "mounting, watching and rsync's runs are for Linux so far")
)]

mod args;
mod colour;
mod commands;
mod completion;
mod error;
mod json;
mod mount_options;
mod output;
mod platform;
mod progress;
mod settings;
mod snapshot_path;
// Used on Windows only, but tested everywhere.
#[cfg(any(windows, test))]
mod shadow;
mod stderr;
mod table;
mod text;
mod zone;

use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use fs_core::clock::SystemClock;

fn main() -> ExitCode {
    completion::answer(args::Arguments::command);
    let arguments = match args::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return error::usage(&error),
    };
    stderr::report_panics();
    stderr::init_log(arguments.global.quiet, arguments.global.verbose);
    #[cfg(target_os = "linux")]
    platform::raise_file_limit();
    error::exit(commands::run(arguments, Arc::new(SystemClock)))
}
