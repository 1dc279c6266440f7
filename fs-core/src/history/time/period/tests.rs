use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::Expression;
use super::super::fixtures::{at, zone};

/// The first instant after the period.
fn end(zone: &TimeZone, name: &str, now: &str) -> Option<Timestamp> {
    let Some(Expression::AsOf(period)) = Expression::parse(name.as_bytes()) else {
        panic!("{name} is a period");
    };
    let last = period.last_instant(zone, at(now))?;
    Some(last.checked_add(SignedDuration::from_nanos(1)).expect("not at the end of time"))
}

#[test]
fn calendar_periods_end_where_the_zone_says() {
    let table = [
        ("UTC", "@2024", "2025-01-01T00:00:00Z"),
        ("UTC", "@2024-02", "2024-03-01T00:00:00Z"),
        ("UTC", "@2024-06-01T03-15-30", "2024-06-01T03:15:31Z"),
        ("Europe/Berlin", "@2024", "2024-12-31T23:00:00Z"),
        ("Europe/Berlin", "@2024-06", "2024-06-30T22:00:00Z"),
        ("Asia/Kathmandu", "@2024-06-01", "2024-06-01T18:15:00Z"),
        ("America/New_York", "@2024-02-29", "2024-03-01T05:00:00Z"),
        // An offset says whose clocks are meant, whatever the zone is.
        ("America/New_York", "@2024-06-01T03Z", "2024-06-01T04:00:00Z"),
        ("Europe/Berlin", "@2024-06-01T03-15-0330", "2024-06-01T06:46:00Z"),
        // The hour from 02:00 to 03:00 is skipped.
        ("Europe/Berlin", "@2024-03-31T01", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", "@2024-03-31T02", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", "@2024-03-31T02-30", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", "@2024-03-31T02-59-59", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", "@2024-03-31T03-00-00", "2024-03-31T01:00:01Z"),
        ("Europe/Berlin", "@2024-03-31T02-30+0100", "2024-03-31T01:31:00Z"),
        ("America/New_York", "@2024-03-10T02-30", "2024-03-10T07:00:00Z"),
        // The hour from 02:00 to 03:00 is repeated.
        ("Europe/Berlin", "@2024-10-27T01", "2024-10-27T00:00:00Z"),
        ("Europe/Berlin", "@2024-10-27T02", "2024-10-27T02:00:00Z"),
        ("Europe/Berlin", "@2024-10-27T02-15", "2024-10-27T01:16:00Z"),
        ("Europe/Berlin", "@2024-10-27T02-15+0200", "2024-10-27T00:16:00Z"),
        ("Europe/Berlin", "@2024-10-27T02-15+0100", "2024-10-27T01:16:00Z"),
        ("Europe/Berlin", "@2024-10-27T02+0200", "2024-10-27T01:00:00Z"),
        ("America/New_York", "@2024-11-03T01", "2024-11-03T07:00:00Z"),
        ("America/New_York", "@2024-11-03T01-0400", "2024-11-03T06:00:00Z"),
        // Half an hour is repeated (01:30 to 02:00) or skipped (02:00 to 02:30).
        ("Australia/Lord_Howe", "@2024-04-07T01-29", "2024-04-06T14:30:00Z"),
        ("Australia/Lord_Howe", "@2024-04-07T01-30", "2024-04-06T15:01:00Z"),
        ("Australia/Lord_Howe", "@2024-04-07T01", "2024-04-06T15:30:00Z"),
        ("Australia/Lord_Howe", "@2024-10-06T02-15", "2024-10-05T15:30:00Z"),
        ("Australia/Lord_Howe", "@2024-10-06T02", "2024-10-05T16:00:00Z"),
        // The hour before midnight is repeated, or the hour after it is skipped.
        ("America/Sao_Paulo", "@2018-02-17", "2018-02-18T03:00:00Z"),
        ("America/Sao_Paulo", "@2018-11-03", "2018-11-04T03:00:00Z"),
        ("America/Sao_Paulo", "@2018-11-04T00", "2018-11-04T03:00:00Z"),
        // A day is skipped.
        ("Pacific/Apia", "@2011-12-29", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "@2011-12-30", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "@2011-12-30T12-30", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "@2011-12-31", "2011-12-31T10:00:00Z"),
        // The tables of transitions end long before, so only a rule is left.
        ("Europe/Berlin", "@2999-03-31T02-30", "2999-03-31T01:00:00Z"),
        ("Europe/Berlin", "@2999-10-27T02-30", "2999-10-27T01:31:00Z"),
        ("Asia/Kathmandu", "@20240", "1970-01-01T05:37:21Z"),
        ("Asia/Kathmandu", "@1717210800", "2024-06-01T03:00:01Z"),
    ];
    for (name, text, expected) in table {
        assert_eq!(end(&zone(name), text, "2024-06-01T12:00:00Z"), Some(at(expected)), "{text} in {name}");
    }
}

#[test]
fn days_are_those_of_the_zone() {
    let table = [
        // 2024-06-01 was a Saturday.
        ("UTC", "2024-06-01T12:00:00Z", "@today", "2024-06-02T00:00:00Z"),
        ("UTC", "2024-06-01T12:00:00Z", "@yesterday", "2024-06-01T00:00:00Z"),
        ("UTC", "2024-06-01T12:00:00Z", "@saturday", "2024-06-02T00:00:00Z"),
        ("UTC", "2024-06-01T12:00:00Z", "@friday", "2024-06-01T00:00:00Z"),
        ("UTC", "2024-06-01T12:00:00Z", "@sunday", "2024-05-27T00:00:00Z"),
        ("UTC", "2024-03-01T00:00:00Z", "@yesterday", "2024-03-01T00:00:00Z"),
        ("Asia/Kathmandu", "2024-06-01T18:15:00Z", "@today", "2024-06-02T18:15:00Z"),
        ("Asia/Kathmandu", "2024-06-01T18:14:59Z", "@today", "2024-06-01T18:15:00Z"),
        ("America/New_York", "2024-06-01T03:00:00Z", "@friday", "2024-06-01T04:00:00Z"),
        ("Europe/Berlin", "2024-03-31T12:00:00Z", "@yesterday", "2024-03-30T23:00:00Z"),
        ("Europe/Berlin", "2024-03-31T12:00:00Z", "@today", "2024-03-31T22:00:00Z"),
        ("America/Sao_Paulo", "2018-02-18T02:30:00Z", "@today", "2018-02-18T03:00:00Z"),
        // The day before New Year's Eve did not exist. It would have been a Friday.
        ("Pacific/Apia", "2011-12-30T12:00:00Z", "@yesterday", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-30T12:00:00Z", "@friday", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-30T12:00:00Z", "@saturday", "2011-12-31T10:00:00Z"),
    ];
    for (name, now, text, expected) in table {
        assert_eq!(end(&zone(name), text, now), Some(at(expected)), "{text} at {now} in {name}");
    }
}

#[test]
fn so_long_ago_is_an_instant() {
    let table = [
        ("UTC", "2024-06-15T12:00:00.5Z", "@0h", "2024-06-15T12:00:00.5Z"),
        ("UTC", "2024-06-15T12:00:00.5Z", "@6h", "2024-06-15T06:00:00.5Z"),
        ("UTC", "2024-06-15T12:00:00Z", "@3d", "2024-06-12T12:00:00Z"),
        ("UTC", "2024-06-15T12:00:00Z", "@2w", "2024-06-01T12:00:00Z"),
        ("UTC", "2024-06-15T12:00:00Z", "@1y", "2023-06-15T12:00:00Z"),
        ("UTC", "2024-02-29T12:00:00Z", "@1y", "2023-02-28T12:00:00Z"),
        ("UTC", "2024-02-29T12:00:00Z", "@4y", "2020-02-29T12:00:00Z"),
        // A day on the clock was 23 hours long, then 25 hours.
        ("Europe/Berlin", "2024-03-31T12:00:00Z", "@1d", "2024-03-30T13:00:00Z"),
        ("Europe/Berlin", "2024-03-31T12:00:00Z", "@24h", "2024-03-30T12:00:00Z"),
        ("Europe/Berlin", "2024-10-27T12:00:00Z", "@1d", "2024-10-26T11:00:00Z"),
        // One week before, the clocks showed this time twice.
        ("Europe/Berlin", "2024-11-03T01:30:00Z", "@1w", "2024-10-27T01:30:00Z"),
        // The clocks show this time twice, and the first time is now.
        ("Europe/Berlin", "2024-10-27T00:30:00Z", "@0d", "2024-10-27T00:30:00Z"),
        ("Europe/Berlin", "2024-10-27T01:30:00Z", "@0d", "2024-10-27T01:30:00Z"),
        // The clocks never showed this time.
        ("Europe/Berlin", "2024-04-01T00:30:00Z", "@1d", "2024-03-31T00:59:59.999999999Z"),
        ("Pacific/Apia", "2011-12-30T12:00:00Z", "@1d", "2011-12-30T09:59:59.999999999Z"),
    ];
    for (name, now, text, expected) in table {
        let expected = at(expected).checked_add(SignedDuration::from_nanos(1)).expect("in range");
        assert_eq!(end(&zone(name), text, now), Some(expected), "{text} at {now} in {name}");
    }
}

#[test]
fn extremes_saturate_or_fail() {
    let far_west = TimeZone::fixed(jiff::tz::Offset::MIN);
    let far_east = TimeZone::fixed(jiff::tz::Offset::MAX);
    let berlin = zone("Europe/Berlin");
    let moments = [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX];
    let last = |zone: &TimeZone, name: &str, now| {
        let Some(Expression::AsOf(period)) = Expression::parse(name.as_bytes()) else {
            panic!("{name} is a period");
        };
        period.last_instant(zone, now)
    };
    for zone in [&far_west, &far_east, &berlin] {
        for now in moments {
            for name in ["@9223372036854775807", "@99999999999999999999", "@253402300800"] {
                assert_eq!(last(zone, name, now), Some(Timestamp::MAX), "{name}");
            }
            for name in [
                "@99999999999999999999d",
                "@99999999999999999999h",
                "@2562047788015216h",
                "@175320000h",
                "@1043497w",
                "@7304484d",
                "@19998y",
                "@19999y",
            ] {
                let then = last(zone, name, now);
                assert!(then.is_none() || now == Timestamp::MAX, "{name}: {then:?}");
            }
            for name in ["@today", "@yesterday", "@monday", "@sunday", "@1d", "@1w", "@1y", "@1h", "@0000"] {
                let _ = last(zone, name, now);
            }
        }
        assert!(last(zone, "@0000", Timestamp::UNIX_EPOCH) < Some(at("0001-01-03T00:00:00Z")));
    }
    assert_eq!(last(&far_west, "@9999", Timestamp::UNIX_EPOCH), Some(Timestamp::MAX));
    assert_eq!(last(&berlin, "@9999-12-31T23-59-59-2500", Timestamp::UNIX_EPOCH), Some(Timestamp::MAX));
}
