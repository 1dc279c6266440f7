use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::fixtures::{at, zone};
use super::{Moment, Timeline};

mod clocks;
mod generated;
mod oracle;
mod properties;
mod traps;

fn moment(time: &str, id: u8) -> Moment {
    Moment { time: at(time), id: [id; 32], number: None }
}

/// A moment that was committed with this number.
fn numbered(time: &str, number: u32) -> Moment {
    Moment { number: Some(number), ..moment(time, u8::try_from(number).expect("a low number")) }
}

fn timeline(zone: TimeZone, times: &[&str]) -> Timeline {
    Timeline::new(zone, times.iter().zip(1..).map(|(time, id)| moment(time, id)).collect())
}

fn names(timeline: &Timeline) -> Vec<&str> {
    timeline.iter().map(|(name, _)| name).collect()
}

/// Checks what each name means: the name of a snapshot, or nothing.
fn check(timeline: &Timeline, now: &str, table: &[(&str, Option<&str>)]) {
    for (name, expected) in table {
        let index = timeline.resolve(name.as_bytes(), at(now));
        assert_eq!(index.and_then(|index| timeline.name(index)), *expected, "{name} at {now}");
    }
}

#[test]
fn without_snapshots_no_name_means_anything() {
    let empty = Timeline::new(TimeZone::UTC, Vec::new());
    assert!(empty.is_empty());
    assert_eq!(empty.len(), 0);
    assert_eq!((empty.get(0), empty.name(0)), (None, None));
    for name in ["@latest", "@latest~1", "@first", "@2999", "@today", "@0h", "@#0000", "@1717210800", "@"] {
        assert_eq!(empty.resolve(name.as_bytes(), Timestamp::UNIX_EPOCH), None, "{name}");
    }
    assert_eq!(empty.resolve(b"@GMT-1970.01.01-00.00.00", Timestamp::UNIX_EPOCH), None);
}

#[test]
fn snapshots_are_sorted_and_numbered_within_a_second() {
    let shuffled = vec![
        moment("2024-06-01T03:00:00.7Z", 1),
        moment("2024-06-02T03:00:00Z", 2),
        moment("2024-06-01T03:00:00.2Z", 9),
        moment("2024-06-01T02:59:59.999Z", 3),
        moment("2024-06-01T03:00:00.2Z", 4),
    ];
    let timeline = Timeline::new(TimeZone::UTC, shuffled);
    assert_eq!(
        names(&timeline),
        [
            "@2024-06-01T02-59-59",
            "@2024-06-01T03-00-00",
            "@2024-06-01T03-00-00_2",
            "@2024-06-01T03-00-00_3",
            "@2024-06-02T03-00-00",
        ]
    );
    let ids: Vec<u8> = timeline.iter().map(|(_, moment)| moment.id[0]).collect();
    assert_eq!(ids, [3, 4, 9, 1, 2]);
    assert_eq!(timeline.get(2), Some(&moment("2024-06-01T03:00:00.2Z", 9)));
    assert_eq!(timeline.get(5), None);
    check(
        &timeline,
        "2024-06-03T00:00:00Z",
        &[
            // The plain name is the first snapshot's own name. Any other spelling of the second means as of
            // its end.
            ("@2024-06-01T03-00-00", Some("@2024-06-01T03-00-00")),
            ("@2024-06-01t03-00-00", Some("@2024-06-01T03-00-00")),
            ("@2024-06-01T03-00-00_2", Some("@2024-06-01T03-00-00_2")),
            ("@2024-06-01t03-00-00_2", Some("@2024-06-01T03-00-00_2")),
            ("@2024-06-01T03:00:00", Some("@2024-06-01T03-00-00_3")),
            ("@2024-06-01T03-00-00Z", Some("@2024-06-01T03-00-00_3")),
            ("@2024-06-01T03", Some("@2024-06-01T03-00-00_3")),
            ("@GMT-2024.06.01-03.00.00", Some("@2024-06-01T03-00-00_3")),
            ("@1717210800", Some("@2024-06-01T03-00-00_3")),
            ("@2024-06-01T03-00-00_1", None),
            ("@2024-06-01T03-00-00_02", None),
            ("@2024-06-01T03-00-00_4", None),
            ("@2024-06-01T02-59-59_2", None),
        ],
    );
}

#[test]
fn numbers_are_kept_and_decide_the_order_within_a_second() {
    let late = numbered("2024-06-01T03:00:00.9Z", 1);
    let early = numbered("2024-06-01T03:00:00.1Z", 2);
    let before = numbered("2024-06-01T02:59:59.5Z", 7);
    let timeline = Timeline::new(TimeZone::UTC, vec![early, late, before]);
    let names_then = ["@2024-06-01T02-59-59_7", "@2024-06-01T03-00-00", "@2024-06-01T03-00-00_2"];
    assert_eq!(names(&timeline), names_then);
    assert_eq!(timeline.get(1), Some(&late));
    check(
        &timeline,
        "2024-06-01T03:00:00.5Z",
        &[
            ("@latest", Some("@2024-06-01T03-00-00_2")),
            ("@latest~1", Some("@2024-06-01T03-00-00")),
            ("@first", Some("@2024-06-01T02-59-59_7")),
            ("@2024-06-01T02-59-59", Some("@2024-06-01T02-59-59_7")),
            ("@GMT-2024.06.01-03.00.00", Some("@2024-06-01T03-00-00_2")),
            // The snapshot with number 1 is later than `now`.
            ("@0h", Some("@2024-06-01T03-00-00_2")),
        ],
    );
    // All snapshots of a second are later than those of the second before.
    let at = |instant: &str| timeline.last_at(at(instant)).and_then(|index| timeline.name(index));
    assert_eq!(at("2024-06-01T03:00:00.05Z"), Some("@2024-06-01T02-59-59_7"));
    assert_eq!(at("2024-06-01T02:59:59.4Z"), None);
    assert_eq!(at("2024-06-01T03:00:01Z"), Some("@2024-06-01T03-00-00_2"));
    // The names of the others do not depend on a snapshot that is gone.
    assert_eq!(names(&Timeline::new(TimeZone::UTC, vec![early, before])), [names_then[0], names_then[2]]);
}

#[test]
fn a_number_is_given_once() {
    let (second, other) = (at("2024-06-01T03:00:00.4Z"), at("1969-12-31T23:59:58.5Z"));
    let there = vec![moment("2024-06-01T03:00:00.9Z", 9), numbered("2024-06-01T03:00:00.1Z", 4)];
    let lost = [numbered("2024-06-01T03:00:00Z", 6), numbered("1969-12-31T23:59:58Z", 1)];
    let timeline = Timeline::with_lost(TimeZone::UTC, there, &lost);
    assert_eq!(timeline.next_number(second), Some(7));
    assert_eq!(timeline.next_number(other), Some(2));
    assert_eq!(timeline.next_number(at("1969-12-31T23:59:59Z")), Some(1));
    // Snapshots without a number take free ones.
    assert_eq!(names(&timeline), ["@2024-06-01T03-00-00", "@2024-06-01T03-00-00_4"]);
    assert_eq!(timeline.lost(b"@2024-06-01T03-00-00_6"), Some([6; 32]));
    let highest = Moment { number: Some(u32::MAX), ..moment("2024-06-01T03:00:00Z", 1) };
    let timeline = Timeline::new(TimeZone::UTC, vec![highest]);
    assert_eq!(timeline.next_number(second), None);
    assert_eq!(timeline.resolve(b"@2024-06-01T03-00-00_4294967295", second), Some(0));
}

#[test]
fn of_two_with_one_number_the_one_that_is_there_keeps_it() {
    let [one, other] = [1, 2].map(|id| Moment { id: [id; 32], ..numbered("2024-06-01T03:00:00Z", 1) });
    let timeline = Timeline::with_lost(TimeZone::UTC, vec![other], &[one]);
    assert_eq!(names(&timeline), ["@2024-06-01T03-00-00"]);
    assert_eq!(timeline.lost(b"@2024-06-01T03-00-00_2"), Some([1; 32]));
    let timeline = Timeline::new(TimeZone::UTC, vec![other, one]);
    assert_eq!(timeline.iter().map(|(_, moment)| moment.id[0]).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn identical_snapshots_still_have_names_of_their_own() {
    let same = moment("2024-06-01T03:00:00Z", 1);
    let timeline = Timeline::new(TimeZone::UTC, vec![same; 3]);
    assert_eq!(
        names(&timeline),
        ["@2024-06-01T03-00-00", "@2024-06-01T03-00-00_2", "@2024-06-01T03-00-00_3"]
    );
}

#[test]
fn a_period_means_the_last_snapshot_by_its_end() {
    let timeline = timeline(
        TimeZone::UTC,
        &[
            "2023-11-20T03:00:00Z",
            "2024-05-31T23:59:59.999999999Z",
            "2024-06-01T00:00:00Z",
            "2024-06-01T03:15:30Z",
            "2024-06-03T03:00:00Z",
        ],
    );
    let (autumn, may) = (Some("@2023-11-20T03-00-00"), Some("@2024-05-31T23-59-59"));
    let (midnight, night) = (Some("@2024-06-01T00-00-00"), Some("@2024-06-01T03-15-30"));
    let monday = Some("@2024-06-03T03-00-00");
    check(
        &timeline,
        // This is a Tuesday.
        "2024-06-04T03:00:00Z",
        &[
            ("@2022", None),
            ("@2023", autumn),
            ("@2023-10", None),
            ("@2023-11", autumn),
            ("@2023-11-19", None),
            ("@2023-11-20", autumn),
            ("@2023-11-20T02", None),
            ("@2023-11-20T03", autumn),
            ("@2023-11-20T02-59-59", None),
            ("@2024-01", autumn),
            ("@2024-05", may),
            ("@2024-05-31", may),
            ("@2024-05-31T23-59-59", may),
            ("@2024-05-31T23-59-58", autumn),
            ("@2024-06-01T00-00", midnight),
            ("@2024-06-01T03-15-29", midnight),
            ("@2024-06-01T03-15", night),
            ("@2024-06-01", night),
            ("@2024-06-02", night),
            ("@2024-06", monday),
            ("@2024", monday),
            ("@9999", monday),
            ("@today", monday),
            ("@yesterday", monday),
            ("@monday", monday),
            ("@sunday", night),
            ("@saturday", night),
            ("@friday", may),
            ("@wednesday", autumn),
            ("@0h", monday),
            ("@24h", monday),
            ("@25h", night),
            ("@1d", monday),
            ("@2d", night),
            ("@72h", midnight),
            ("@3d", midnight),
            ("@1w", autumn),
            ("@1y", None),
            ("@99999999999999999999d", None),
            ("@1717210800", midnight),
            ("@1717211730", night),
            ("@12345", None),
            ("@9223372036854775807", monday),
            ("@99999999999999999999", monday),
            ("@first", autumn),
            ("@latest", monday),
            ("@LATEST~0", monday),
            ("@latest~1", night),
            ("@latest~4", autumn),
            ("@latest~5", None),
            ("@latest~99999999999999999999", None),
            ("@GMT-2024.06.01-03.15.30", night),
            ("@GMT-2024.05.31-23.59.59", may),
            ("@GMT-2024.06.01-03.15.31", None),
            ("@GMT-2024.06.01-03.15.29", None),
            ("@GMT-2022.06.01-03.15.29", None),
            ("@#0404", night),
            ("@#04040", night),
            ("@#0405", None),
            ("@2024-02-30", None),
            ("@2024-13", None),
            ("2024", None),
            ("", None),
        ],
    );
}

#[test]
fn names_in_a_repeated_hour_have_the_offset() {
    let berlin = timeline(
        zone("Europe/Berlin"),
        &["2024-10-26T23:30:00Z", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "2024-10-27T02:30:00Z"],
    );
    let before = Some("@2024-10-27T01-30-00");
    let (summer, winter) = (Some("@2024-10-27T02-30-00+0200"), Some("@2024-10-27T02-30-00+0100"));
    check(
        &berlin,
        "2024-10-28T00:00:00Z",
        &[
            ("@2024-10-27T02-30-00+0200", summer),
            ("@2024-10-27T02-30-00+0100", winter),
            ("@2024-10-27T02:30:00+02:00", summer),
            ("@2024-10-27T00-30-00Z", summer),
            ("@2024-10-27T02-30-00", winter),
            ("@2024-10-27T02+0200", summer),
            ("@2024-10-27T02", winter),
            ("@2024-10-27T01", before),
            // A quarter past two came again after the first half past two.
            ("@2024-10-27T02-15", summer),
            ("@2024-10-27T02-15+0200", before),
        ],
    );
}

#[test]
fn a_skipped_day_means_what_was_there_before_it() {
    let apia = timeline(
        zone("Pacific/Apia"),
        &["2011-12-29T12:00:00Z", "2011-12-30T09:59:59.9Z", "2011-12-30T10:00:00Z"],
    );
    let (before, after) = (Some("@2011-12-29T23-59-59"), Some("@2011-12-31T00-00-00"));
    check(
        &apia,
        "2011-12-30T12:00:00Z",
        &[("@2011-12-29", before), ("@2011-12-30", before), ("@yesterday", before), ("@2011-12-31", after)],
    );
}

#[test]
fn a_gmt_name_means_its_very_second() {
    let timeline = timeline(
        zone("Asia/Kathmandu"),
        &["1969-12-31T23:59:57Z", "1969-12-31T23:59:58.999999999Z", "1970-01-01T00:00:00.5Z"],
    );
    check(
        &timeline,
        "2024-06-01T00:00:00Z",
        &[
            ("@GMT-1969.12.31-23.59.56", None),
            ("@GMT-1969.12.31-23.59.57", Some("@1970-01-01T05-29-57")),
            ("@GMT-1969.12.31-23.59.58", Some("@1970-01-01T05-29-58")),
            ("@GMT-1969.12.31-23.59.59", None),
            ("@GMT-1970.01.01-00.00.00", Some("@1970-01-01T05-30-00")),
            ("@GMT-1970.01.01-00.00.01", None),
        ],
    );
}

#[test]
fn an_id_prefix_must_be_of_one_snapshot_only() {
    let id = |start: &[u8]| {
        let mut id = [0; 32];
        id[..start.len()].copy_from_slice(start);
        Moment { time: at("2024-06-01T03:00:00Z"), id, number: None }
    };
    let timeline = Timeline::new(
        TimeZone::UTC,
        vec![id(&[0x1a, 0x2b, 0x3c]), id(&[0x1a, 0x2b, 0x4d]), id(&[0x5e, 0x6f, 0x70])],
    );
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(timeline.resolve(b"@#1a2b", now), None);
    assert_eq!(timeline.resolve(b"@#1a2b3", now), Some(0));
    assert_eq!(timeline.resolve(b"@#1A2B4d", now), Some(1));
    assert_eq!(timeline.resolve(b"@#5e6f", now), Some(2));
    assert_eq!(timeline.resolve(b"@#5e6", now), None);
    let whole = format!("@#5e6f70{}", "0".repeat(58));
    assert_eq!(timeline.resolve(whole.as_bytes(), now), Some(2));
}

#[test]
fn snapshots_at_the_ends_of_time_have_names_and_are_found() {
    let moments = [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX];
    let moments = moments.into_iter().map(|time| Moment { time, id: [0; 32], number: None }).collect();
    let timeline = Timeline::new(zone("Europe/Berlin"), moments);
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        for index in 0..3 {
            let name = timeline.name(index).expect("a name");
            assert_eq!(timeline.find(name.as_bytes()), Some(index), "{name}");
            assert_eq!(timeline.resolve(name.as_bytes(), now), Some(index), "{name}");
        }
        assert_eq!(timeline.resolve(b"@9999-12-31", now), Some(2));
        assert_eq!(timeline.resolve(b"@0000", now), Some(0));
        assert!(timeline.resolve(b"@0h", now).is_some());
    }
}

#[test]
fn many_snapshots_in_one_second_are_no_burden() {
    let second = at("2024-06-01T03:00:00Z");
    let moments = (0..20_000_i64)
        .map(|nanos| second.checked_add(SignedDuration::from_nanos(nanos)).expect("in range"))
        .map(|time| Moment { time, id: [0; 32], number: None })
        .collect();
    let timeline = Timeline::new(TimeZone::UTC, moments);
    assert_eq!(timeline.find(b"@2024-06-01T03-00-00_20000"), Some(19_999));
    assert_eq!(timeline.find(b"@2024-06-01T03-00-00_20001"), None);
}

#[test]
fn lost_snapshots_keep_their_names_and_are_never_meant() {
    let there = vec![moment("2024-06-01T03:00:00.5Z", 2), moment("2024-06-03T03:00:00Z", 4)];
    let lost = [moment("2024-06-01T03:00:00Z", 1), moment("2024-06-02T03:00:00Z", 3)];
    let timeline = Timeline::with_lost(TimeZone::UTC, there, &lost);
    assert_eq!(names(&timeline), ["@2024-06-01T03-00-00_2", "@2024-06-03T03-00-00"]);
    for (name, id) in [
        ("@2024-06-01T03-00-00", Some([1; 32])),
        ("@2024-06-01t03-00-00", Some([1; 32])),
        ("@2024-06-02T03-00-00", Some([3; 32])),
        ("@2024-06-02", None),
        ("@2024-06-03T03-00-00", None),
        ("@2024-06-01T03-00-00_2", None),
    ] {
        assert_eq!(timeline.lost(name.as_bytes()), id, "{name}");
    }
    check(
        &timeline,
        "2024-07-01T00:00:00Z",
        &[("@2024-06-02", Some("@2024-06-01T03-00-00_2")), ("@latest~1", Some("@2024-06-01T03-00-00_2"))],
    );
}
