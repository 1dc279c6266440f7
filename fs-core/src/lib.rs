//! Yester's platform-neutral core.
pub mod format;
