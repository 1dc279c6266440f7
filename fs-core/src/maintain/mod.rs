//! Maintenance of a repository. A check finds damage and the paths that it affects. A repair leaves out what
//! is lost.

mod blobs;
mod check;
mod error;
mod finding;
mod index;
mod inventory;
mod loss;
mod objects;
mod repair;
mod steps;
mod tree_reader;
mod tree_walk;

pub use check::{CheckOptions, check};
pub use error::MaintainError;
pub use finding::{Defect, Finding, Report};
pub use loss::{DamagedPath, Lost};
pub use repair::{DamagedPack, LostManifest, RepairOptions, Repaired, RepairedSnapshot, repair};

#[cfg(test)]
mod tests;
