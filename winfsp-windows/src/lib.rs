//! Yester's WinFsp frontend: a Windows drive or folder that shows the history of a repository.
//! [`fs_core::view`] decides what is shown.
//!
//! Everything that depends on the rules of Windows is platform-neutral, so that all platforms test it:
//!
//! - [`tree`]: finds nodes by path and lists directories
//! - [`listed`]: names of a directory that Windows can distinguish
//! - [`info`]: attributes, sizes, times
//! - [`link`]: symbolic links, as far as Windows shows them
//! - [`pattern`]: wildcards of a listing
//! - [`security`]: read access
//! - [`status`]: errors as the codes of Windows
//! - [`options`]: options of a drive, and mount errors
//!
//! Names and times ([`names`], [`fold`], [`filetime`]) are in fs-core, because the importer needs them too.

pub mod info;
pub mod link;
pub mod listed;
pub mod options;
pub mod pattern;
pub mod security;
pub mod status;
pub mod tree;

#[cfg(windows)]
mod windows;

pub use fs_core::windows::{filetime, fold, names};
pub use options::{MountError, MountOptions};
#[cfg(windows)]
pub use windows::{Mount, mount};
