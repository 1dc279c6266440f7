//! Canonical names of snapshots.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

#[cfg(test)]
mod tests;

/// The canonical name of a snapshot with this time and number. A snapshot without a number may have another
/// name, if its second has several snapshots.
pub fn canonical_name(zone: &TimeZone, time: Timestamp, number: Option<u32>) -> String {
    numbered(&canonical(zone, time), number.unwrap_or(1).into())
}

/// The name of snapshot `number` in the second whose name is `second`.
pub(super) fn numbered(second: &str, number: u64) -> String {
    if number == 1 { second.to_owned() } else { format!("{second}_{number}") }
}

/// The canonical name of a second, such as `@2024-06-01T03-00-00`. If the zone's clocks show an hour twice,
/// both passes have the offset from UTC in their names (`@2024-10-27T02-30-00+0200`).
///
/// Fractions of a second are cut off, towards the past. No name contains a colon, which Windows forbids.
pub(super) fn canonical(zone: &TimeZone, time: Timestamp) -> String {
    let civil = time.to_zoned(zone.clone());
    let ambiguous = zone.to_ambiguous_timestamp(civil.datetime());
    let repeated = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
    // `%z` has seconds only for the local mean times that preceded standard time.
    let rest = civil.strftime(if repeated { "-%m-%dT%H-%M-%S%z" } else { "-%m-%dT%H-%M-%S" });
    let sign = if civil.year() < 0 { "-" } else { "" };
    format!("@{sign}{:04}{rest}", civil.year().unsigned_abs())
}
