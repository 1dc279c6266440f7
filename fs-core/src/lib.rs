//! Yester's platform-neutral core.
//!
//! Each layer names only itself and those before it: [`mod@format`] → [`store`] → [`history`] →
//! {[`import`], [`view`], [`maintain`], [`mod@copy`]} → {[`mod@export`], `restore`, `watch`} → [`service`]. [`clock`],
//! [`monitor`], [`platform`] and [`windows`] are below all of them.

#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]
#![allow(
    clippy::cast_possible_truncation,
    reason = "what comes from disk is checked against `format::limits` before it is narrowed; supported targets have 64 bits"
)]

pub mod clock;
pub mod copy;
pub mod export;
pub mod format;
pub mod history;
pub mod import;
pub mod maintain;
pub mod monitor;
pub mod platform;
#[cfg(any(target_os = "linux", windows))]
pub mod restore;
pub mod service;
pub mod store;
#[cfg(test)]
mod testing;
pub mod view;
#[cfg(target_os = "linux")]
pub mod watch;
pub mod windows;
