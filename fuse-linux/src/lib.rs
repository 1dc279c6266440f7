//! Yester's FUSE frontend: converts types, and mounts. What is shown is decided by [`fs_core::view`].
#![cfg(target_os = "linux")]

mod attr;
mod errno;
mod error;
mod filesystem;
mod mount;
mod mountpoint;
mod options;

pub use error::MountError;
pub use mount::{Mount, mount, unmount};
pub use mountpoint::check_mountpoint;
pub use options::MountOptions;
