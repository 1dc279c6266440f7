//! The end of a period in the civil calendar of one zone, with its repeated and skipped hours.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

#[cfg(test)]
mod tests;

/// A span of time named by an expression. Only its end matters, so only its end is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A year, month, day, hour, minute or second of the calendar.
    Calendar {
        /// The period's last nanosecond, as clocks show it.
        last: DateTime,
        /// The offset of those clocks from UTC, if the name has one. Otherwise they are the zone's clocks.
        offset: Option<Offset>,
    },
    /// The day of `now`.
    Today,
    /// The day before the day of `now`.
    Yesterday,
    /// The latest day of this name that has begun: today, or one of the six days before.
    Weekday(Weekday),
    /// A single instant: this long before `now`.
    Ago {
        /// Number of units.
        count: i64,
        /// Unit of `count`.
        unit: AgoUnit,
    },
    /// One second.
    Epoch {
        /// Seconds since 1970-01-01T00:00:00Z.
        second: i64,
    },
}

/// The unit of [`Period::Ago`]. Hours are exact. The other units keep the time of the clock, so a day may
/// last 23 or 25 hours. One year before 29 February is 28 February.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgoUnit {
    /// 3600 seconds.
    Hours,
    /// Days of the zone's calendar.
    Days,
    /// Seven days of the zone's calendar.
    Weeks,
    /// Years of the zone's calendar.
    Years,
}

impl Period {
    /// The period's last instant, to the nanosecond. The instant belongs to the period.
    ///
    /// If the clocks show the end twice, it is the later of the two instants. If they skip the end, it is the
    /// last instant before the skip. An end too late for [`Timestamp`] is its maximum. `None` means a time
    /// before any that can be represented, hence before every snapshot.
    pub fn last_instant(self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        match self {
            Period::Calendar { last, offset: None } => Some(last_showing(zone, last)),
            // Only the year 9999 can fail.
            Period::Calendar { last, offset: Some(offset) } => {
                Some(offset.to_timestamp(last).unwrap_or(Timestamp::MAX))
            }
            Period::Today => end_of_day(zone, now, 0),
            Period::Yesterday => end_of_day(zone, now, 1),
            Period::Weekday(weekday) => {
                let today = zone.to_datetime(now).weekday();
                end_of_day(zone, now, today.since(weekday))
            }
            Period::Ago { count, unit } => ago(zone, now, count, unit),
            Period::Epoch { second } => Some(Timestamp::new(second, 999_999_999).unwrap_or(Timestamp::MAX)),
        }
    }
}

fn end_of_day(zone: &TimeZone, now: Timestamp, days_ago: i8) -> Option<Timestamp> {
    let day = zone.to_datetime(now).checked_sub(Span::new().days(days_ago)).ok()?;
    Some(last_showing(zone, day.end_of_day()))
}

fn ago(zone: &TimeZone, now: Timestamp, count: i64, unit: AgoUnit) -> Option<Timestamp> {
    let span = match unit {
        AgoUnit::Hours => {
            let duration = SignedDuration::from_secs(count.checked_mul(3600)?);
            return now.checked_sub(duration).ok();
        }
        AgoUnit::Days => Span::new().try_days(count),
        AgoUnit::Weeks => Span::new().try_weeks(count),
        AgoUnit::Years => Span::new().try_years(count),
    };
    let then = zone.to_datetime(now).checked_sub(span.ok()?).ok()?;
    // In a repeated hour, "0 days ago" could be an hour ahead of `now`.
    Some(last_showing(zone, then).min(now))
}

/// The last instant at which the zone's clocks have not yet passed this time for good.
fn last_showing(zone: &TimeZone, civil: DateTime) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if let AmbiguousOffset::Gap { before, after } = ambiguous.offset() {
        return last_before_gap(zone, civil, before, after);
    }
    // All years that can be written fit, except for the last hours of 9999.
    ambiguous.later().unwrap_or(Timestamp::MAX)
}

/// The last instant before the clocks skipped this time.
fn last_before_gap(zone: &TimeZone, civil: DateTime, before: Offset, after: Offset) -> Timestamp {
    // With the new offset the time lies before the jump, with the old one at or after it.
    let Ok(from) = after.to_timestamp(civil) else { return Timestamp::MAX };
    let to = before.to_timestamp(civil).unwrap_or(Timestamp::MAX);
    let jump = zone
        .following(from)
        .map(|transition| transition.timestamp())
        .take_while(|&transition| transition <= to)
        .find(|&transition| zone.to_offset(transition) == after);
    jump.and_then(|jump| jump.checked_sub(SignedDuration::from_nanos(1)).ok()).unwrap_or(from)
}
