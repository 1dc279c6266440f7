//! Checks the tags of snapshots. Nothing refers to a tag, so a tag can be found damaged, but not missing.

use super::check::Check;
use super::repair::DamagedTag;
use super::{Finding, MaintainError};
use crate::format::{Tag, TagId};
use crate::store::{Repository, StoreError};

/// The readable tags, and the errors of the others.
type Read = (Vec<Tag>, Vec<(TagId, StoreError)>);

fn read(repository: &Repository) -> Result<Read, StoreError> {
    let (mut tags, mut unread) = (Vec::new(), Vec::new());
    let mut ids = repository.tags()?;
    ids.sort_unstable();
    for id in ids {
        match repository.tag(&id) {
            Ok(tag) => tags.push(tag),
            // The tag was removed meanwhile, as the lock may not be held.
            Err(StoreError::Missing(_)) => {}
            Err(error) => unread.push((id, error)),
        }
    }
    Ok((tags, unread))
}

pub(super) fn check(check: &mut Check<'_>) -> Result<(), MaintainError> {
    for (tag, error) in read(&check.repository)?.1 {
        check.findings.push(Finding::Tag { tag, reason: error.to_string() });
    }
    Ok(())
}

/// Returns the readable tags and the lost ones.
pub(super) fn survey(repository: &Repository) -> Result<(Vec<Tag>, Vec<DamagedTag>), MaintainError> {
    let (tags, unread) = read(repository)?;
    let mut damaged = Vec::with_capacity(unread.len());
    for (tag, error) in unread {
        if !error.is_loss() {
            return Err(error.into());
        }
        damaged.push(DamagedTag { tag, reason: error.to_string(), place: None });
    }
    Ok((tags, damaged))
}
