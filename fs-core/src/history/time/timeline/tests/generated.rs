//! Looks up names in random timelines, and compares the results with the oracle.

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};
use proptest::{collection, option, sample};

use super::super::super::fixtures::zone;
use super::oracle::{Asked, Committed, Fields, Instant, Oracle};
use super::{Moment, Timeline};

/// Zones with unusual clocks. All tables of 1995 to 2023 agree on them.
const ZONES: [&str; 21] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    // Daylight saving time has a negative offset from standard time.
    "Europe/Dublin",
    "America/New_York",
    "America/Los_Angeles",
    // Until 2011 clocks were set at one minute past midnight, so a day began twice.
    "America/St_Johns",
    // Clocks are set at midnight. The first hour of a day is skipped, and the last hour of a day is repeated.
    "America/Sao_Paulo",
    "America/Havana",
    // Standard time changed by half an hour, and later changed back.
    "America/Caracas",
    "Asia/Pyongyang",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    // Clocks are set by half an hour, and by two hours.
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    // The offset is 45 minutes past the hour, and clocks are set.
    "Pacific/Chatham",
    // These zones are the farthest east and west.
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    // The zone skipped 2011-12-30.
    "Pacific/Apia",
    "Pacific/Fakaofo",
];

/// From 1995-01-03 to 2023-12-29, in Unix seconds.
const SECONDS: std::ops::Range<i64> = 789_091_200..1_703_808_000;

/// The minute at which the zone's clocks are set next; `None` if they are not set within a year.
fn setting(zone: Tz, start: Instant) -> Option<Instant> {
    let offset = |time: Instant| time.with_timezone(&zone).offset().fix();
    let hours = (0..366 * 24).map(|hours| start + TimeDelta::hours(hours));
    let before = hours.clone().zip(hours.skip(1)).find(|(hour, next)| offset(*hour) != offset(*next))?.0;
    let mut minutes = (0..=60).map(|minutes| before + TimeDelta::minutes(minutes));
    minutes.find(|minute| offset(*minute) != offset(before))
}

fn kept(time: Instant) -> Instant {
    let second = time.timestamp().clamp(SECONDS.start, SECONDS.end);
    DateTime::from_timestamp(second, time.timestamp_subsec_nanos()).expect("a time")
}

/// Shifts near and far, which often lead to the same second again.
fn shift() -> impl Strategy<Value = TimeDelta> {
    let millis = prop_oneof![
        2 => -1_500..1_500_i64,
        3 => -9_000_000..9_000_000_i64,
        2 => -200_000_000..200_000_000_i64,
        1 => -50_000_000_000..50_000_000_000_i64,
    ];
    (millis, sample::select(vec![0, 1, 999_999]))
        .prop_map(|(millis, nanos)| TimeDelta::milliseconds(millis) + TimeDelta::nanoseconds(nanos))
}

fn fields(clock: NaiveDateTime) -> Fields {
    let year = clock.year().try_into().expect("after year 0");
    [year, clock.month(), clock.day(), clock.hour(), clock.minute(), clock.second()]
}

/// Moves the clock's hands instead of the time, so the fields may show a time that the clock never shows. One
/// field may be any number.
fn clock(shown: NaiveDateTime) -> impl Strategy<Value = Fields> {
    let wrong = (1..6_usize, prop_oneof![0..100_u32, Just(0), Just(13), 29..32_u32, Just(24), Just(60)]);
    (shift(), option::weighted(0.1, wrong)).prop_map(move |(shift, wrong)| {
        let mut fields = fields(shown + shift);
        if let Some((index, number)) = wrong {
            fields[index] = number;
        }
        fields
    })
}

fn asked(zone: Tz, centre: Instant) -> impl Strategy<Value = Asked> {
    let east = prop_oneof![
        Just(centre.with_timezone(&zone).offset().fix().local_minus_utc() / 60),
        -840..=840_i32,
        Just(0),
    ];
    let offset = (4..=6_usize, option::weighted(0.3, east));
    let count = prop_oneof![1 => (1..=3_usize, Just(None)), 3 => offset];
    let shown = centre.with_timezone(&zone).naive_local();
    let ago = prop_oneof![4 => 0..40_u32, 1 => 0..10_000_u32, 1 => any::<u32>()];
    let day = (0..7_u8).prop_map(|day| Weekday::try_from(day).expect("below seven"));
    let epoch = shift().prop_map(move |shift| (centre + shift).timestamp());
    prop_oneof![
        12 => (clock(shown), count, any::<bool>())
            .prop_map(|(fields, (count, east), colons)| Asked::Clock { fields, count, colons, east }),
        1 => Just(Asked::Today),
        1 => Just(Asked::Yesterday),
        3 => day.prop_map(Asked::Weekday),
        6 => (ago, sample::select(vec!['h', 'd', 'w', 'y'])).prop_map(|(count, unit)| Asked::Ago(count, unit)),
        2 => epoch.prop_map(Asked::Epoch),
        1 => option::of(0..14_usize).prop_map(Asked::Latest),
        1 => Just(Asked::First),
        2 => clock(centre.naive_utc()).prop_map(Asked::Gmt),
        2 => (0..3_u8, 0..12_u8, 4..=64_usize).prop_map(|(kind, nth, digits)| {
            Asked::Id((format!("{kind:02x}").repeat(2) + &format!("{nth:02x}").repeat(30))[..digits].to_owned())
        }),
        2 => (0..12_usize, option::of(0..4_u32)).prop_map(|(index, number)| Asked::Listed(index, number)),
    ]
}

/// Snapshots in a zone, and names with the times at which they are looked up.
#[derive(Clone, Debug)]
struct Case {
    zone: Tz,
    snapshots: Vec<Committed>,
    asked: Vec<(Instant, Asked)>,
}

fn case() -> impl Strategy<Value = Case> {
    (sample::select(ZONES.to_vec()), SECONDS, any::<bool>(), 0..3_u8).prop_flat_map(
        |(name, second, near, kind)| {
            let zone: Tz = name.parse().expect("a known zone");
            let start = DateTime::<Utc>::from_timestamp_secs(second).expect("a time");
            let centre = near.then(|| setting(zone, start)).flatten().map_or(start, kept);
            let at = move |shift| kept(centre + shift);
            // Some snapshots have no number, and some have the number of another one.
            let snapshots = collection::vec((shift(), option::of(1..6_u32)), 0..12);
            let asked = collection::vec((shift(), asked(zone, centre)), 16);
            (snapshots, asked).prop_map(move |(snapshots, asked)| {
                let id = |nth: u8| std::array::from_fn(|index| if index < 2 { nth % 2 + kind } else { nth });
                Case {
                    zone,
                    snapshots: snapshots
                        .into_iter()
                        .zip(0..)
                        .map(|((shift, number), nth)| (at(shift), id(nth), number))
                        .collect(),
                    asked: asked.into_iter().map(|(shift, asked)| (at(shift), asked)).collect(),
                }
            })
        },
    )
}

fn timestamp(time: Instant) -> Timestamp {
    let nanos = time.timestamp_subsec_nanos().try_into().expect("below a second");
    Timestamp::new(time.timestamp(), nanos).expect("a time")
}

fn moment(&(time, id, number): &Committed) -> Moment {
    Moment { time: timestamp(time), id, number }
}

fn judge(Case { zone: tz, snapshots, asked }: Case) -> TestCaseResult {
    let timeline = Timeline::new(zone(tz.name()), snapshots.iter().map(moment).collect());
    let oracle = Oracle::new(tz, snapshots);
    prop_assert_eq!(super::names(&timeline), oracle.names.iter().collect::<Vec<_>>());
    for (now, asked) in asked {
        for (index, name) in oracle.names.iter().enumerate() {
            prop_assert_eq!(timeline.resolve(name.as_bytes(), timestamp(now)), Some(index), "{}", name);
        }
        let name = oracle.spell(&asked);
        let seen = timeline.resolve(name.as_bytes(), timestamp(now));
        prop_assert_eq!(seen, oracle.meaning(&asked, now), "{} at {} among {:?}", name, now, oracle.names);
    }
    Ok(())
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        max_shrink_iters: 2_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Makes 40,000 look-ups, the same in each run.
#[test]
fn names_mean_what_another_calendar_says() {
    TestRunner::new(config(2_500)).run(&case(), judge).unwrap_or_else(|error| panic!("{error}"));
}

/// An event in the history of a source.
#[derive(Clone, Debug)]
enum Event {
    Commit(TimeDelta),
    /// The manifest of a snapshot is gone. The flag says whether the index still records the snapshot.
    Lose(usize, bool),
}

fn event() -> impl Strategy<Value = Event> {
    // Most snapshots are within a few seconds.
    let near = (-1_500..1_500_i64).prop_map(TimeDelta::milliseconds);
    prop_oneof![
        4 => near.prop_map(Event::Commit),
        1 => shift().prop_map(Event::Commit),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, known)| Event::Lose(which, known)),
    ]
}

/// Checks that every snapshot keeps its name and its position. Snapshots are committed in any order, and any
/// of them may be lost. The first `old` snapshots have no numbers.
fn stays(
    tz: Tz,
    centre: Instant,
    old: usize,
    events: &[Event],
    asked: &[(Instant, Asked)],
) -> TestCaseResult {
    let mut there: Vec<Committed> = Vec::new();
    let mut lost: Vec<Committed> = Vec::new();
    let mut given = std::collections::HashMap::new();
    for (nth, event) in (0_u8..).zip(events) {
        let before = timeline(tz, &there, &lost);
        match event {
            Event::Commit(shift) => {
                let time = kept(centre + *shift);
                let number = if usize::from(nth) < old { None } else { before.next_number(timestamp(time)) };
                there.push((time, [nth; 32], number));
            }
            Event::Lose(which, known) if !there.is_empty() => {
                let gone = there.remove(which % there.len());
                // Snapshots without a number cannot keep their names if nothing is known of the others.
                if *known || gone.2.is_none() {
                    lost.push(gone);
                }
            }
            Event::Lose(..) => {}
        }
        let after = timeline(tz, &there, &lost);
        if usize::from(nth) + 1 < old {
            continue;
        }
        for (name, moment) in after.iter() {
            let first = given.entry(moment.id).or_insert_with(|| name.to_owned());
            prop_assert_eq!(&**first, name);
        }
        for (_, id, _) in &lost {
            if let Some(name) = given.get(id) {
                prop_assert_eq!(after.lost(name.as_bytes()), Some(*id), "{}", name);
            }
        }
        if let Event::Commit(_) = event {
            // The new snapshot is the last of its second, and so of all, unless a later second has one.
            let index = after.iter().position(|(_, moment)| moment.id == [nth; 32]).expect("it is there");
            let time = after.get(index).expect("a moment").time;
            let later = after.get(index + 1).is_none_or(|next| next.time.as_second() > time.as_second());
            prop_assert!(usize::from(nth) < old || later, "{:?}", after);
        }
    }
    let timeline = timeline(tz, &there, &[]);
    let oracle = Oracle::new(tz, there.clone());
    for (now, asked) in asked {
        let name = oracle.spell(asked);
        let seen = timeline.resolve(name.as_bytes(), timestamp(*now));
        prop_assert_eq!(seen, oracle.meaning(asked, *now), "{} at {} among {:?}", name, now, oracle.names);
    }
    Ok(())
}

fn timeline(tz: Tz, there: &[Committed], lost: &[Committed]) -> Timeline {
    let [there, lost] = [there, lost].map(|all| all.iter().map(moment).collect::<Vec<_>>());
    Timeline::with_lost(zone(tz.name()), there, &lost)
}

#[test]
fn names_stay_whatever_comes_and_goes() {
    let case =
        (sample::select(ZONES.to_vec()), SECONDS, any::<bool>()).prop_flat_map(|(name, second, near)| {
            let zone: Tz = name.parse().expect("a known zone");
            let start = DateTime::<Utc>::from_timestamp_secs(second).expect("a time");
            let centre = near.then(|| setting(zone, start)).flatten().map_or(start, kept);
            let at = move |(shift, asked)| (kept(centre + shift), asked);
            let asked = collection::vec((shift(), asked(zone, centre)).prop_map(at), 8);
            (Just((zone, centre)), 0..6_usize, collection::vec(event(), 0..24), asked)
        });
    let judge = |((zone, centre), old, events, asked): ((Tz, Instant), usize, Vec<Event>, Vec<_>)| {
        stays(zone, centre, old, &events, &asked)
    };
    TestRunner::new(config(1_000)).run(&case, judge).unwrap_or_else(|error| panic!("{error}"));
}
