use std::sync::Arc;

use jiff::Timestamp;

use super::history::no_snapshot;
use super::{History, ServiceError};
use crate::history::time::Expression;
use crate::history::{Reading, Source};
use crate::view::versions::{Hit, Interval, PathHistory, Query};

/// The versions of a path.
#[derive(Debug)]
pub struct PathLog {
    /// The source that has the versions.
    pub source: Arc<Source>,
    /// The history of the path.
    history: PathHistory,
    /// Number of snapshots that count, from the first on.
    until: usize,
}

impl History {
    /// The versions of `path` in a source, or in the only one. With a time, only those that existed by then.
    pub fn log(
        &self,
        source: Option<&[u8]>,
        time: Option<&[u8]>,
        path: &[u8],
    ) -> Result<PathLog, ServiceError> {
        let source = self.source(source)?;
        let until = match time {
            None => source.timeline.len(),
            Some(time) => place(&source, time, self.view().now())? + 1,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let history = self
            .view()
            .history(&source, path)
            .map_err(|reason| ServiceError::View { path: text(path), reason })?;
        let log = PathLog { source, history, until };
        if log.intervals().all(|interval| interval.state.is_none()) {
            let source_name = text(&log.source.name);
            let meant = self.meant(Some(&log.source.name), b"@latest", path);
            return Err(ServiceError::NeverThere { path: text(path), meant, source_name });
        }
        Ok(log)
    }

    /// Passes every path of a source that matches a query, in any snapshot, to `emit`, until `emit` returns
    /// false.
    pub fn search(
        &self,
        source: &Source,
        query: &Query<'_>,
        emit: &mut dyn FnMut(Hit) -> bool,
    ) -> Result<(), ServiceError> {
        self.view().search(source, query, emit).map_err(|reason| ServiceError::View {
            path: String::from_utf8_lossy(&source.name).into_owned(),
            reason,
        })
    }

    /// The position in the timeline of `source` of the first snapshot later than `time`.
    pub fn after(&self, source: &Source, time: &[u8]) -> Result<usize, ServiceError> {
        match (place(source, time, self.view().now()), Expression::parse(time)) {
            (Ok(place), _) => Ok(place + 1),
            // The time is before the first snapshot.
            (Err(ServiceError::NoSnapshot { .. }), Some(Expression::AsOf(_) | Expression::Latest { .. })) => {
                Ok(0)
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// The position in its timeline of the snapshot of `source` that `time` means at the time `now`.
pub(super) fn place(source: &Source, time: &[u8], now: Timestamp) -> Result<usize, ServiceError> {
    source.resolve(time, now)?.ok_or_else(|| no_snapshot(source, time))
}

impl PathLog {
    /// The history of the path, oldest first, from the first snapshot that has it or could not read it.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> {
        let not_yet = |interval: &&Interval| interval.state.is_none() && interval.reading != Reading::NotRead;
        let seen = self.history.intervals().iter().skip_while(not_yet);
        seen.take_while(|interval| interval.first < self.until)
            .map(|interval| Interval { last: interval.last.min(self.until - 1), ..interval.clone() })
    }
}
