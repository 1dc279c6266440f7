//! Repair: what is intact in damaged packs is found without their catalogues, and stored again.

mod mend;
pub(super) mod salvage;
mod scan;
