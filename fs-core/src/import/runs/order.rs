//! Checks the times of levels against their numbers.
//!
//! Within an interval a lower number is a later run, as rsnapshot only counts up. The levels of an interval
//! come from those of the interval before, so these are later runs. This rule applies only to times that no
//! run has set: if `retain` is lowered, old levels of the interval before stay there for ever.

use std::collections::{BTreeMap, HashMap};

use crate::format::Time;
use crate::import::ImportError;
use crate::import::layout::{LevelName, Plan};

/// A level as it is, or would be, in a source's history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a> {
    pub(super) level: &'a LevelName,
    /// The time when its run completed, as the repository has it or will have it.
    pub(super) time: Time,
    pub(super) is_new: bool,
    /// The time was set by a run, not by a later change of the level.
    pub(super) is_sure: bool,
}

/// Fails unless the times of new levels have the order of their numbers, among themselves and with imported
/// levels. The order among imported levels is not checked.
pub(super) fn check(plan: &Plan, levels: &[Timed<'_>]) -> Result<(), ImportError> {
    let mut intervals: BTreeMap<&str, Vec<Timed<'_>>> = BTreeMap::new();
    for level in levels {
        intervals.entry(&level.level.interval).or_default().push(*level);
    }
    let mut new: HashMap<Time, &LevelName> = HashMap::new();
    for level in levels.iter().filter(|level| level.is_new) {
        if let Some(other) = new.insert(level.time, level.level) {
            return Err(same_time(plan, level, other));
        }
    }
    intervals.into_values().try_for_each(|levels| check_interval(plan, levels))?;
    check_ranks(plan, levels)
}

/// Fails if the changed time of a level makes it later than a level of an interval before.
fn check_ranks(plan: &Plan, levels: &[Timed<'_>]) -> Result<(), ImportError> {
    // The earliest sure level of each interval that has a rank.
    let mut earliest: HashMap<(usize, usize), Timed<'_>> = HashMap::new();
    for level in levels.iter().filter(|level| level.is_sure) {
        let Some(rank) = plan.rank(&level.level.interval) else { continue };
        let known = earliest.entry(rank).or_insert(*level);
        if level.time < known.time {
            *known = *level;
        }
    }
    for level in levels.iter().filter(|level| level.is_new && !level.is_sure) {
        let Some((group, rank)) = plan.rank(&level.level.interval) else { continue };
        let later = (0..rank).filter_map(|rank| earliest.get(&(group, rank)));
        if let Some(newer) = later.filter(|newer| newer.time <= level.time).min_by_key(|newer| newer.time) {
            return Err(contradiction(plan, newer, level));
        }
    }
    Ok(())
}

fn check_interval(plan: &Plan, mut levels: Vec<Timed<'_>>) -> Result<(), ImportError> {
    // Oldest first, by number.
    levels.sort_by_key(|level| std::cmp::Reverse(level.level.number));
    let (mut latest, mut latest_new): (Option<Timed<'_>>, Option<Timed<'_>>) = (None, None);
    for level in levels {
        let before = if level.is_new { latest } else { latest_new };
        if let Some(older) = before.filter(|older| older.time >= level.time) {
            if older.time == level.time {
                return Err(same_time(plan, &level, older.level));
            }
            return Err(contradiction(plan, &level, &older));
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

fn contradiction(plan: &Plan, newer: &Timed<'_>, older: &Timed<'_>) -> ImportError {
    let contradiction = format!(
        "{} must be newer than {}, but its time is not later ({}, {})",
        newer.level,
        older.level,
        newer.time.timestamp(),
        older.time.timestamp()
    );
    ImportError::LevelTimes { root: plan.root.clone(), contradiction, wrong: "the wrong time" }
}

fn same_time(plan: &Plan, level: &Timed<'_>, other: &LevelName) -> ImportError {
    let time = level.time.timestamp();
    let contradiction =
        format!("{} and {other} have one time ({time}), so their order is unknown", level.level);
    ImportError::LevelTimes { root: plan.root.clone(), contradiction, wrong: "their times" }
}
