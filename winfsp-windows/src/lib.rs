//! Yester on Windows, through WinFsp.
//!
//! What only converts between the two worlds is platform-neutral, and lies in fs-core, where the importer needs it, too:
//!
//! Unix times and Windows `FILETIME`s ([`filetime`]), Unix file names and names that Windows accepts ([`names`]).

pub use fs_core::windows::{filetime, names};
