//! Yester's platform-neutral core.
//!
//! Layers, each naming only itself and those before it:
//! [`format`] → [`store`] → {[`import`], [`view`]} → [`service`]. [`monitor`] is below all of them.

pub mod format;
pub mod import;
pub mod monitor;
pub mod service;
pub mod store;
pub mod view;
