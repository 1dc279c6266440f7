//! What the tests of this folder share.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Zones with something odd about them.
pub(super) const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    // 45 minutes past the hour.
    "Asia/Kathmandu",
    // Clocks are set by half an hour.
    "Australia/Lord_Howe",
    // Skipped 2011-12-30.
    "Pacific/Apia",
    // Repeats the last hour of a day, and skips the first.
    "America/Sao_Paulo",
    // Repeated a whole day in 1867.
    "America/Juneau",
    // Daylight saving is a negative offset from the standard.
    "Europe/Dublin",
];

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a known zone")
}

/// An instant from RFC 3339.
pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 time")
}
