//! Canonical names of snapshots.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

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
    let offset = zone.to_offset(time);
    let civil = offset.to_datetime(time);
    let repeated = matches!(zone.to_ambiguous_timestamp(civil).offset(), AmbiguousOffset::Fold { .. });
    let name = civil_part(civil);
    if repeated { name + &offset_part(offset) } else { name }
}

fn civil_part(civil: DateTime) -> String {
    let sign = if civil.year() < 0 { "-" } else { "" };
    format!(
        "@{sign}{:04}-{:02}-{:02}T{:02}-{:02}-{:02}",
        civil.year().unsigned_abs(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

/// Formats `±hhmm`, or `±hhmmss` for the local mean times that preceded standard time.
fn offset_part(offset: Offset) -> String {
    let size = offset.seconds().unsigned_abs();
    let sign = if offset.is_negative() { '-' } else { '+' };
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    if seconds == 0 {
        format!("{sign}{hours:02}{minutes:02}")
    } else {
        format!("{sign}{hours:02}{minutes:02}{seconds:02}")
    }
}
