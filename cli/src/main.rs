//! `yester`: every version of your files, in one dense repository, as an ordinary read-only file system.

mod args;
mod commands;
mod error;
mod mount_options;
mod output;
mod place;
mod platform;
mod progress;
mod settings;
mod stderr;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match args::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return error::usage(&error),
    };
    stderr::init_log(arguments.global.quiet, arguments.global.verbose);
    error::exit(commands::run(arguments))
}
