//! Yester on Windows, through WinFsp.
//!
//! What only converts between the two worlds is platform-neutral, and so is tested on Linux:
//!
//! - [`filetime`]: Unix times and Windows `FILETIME`s
//! - [`names`]: Unix file names and names that Windows accepts

pub mod filetime;
pub mod names;
