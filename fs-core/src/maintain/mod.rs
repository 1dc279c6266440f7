//! The care of a repository: finding damage, and telling what it harms.

mod blobs;
mod blocks;
mod catalogues;
mod check;
mod error;
mod finding;
mod harm;
mod index;
mod references;

pub use check::{CheckOptions, check};
pub use error::MaintainError;
pub use finding::{Finding, Harmed, Report};

#[cfg(test)]
mod tests;
