//! Compares look-ups with an oracle that knows nothing of gaps and folds. The oracle reads the zone's clock
//! at instants, and compares the clock with the name, field by field.

use std::collections::HashSet;
use std::fmt::Write;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::{collection, sample};

use super::super::super::Expression;
use super::super::super::fixtures::{ZONES, at, zone};
use super::{Moment, Timeline};

fn fields(civil: DateTime, count: usize) -> Vec<i16> {
    let all = [
        civil.year(),
        civil.month().into(),
        civil.day().into(),
        civil.hour().into(),
        civil.minute().into(),
        civil.second().into(),
    ];
    all[..count].to_vec()
}

fn spell(fields: &[i16], colons: bool) -> String {
    let separators = if colons { ["@", "-", "-", "T", ":", ":"] } else { ["@", "-", "-", "T", "-", "-"] };
    let mut name = String::new();
    for (index, (field, separator)) in fields.iter().zip(separators).enumerate() {
        let width = if index == 0 { 4 } else { 2 };
        write!(name, "{separator}{field:0width$}").expect("a String takes all");
    }
    name
}

/// A snapshot counts if, at its time or at any later one, the clock shows the named period or an earlier one.
/// After the snapshot, a clock can show its lowest time only just after it was set.
fn oracle(zone: &TimeZone, moments: &[Moment], wanted: &[i16]) -> Option<usize> {
    let counts = |time: Timestamp| {
        let settings = zone.following(time).take(6).map(|transition| transition.timestamp());
        std::iter::once(time)
            .chain(settings)
            .any(|instant| fields(zone.to_datetime(instant), wanted.len()) <= wanted.to_vec())
    };
    (0..moments.len()).rev().find(|&index| counts(moments[index].time))
}

/// A zone and an instant at which its clocks are set, or any instant if they never are.
fn setting() -> impl Strategy<Value = (TimeZone, Timestamp)> {
    let rare = [
        ("America/Juneau", "1867-10-19T00:00:00Z"),
        ("America/New_York", "1883-11-18T17:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("Europe/Berlin", "2024-10-27T01:00:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
        ("UTC", "2024-02-29T00:00:00Z"),
    ];
    // From 1880 to 2080.
    let usual =
        (sample::select(ZONES.to_vec()), -2_840_000_000..3_471_000_000_i64).prop_map(|(name, second)| {
            let (zone, start) = (zone(name), Timestamp::from_second(second).expect("within the limits"));
            let next = zone.following(start).next().map(|transition| transition.timestamp());
            (zone, next.unwrap_or(start))
        });
    prop_oneof![
        1 => sample::select(rare.to_vec()).prop_map(|(name, time)| (zone(name), at(time))),
        2 => usual,
    ]
}

/// Milliseconds before or after, near and far.
fn shift() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3_000..3_000_i64,
        -7_200_000..7_200_000_i64,
        -100_000_000..100_000_000_i64,
        -40_000_000_000..40_000_000_000_i64,
    ]
}

fn shifted(time: Timestamp, millis: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_millis(millis)).expect("in range")
}

fn moments(centre: Timestamp, shifts: &[i64]) -> Vec<Moment> {
    let moment =
        |(&millis, id): (&i64, u8)| Moment { time: shifted(centre, millis), id: [id; 32], number: None };
    shifts.iter().zip(0..).map(moment).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn dates_mean_what_the_clock_says(
        (zone, centre) in setting(),
        shifts in collection::vec(shift(), 0..12),
        asked in shift(),
        count in 1..=6_usize,
        colons in any::<bool>(),
    ) {
        let timeline = Timeline::new(zone.clone(), moments(centre, &shifts));
        // Moving the clock's hands instead of the instant reaches the times that the clock never shows.
        let civil = zone.to_datetime(centre).checked_add(SignedDuration::from_millis(asked)).expect("in range");
        let wanted = fields(civil, count);
        let name = spell(&wanted, colons);
        // A canonical name is exact. The oracle does not know such names.
        if timeline.find(name.as_bytes()).is_none() {
            let expected = oracle(&zone, &timeline.moments, &wanted);
            prop_assert_eq!(timeline.resolve(name.as_bytes(), Timestamp::UNIX_EPOCH), expected, "{}", name);
        }
    }

    #[test]
    fn impossible_dates_mean_nothing(
        year in 0..=9999_i16,
        month in 0..=99_i8,
        day in 0..=99_i8,
        hour in 0..=99_i8,
        count in 1..=4_usize,
    ) {
        let possible = [
            true,
            (1..=12).contains(&month),
            Date::new(year, month, day).is_ok(),
            hour < 24,
        ];
        let name = spell(&[year, month.into(), day.into(), hour.into()][..count], false);
        let parsed = Expression::parse(name.as_bytes());
        prop_assert_eq!(parsed.is_some(), possible[..count].iter().all(|&yes| yes), "{}", name);
    }

    #[test]
    fn every_name_is_unique_and_leads_back(
        (zone, centre) in setting(),
        shifts in collection::vec(shift(), 0..40),
        now in shift(),
    ) {
        let timeline = Timeline::new(zone, moments(centre, &shifts));
        let now = shifted(centre, now);
        prop_assert!(timeline.moments.is_sorted_by_key(|moment| (moment.time, moment.id)));
        let mut seen = HashSet::new();
        for (index, (name, moment)) in timeline.iter().enumerate() {
            prop_assert!(seen.insert(name), "{} twice", name);
            prop_assert!(name.starts_with('@') && !name.contains(':'), "{}", name);
            prop_assert_eq!(timeline.find(name.as_bytes()), Some(index));
            prop_assert_eq!(timeline.resolve(name.as_bytes(), now), Some(index));
            let lower = name.to_ascii_lowercase();
            prop_assert_eq!(timeline.resolve(lower.as_bytes(), now), Some(index));
            // Without its number, a name is also an expression, and means the last snapshot of its second.
            let plain = name.split('_').next().unwrap_or(name);
            let expression = Expression::parse(plain.as_bytes()).expect("a date");
            let last = timeline.select(&expression, now).expect("this snapshot or a later one");
            prop_assert!(last >= index, "{}", name);
            prop_assert_eq!(timeline.moments[last].time.duration_since(moment.time).as_secs(), 0, "{}", name);
        }
    }

    #[test]
    fn no_name_does_harm(
        zone_name in sample::select(ZONES.to_vec()),
        name in prop_oneof![
            collection::vec(any::<u8>(), 0..200),
            "@[0-9TtZzGM:.#~_+-]{0,40}".prop_map(String::into_bytes),
            "@[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}[-:][0-9]{2}[-:][0-9]{2}([+-][0-9]{2}:?[0-9]{2,4})?"
                .prop_map(String::into_bytes),
            "@[0-9]{1,30}[hdwyHDWY]?".prop_map(String::into_bytes),
            "@(latest~[0-9]{0,30}|GMT-[0-9]{4}[.]([0-9]{2}[.-]){4}[0-9]{2}|#[0-9a-f]{0,70})"
                .prop_map(String::into_bytes),
        ],
        seconds in -377_705_023_201..=253_402_207_200_i64,
        now in -377_705_023_201..=253_402_207_200_i64,
    ) {
        let instant = |second| Timestamp::from_second(second).expect("within the limits");
        let timeline = Timeline::new(zone(zone_name), vec![Moment { time: instant(seconds), id: [7; 32], number: None }]);
        let index = timeline.resolve(&name, instant(now));
        prop_assert!(index.is_none() || (index == Some(0) && name.starts_with(b"@")));
    }
}
