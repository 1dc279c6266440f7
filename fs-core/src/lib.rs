//! Yester's platform-neutral core.
pub mod format;
pub mod store;
