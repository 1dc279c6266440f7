//! The days on which snapshots were made, and the number of changes on each.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{History, ServiceError};
use crate::monitor::Cancellation;

/// A day that has snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The date, in the zone of the history.
    pub date: Date,
    /// Number of snapshots.
    pub snapshots: u64,
    /// Paths in which the day's snapshots differ from the ones before them. A source's first snapshot counts
    /// no changes.
    pub changes: u64,
}

/// Lists the days of a source, or of all sources, in order. `progress` receives the number of snapshots done,
/// and of all.
pub fn days(
    history: &History,
    source: Option<&[u8]>,
    progress: &dyn Fn(usize, usize),
    cancellation: &Cancellation,
) -> Result<Vec<Day>, ServiceError> {
    let view = history.view();
    let sources = history.sources(source)?;
    let all = sources.iter().map(|source| source.timeline.len()).sum();
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    let mut done = 0;
    for source in sources {
        let mut before = None;
        for (name, moment) in source.timeline.iter() {
            progress(done, all);
            let failed = |reason| {
                let path = format!("{}{name}", String::from_utf8_lossy(&source.name));
                ServiceError::View { path, reason }
            };
            let root = view.walk(&source, name.as_bytes(), b"").map_err(failed)?;
            let date = source.timeline.zone().to_datetime(moment.time).date();
            let day = days.entry(date).or_insert(Day { date, snapshots: 0, changes: 0 });
            day.snapshots += 1;
            if before.is_some() {
                view.compare(before.as_ref(), Some(&root), &mut |difference| {
                    let counts = !difference.is_wake() && difference.reading.is_certain();
                    day.changes = day.changes.saturating_add(u64::from(counts));
                    !cancellation.is_cancelled()
                })
                .map_err(failed)?;
            }
            if cancellation.is_cancelled() {
                return Err(ServiceError::Cancelled);
            }
            before = Some(root);
            done += 1;
        }
    }
    Ok(days.into_values().collect())
}
