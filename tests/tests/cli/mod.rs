//! The command line: its output for people and for programs, its exit status.

mod at;
mod attributes;
mod cat;
mod completions;
mod defaults;
mod diff;
mod excluded;
mod find;
mod log;
mod ls;
mod not_read;
pub(crate) mod old_version;
mod pipes;
mod snapshots;
mod tag;
mod terminal;
mod timeline;
mod usage;
