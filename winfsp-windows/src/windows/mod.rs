//! WinFsp's requests, answered from the tree. Only types are converted here.

mod disk;
mod filesystem;
mod mount;
mod runtime;
mod user;

pub use mount::{Mount, mount};
