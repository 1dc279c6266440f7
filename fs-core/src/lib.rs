//! Yester's platform-neutral core.
