//! Yester's FUSE frontend: converts types, and mounts. [`fs_core::view`] decides the content.
#![cfg(target_os = "linux")]

mod attr;
mod errno;
mod error;
mod filesystem;
mod handle;
mod mount;
mod mountpoint;
mod options;
mod read_ahead;
mod settings;
mod watch;

pub use error::MountError;
pub use handle::Created;
pub use mount::{Mount, Unmounter, mount, serve};
pub use mountpoint::{check_mountpoint, clear_stale, unmount};
pub use options::MountOptions;
pub use settings::{FOR_EVER, negotiate};
