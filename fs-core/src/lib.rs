//! Yester's platform-neutral core.

pub mod view;
