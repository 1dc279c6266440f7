//! Maintenance of a repository: a check finds damage and the paths that it harms, and a repair leaves out
//! what is lost.

mod blobs;
mod blocks;
mod bounds;
mod catalogues;
mod check;
mod error;
mod finding;
mod harm;
mod index;
mod judge;
mod loss;
mod references;
mod repair;
mod search;
mod tags;

pub use check::{CheckOptions, check};
pub use error::MaintainError;
pub use finding::{Finding, Harmed, Report};
pub use loss::{Loss, Lost};
pub use repair::{DamagedPack, DamagedTag, LostManifest, RepairOptions, Repaired, RepairedSnapshot, repair};

#[cfg(test)]
mod tests;
