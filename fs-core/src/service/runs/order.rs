//! The numbers of levels against their times.
//!
//! In one interval a lower number is a later run: rsnapshot only counts up. Levels of different intervals tell nothing of
//! each other.

use std::collections::HashMap;

use super::ServiceError;
use crate::format::Time;
use crate::import::layout::{LevelName, Plan};

/// A level as it is, or would be, in a source's history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a> {
    pub(super) level: &'a LevelName,
    /// When its run completed, as the repository has it or will have it.
    pub(super) time: Time,
    pub(super) is_new: bool,
}

/// Fails unless the new levels have the order of their numbers, among themselves and with those that were imported. The
/// order of what was imported is not asked for.
pub(super) fn check(plan: &Plan, levels: &[Timed<'_>]) -> Result<(), ServiceError> {
    let mut intervals: HashMap<&str, Vec<Timed<'_>>> = HashMap::new();
    for level in levels {
        intervals.entry(&level.level.interval).or_default().push(*level);
    }
    let mut new: HashMap<Time, &LevelName> = HashMap::new();
    for level in levels.iter().filter(|level| level.is_new) {
        if let Some(other) = new.insert(level.time, level.level) {
            return Err(same_time(plan, level, other));
        }
    }
    let mut intervals: Vec<_> = intervals.into_values().collect();
    intervals.sort_by_key(|levels| levels.first().map(|level| &level.level.interval));
    intervals.into_iter().try_for_each(|levels| check_interval(plan, levels))
}

fn check_interval(plan: &Plan, mut levels: Vec<Timed<'_>>) -> Result<(), ServiceError> {
    // Oldest first, by number.
    levels.sort_by_key(|level| std::cmp::Reverse(level.level.number));
    let (mut latest, mut latest_new): (Option<Timed<'_>>, Option<Timed<'_>>) = (None, None);
    for level in levels {
        let before = if level.is_new { latest } else { latest_new };
        if let Some(older) = before.filter(|older| older.time >= level.time) {
            if older.time == level.time {
                return Err(same_time(plan, &level, older.level));
            }
            return Err(ServiceError::LevelOrder {
                root: plan.root.clone(),
                newer: level.level.to_string(),
                older: older.level.to_string(),
                newer_time: level.time.timestamp(),
                older_time: older.time.timestamp(),
            });
        }
        let later = |best: Option<Timed<'_>>| best.is_none_or(|best| best.time < level.time);
        if later(latest) {
            latest = Some(level);
        }
        if level.is_new && later(latest_new) {
            latest_new = Some(level);
        }
    }
    Ok(())
}

fn same_time(plan: &Plan, level: &Timed<'_>, other: &LevelName) -> ServiceError {
    ServiceError::LevelTimes {
        root: plan.root.clone(),
        one: level.level.to_string(),
        other: other.to_string(),
        time: level.time.timestamp(),
    }
}
