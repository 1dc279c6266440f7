//! Yester's WinFsp frontend: a drive letter or folder of Windows that shows a repository's history. What is shown is decided
//! by [`fs_core::view`].
//!
//! All that follows from Windows' ways is platform-neutral, so that it is tested everywhere:
//!
//! - [`tree`]: from a path to what is there; what a directory lists
//! - [`listed`]: names of a directory that Windows can tell apart
//! - [`info`]: attributes, sizes, times
//! - [`link`]: symbolic links, as far as Windows is shown them
//! - [`pattern`]: the wildcards of a listing
//! - [`security`]: who may read
//! - [`status`]: errors as Windows' codes
//! - [`options`]: how a drive is mounted
//!
//! Names and times themselves ([`names`], [`fold`], [`filetime`]) lie in fs-core, where the importer needs them, too.

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
