use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::FormatError;
use super::codec::{Cursor, Encode};

/// A point in time: seconds since 1970-01-01T00:00:00Z, and nanoseconds (below 10⁹) after that second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    secs: i64,
    nanos: u32,
}

impl Time {
    /// Makes a time. `None` if `nanos` is not below 10⁹.
    pub fn new(secs: i64, nanos: u32) -> Option<Self> {
        (nanos < 1_000_000_000).then_some(Self { secs, nanos })
    }

    /// Whole seconds, rounded down.
    pub fn secs(self) -> i64 {
        self.secs
    }

    /// Nanoseconds after [`secs`](Self::secs).
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// The nearest time that `jiff` can express. Its range ends with the year 9999.
    pub fn timestamp(self) -> jiff::Timestamp {
        let limit = if self.secs < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let nanos = i128::from(self.secs) * 1_000_000_000 + i128::from(self.nanos);
        jiff::Timestamp::from_nanosecond(nanos).unwrap_or(limit)
    }

    /// The time of the standard library; `None` if it is out of this system's range.
    pub fn system_time(self) -> Option<SystemTime> {
        let secs = Duration::from_secs(self.secs.unsigned_abs());
        let whole = if self.secs < 0 { UNIX_EPOCH.checked_sub(secs) } else { UNIX_EPOCH.checked_add(secs) };
        whole?.checked_add(Duration::from_nanos(self.nanos.into()))
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.put_zigzag(self.secs);
        out.put_varint(u64::from(self.nanos));
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let secs = cursor.zigzag("time")?;
        let nanos = cursor.bounded(999_999_999, "nanoseconds")? as u32;
        Ok(Self { secs, nanos })
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(timestamp: jiff::Timestamp) -> Self {
        let nanos = timestamp.as_nanosecond();
        Self { secs: nanos.div_euclid(1_000_000_000) as i64, nanos: nanos.rem_euclid(1_000_000_000) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_go_both_ways() {
        for nanos in [0, 1, -1, 1_717_210_800_000_000_005, -1_717_210_800_000_000_005] {
            let timestamp = jiff::Timestamp::from_nanosecond(nanos).unwrap();
            assert_eq!(Time::from(timestamp).timestamp(), timestamp);
        }
        assert_eq!(Time { secs: i64::MAX, nanos: 0 }.timestamp(), jiff::Timestamp::MAX);
        assert_eq!(Time { secs: i64::MIN, nanos: 0 }.timestamp(), jiff::Timestamp::MIN);
    }
}
