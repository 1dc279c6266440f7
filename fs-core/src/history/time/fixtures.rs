//! Shared by the tests of this folder.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Moment, Timeline};

/// Zones with unusual clocks.
pub(super) const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    // The offset is 45 minutes past the hour.
    "Asia/Kathmandu",
    // Clocks are set by half an hour.
    "Australia/Lord_Howe",
    // The zone skipped 2011-12-30.
    "Pacific/Apia",
    // The zone repeats the last hour of a day, and skips the first.
    "America/Sao_Paulo",
    // The zone repeated a whole day in 1867.
    "America/Juneau",
    // Daylight saving time has a negative offset from standard time.
    "Europe/Dublin",
];

impl Timeline {
    /// A timeline without lost snapshots.
    pub(super) fn new(zone: TimeZone, moments: Vec<Moment>) -> Self {
        Self::with_lost(zone, moments, &[])
    }
}

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a known zone")
}

/// Parses an instant in the format of RFC 3339.
pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 time")
}
