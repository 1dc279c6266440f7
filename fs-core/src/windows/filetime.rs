//! Windows file times.

const TICKS_PER_SECOND: u64 = 10_000_000;
const NANOSECONDS_PER_TICK: u32 = 100;
/// From 1601-01-01 to 1970-01-01: 369 years, 89 of them leap years.
const EPOCH_DISTANCE_SECONDS: i64 = (369 * 365 + 89) * 86_400;

/// A time as Windows counts it: 100-nanosecond ticks since 1601-01-01T00:00:00 UTC ([MS-DTYP] 2.3.3,
/// `FILETIME`).
///
/// Never above [`FileTime::MAX`]: Windows treats greater values as invalid, since its kernel holds the same
/// count in a signed integer (`LARGE_INTEGER`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(u64);

impl FileTime {
    /// 1601-01-01T00:00:00 UTC. Many Windows programs show it as "no time".
    pub const MIN: Self = Self(0);
    /// The last time, in the year 30828.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());

    /// The time of `ticks`, or [`FileTime::MAX`] if Windows has no such time.
    pub const fn from_ticks(ticks: u64) -> Self {
        if ticks > Self::MAX.0 { Self::MAX } else { Self(ticks) }
    }

    /// The 64-bit count: `dwHighDateTime` above `dwLowDateTime`.
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// The last tick that is not after the given Unix time, or the nearest time that Windows has.
    ///
    /// Rounding towards the past keeps the order of times, and never shows a file as newer than it is.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        // i128, because an i64 of seconds has no room for seven more decimal digits.
        let seconds = i128::from(seconds) + i128::from(EPOCH_DISTANCE_SECONDS);
        let ticks = seconds * i128::from(TICKS_PER_SECOND) + i128::from(nanoseconds / NANOSECONDS_PER_TICK);
        u64::try_from(ticks.max(0)).map_or(Self::MAX, Self::from_ticks)
    }

    /// Seconds since 1970-01-01T00:00:00 UTC, and nanoseconds (a multiple of 100) after that second.
    pub const fn to_unix(self) -> (i64, u32) {
        let seconds = (self.0 / TICKS_PER_SECOND).cast_signed();
        let ticks_after = (self.0 % TICKS_PER_SECOND) as u32;
        (seconds - EPOCH_DISTANCE_SECONDS, ticks_after * NANOSECONDS_PER_TICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (unix, ticks) in [
            ((0, 0), 116_444_736_000_000_000),
            ((-11_644_473_600, 0), 0),
            ((-11_644_473_600, 100), 1),
            ((1_717_210_800, 123_456_700), 133_616_844_001_234_567),
            ((-1, 999_999_900), 116_444_735_999_999_999),
        ] {
            let time = FileTime::from_unix(unix.0, unix.1);
            assert_eq!(time.ticks(), ticks, "{unix:?}");
            assert_eq!(time.to_unix(), unix);
        }
    }

    #[test]
    fn times_that_windows_lacks_become_the_nearest_it_has() {
        assert_eq!(FileTime::from_unix(-11_644_473_601, 999_999_999), FileTime::MIN);
        assert_eq!(FileTime::from_unix(i64::MIN, 0), FileTime::MIN);
        assert_eq!(FileTime::from_unix(i64::MAX, u32::MAX), FileTime::MAX);
        assert_eq!(FileTime::from_ticks(u64::MAX), FileTime::MAX);
        let (seconds, nanoseconds) = FileTime::MAX.to_unix();
        assert_eq!(FileTime::from_unix(seconds, nanoseconds), FileTime::MAX);
        assert_eq!(FileTime::from_unix(seconds, nanoseconds + 100), FileTime::MAX);
    }

    #[test]
    fn rounds_towards_the_past_before_1970_too() {
        assert_eq!(FileTime::from_unix(5, 199).to_unix(), (5, 100));
        assert_eq!(FileTime::from_unix(-5, 199).to_unix(), (-5, 100));
    }

    proptest! {
        #[test]
        fn every_tick_survives_the_way_there_and_back(ticks in 0..=FileTime::MAX.ticks()) {
            let time = FileTime::from_ticks(ticks);
            let (seconds, nanoseconds) = time.to_unix();
            prop_assert!(nanoseconds < 1_000_000_000);
            prop_assert_eq!(FileTime::from_unix(seconds, nanoseconds), time);
        }

        #[test]
        fn order_is_kept(a: (i64, u32), b: (i64, u32)) {
            let valid = |(seconds, nanoseconds): (i64, u32)| (seconds, nanoseconds % 1_000_000_000);
            let (a, b) = (valid(a), valid(b));
            if a <= b {
                prop_assert!(FileTime::from_unix(a.0, a.1) <= FileTime::from_unix(b.0, b.1));
            }
        }
    }
}
