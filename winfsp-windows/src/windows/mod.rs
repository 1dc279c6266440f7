//! Answers the requests of WinFsp from the tree. This module only converts types.

mod disk;
mod filesystem;
mod mount;
mod runtime;
mod user;

pub use mount::{Mount, mount};
