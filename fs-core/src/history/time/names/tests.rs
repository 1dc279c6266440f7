use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::super::fixtures::{at, zone};
use super::canonical;

#[test]
fn seconds_are_named_by_the_clocks_of_the_zone() {
    let table = [
        ("UTC", "2024-06-01T03:00:00Z", "@2024-06-01T03-00-00"),
        ("UTC", "2024-06-01T03:00:00.999999999Z", "@2024-06-01T03-00-00"),
        ("UTC", "1969-12-31T23:59:59.5Z", "@1969-12-31T23-59-59"),
        ("UTC", "0987-01-02T03:04:05Z", "@0987-01-02T03-04-05"),
        ("UTC", "0000-01-02T03:04:05Z", "@0000-01-02T03-04-05"),
        ("UTC", "-000044-03-15T12:00:00Z", "@-0044-03-15T12-00-00"),
        ("Europe/Berlin", "2024-06-01T03:00:00Z", "@2024-06-01T05-00-00"),
        ("Asia/Kathmandu", "2024-06-01T03:00:00Z", "@2024-06-01T08-45-00"),
        ("America/New_York", "2024-06-01T03:00:00Z", "@2024-05-31T23-00-00"),
        // Nothing is ambiguous around a skipped hour.
        ("Europe/Berlin", "2024-03-31T00:59:59Z", "@2024-03-31T01-59-59"),
        ("Europe/Berlin", "2024-03-31T01:00:00Z", "@2024-03-31T03-00-00"),
        // Both passes of a repeated hour have the offset; the seconds around them do not.
        ("Europe/Berlin", "2024-10-26T23:59:59Z", "@2024-10-27T01-59-59"),
        ("Europe/Berlin", "2024-10-27T00:00:00Z", "@2024-10-27T02-00-00+0200"),
        ("Europe/Berlin", "2024-10-27T00:59:59Z", "@2024-10-27T02-59-59+0200"),
        ("Europe/Berlin", "2024-10-27T01:00:00Z", "@2024-10-27T02-00-00+0100"),
        ("Europe/Berlin", "2024-10-27T01:59:59Z", "@2024-10-27T02-59-59+0100"),
        ("Europe/Berlin", "2024-10-27T02:00:00Z", "@2024-10-27T03-00-00"),
        ("America/New_York", "2024-11-03T05:30:00Z", "@2024-11-03T01-30-00-0400"),
        ("America/New_York", "2024-11-03T06:30:00Z", "@2024-11-03T01-30-00-0500"),
        ("America/St_Johns", "2024-11-03T04:30:00Z", "@2024-11-03T01-00-00-0330"),
        // Only half an hour is repeated here.
        ("Australia/Lord_Howe", "2024-04-06T14:29:59Z", "@2024-04-07T01-29-59"),
        ("Australia/Lord_Howe", "2024-04-06T14:30:00Z", "@2024-04-07T01-30-00+1100"),
        ("Australia/Lord_Howe", "2024-04-06T15:00:00Z", "@2024-04-07T01-30-00+1030"),
        ("Australia/Lord_Howe", "2024-04-06T15:30:00Z", "@2024-04-07T02-00-00"),
        // The day 2011-12-30 did not exist here.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "@2011-12-29T23-59-59"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "@2011-12-31T00-00-00"),
        // Local mean time, with seconds, was replaced by standard time, four minutes back.
        ("America/New_York", "1883-11-18T16:58:00Z", "@1883-11-18T12-01-58-045602"),
        ("America/New_York", "1883-11-18T17:01:58Z", "@1883-11-18T12-01-58-0500"),
    ];
    for (name, time, expected) in table {
        assert_eq!(canonical(&zone(name), at(time)), expected, "{time} in {name}");
    }
}

#[test]
fn the_ends_of_time_have_names() {
    for seconds in [-93_599, 0, 93_599] {
        let zone = TimeZone::fixed(Offset::from_seconds(seconds).expect("within limits"));
        assert!(canonical(&zone, Timestamp::MIN).starts_with("@-9999-01-0"));
        assert!(canonical(&zone, Timestamp::MAX).starts_with("@9999-12-"));
    }
}
