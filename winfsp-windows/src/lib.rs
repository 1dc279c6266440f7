//! Yester on Windows, through WinFsp.
//!
//! What only converts between the two worlds is platform-neutral, and lies in fs-core, where the importer needs it, too:
//!
//! - [`filetime`]: Unix times and Windows `FILETIME`s
//! - [`names`]: Unix file names and names that Windows accepts

pub use fs_core::windows::{filetime, names};
