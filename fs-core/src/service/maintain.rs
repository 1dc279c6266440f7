use std::path::Path;

use super::ServiceError;
use crate::maintain::{self, CheckOptions, DamagedPath, RepairOptions, Repaired, Report};
use crate::monitor::{Cancellation, Monitor};
use crate::store::{Rebuilt, Repository};

/// Looks for damage in the repository in `root`. The report holds all damage; an error means that the check
/// could not run.
pub fn check(
    root: &Path,
    options: CheckOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Report, ServiceError> {
    Ok(maintain::check(root, options, monitor, cancellation)?)
}

/// Repairs the repository in `root`. `on_loss` receives everything that is lost of its snapshots.
pub fn repair(
    root: &Path,
    options: RepairOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
    on_loss: &mut dyn FnMut(&DamagedPath),
) -> Result<Repaired, ServiceError> {
    Ok(maintain::repair(root, options, monitor, cancellation, on_loss)?)
}

/// Makes the index of the repository in `root` again from its packs.
pub fn rebuild_index(
    root: &Path,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Rebuilt, ServiceError> {
    Repository::rebuild_index(root, monitor, cancellation)?.ok_or(ServiceError::Cancelled)
}
