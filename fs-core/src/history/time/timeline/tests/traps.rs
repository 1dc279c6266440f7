//! Cases in which calendars, zones and clocks deceive. The expected meanings were worked out by hand.

use super::super::super::fixtures::zone;
use super::{check, timeline};

/// The meaning of each name: the name of a snapshot, or nothing.
type Meanings<'a> = &'a [(&'a str, Option<&'a str>)];

/// Checks names in a zone with snapshots at `times`. `asked` holds pairs: a present time, and the meanings of
/// names at it.
pub(super) fn trap(name: &str, times: &[&str], asked: &[(&str, Meanings<'_>)]) {
    let timeline = timeline(zone(name), times);
    for (now, meanings) in asked {
        check(&timeline, now, meanings);
    }
}

#[test]
fn two_islands_never_have_the_same_day() {
    let times = [
        "2023-12-31T09:59:59.999999999Z",
        "2023-12-31T10:00:00Z",
        "2024-01-01T10:59:59Z",
        "2024-01-01T11:00:00Z",
    ];
    let now = "2023-12-31T10:30:00Z";
    // It is Monday, and half an hour of the new year is gone.
    trap(
        "Pacific/Kiritimati",
        &times,
        &[(
            now,
            &[
                ("@2023", Some("@2023-12-31T23-59-59")),
                ("@2023-12", Some("@2023-12-31T23-59-59")),
                ("@yesterday", Some("@2023-12-31T23-59-59")),
                ("@sunday", Some("@2023-12-31T23-59-59")),
                ("@today", Some("@2024-01-01T00-00-00")),
                ("@monday", Some("@2024-01-01T00-00-00")),
                ("@0h", Some("@2024-01-01T00-00-00")),
                ("@2024-01-02T00", Some("@2024-01-02T00-59-59")),
                ("@2024", Some("@2024-01-02T01-00-00")),
                ("@tuesday", None),
                ("@1h", None),
            ],
        )],
    );
    // It is Saturday, and half an hour of it is left.
    trap(
        "Pacific/Pago_Pago",
        &times,
        &[(
            now,
            &[
                ("@2023-12-30T22", Some("@2023-12-30T22-59-59")),
                ("@today", Some("@2023-12-30T23-00-00")),
                ("@saturday", Some("@2023-12-30T23-00-00")),
                ("@0h", Some("@2023-12-30T23-00-00")),
                ("@2023-12-31", Some("@2023-12-31T23-59-59")),
                ("@2023", Some("@2023-12-31T23-59-59")),
                ("@2024", Some("@2024-01-01T00-00-00")),
                ("@yesterday", None),
                ("@sunday", None),
                ("@1h", None),
            ],
        )],
    );
}

#[test]
fn hours_that_begin_at_a_quarter() {
    trap(
        "Asia/Kathmandu",
        &["2024-05-31T18:14:59Z", "2024-05-31T18:15:00Z", "2024-05-31T23:15:00Z"],
        &[(
            "2024-05-31T18:15:00Z",
            &[
                ("@yesterday", Some("@2024-05-31T23-59-59")),
                ("@2024-05", Some("@2024-05-31T23-59-59")),
                ("@2024-06-01T00", Some("@2024-06-01T00-00-00")),
                ("@2024-06-01T04", Some("@2024-06-01T00-00-00")),
                ("@2024-05-31T18Z", Some("@2024-06-01T00-00-00")),
                ("@2024-06-01T05", Some("@2024-06-01T05-00-00")),
                ("@today", Some("@2024-06-01T05-00-00")),
                ("@GMT-2024.05.31-23.15.00", Some("@2024-06-01T05-00-00")),
            ],
        )],
    );
}

#[test]
fn snapshots_of_the_future_are_in_days_but_not_ago() {
    trap(
        "UTC",
        &["2024-06-01T08:00:00Z", "2024-06-01T20:00:00Z", "2024-06-02T08:00:00Z"],
        &[(
            // This is a Saturday.
            "2024-06-01T12:00:00Z",
            &[
                ("@0h", Some("@2024-06-01T08-00-00")),
                ("@0d", Some("@2024-06-01T08-00-00")),
                ("@0w", Some("@2024-06-01T08-00-00")),
                ("@0y", Some("@2024-06-01T08-00-00")),
                ("@4h", Some("@2024-06-01T08-00-00")),
                ("@5h", None),
                ("@today", Some("@2024-06-01T20-00-00")),
                ("@saturday", Some("@2024-06-01T20-00-00")),
                ("@1717272000", Some("@2024-06-01T20-00-00")),
                ("@2024-06-02", Some("@2024-06-02T08-00-00")),
                ("@latest", Some("@2024-06-02T08-00-00")),
                ("@yesterday", None),
                ("@sunday", None),
                ("@friday", None),
            ],
        )],
    );
}

#[test]
fn a_weekday_is_today_from_midnight_to_midnight() {
    let (before, monday) = (Some("@2024-05-27T23-59-59"), Some("@2024-06-03T00-00-00"));
    trap(
        "UTC",
        &["2024-05-27T23:59:59.9Z", "2024-06-03T00:00:00Z"],
        &[
            (
                "2024-06-02T23:59:59.999999999Z",
                &[("@monday", before), ("@sunday", before), ("@tuesday", before), ("@latest", monday)],
            ),
            ("2024-06-03T00:00:00Z", &[("@monday", monday), ("@sunday", before), ("@tuesday", before)]),
            ("2024-06-10T00:00:00Z", &[("@monday", monday), ("@sunday", monday), ("@tuesday", monday)]),
        ],
    );
}

#[test]
fn leap_days() {
    let (noon, later) = (Some("@2023-02-28T12-00-00"), Some("@2023-02-28T12-00-01"));
    let (day_before, leap_day) = (Some("@2024-02-28T23-59-59"), Some("@2024-02-29T23-59-59"));
    let march = Some("@2024-03-01T00-00-00");
    trap(
        "UTC",
        &[
            "2023-02-28T12:00:00Z",
            "2023-02-28T12:00:01Z",
            "2024-02-28T23:59:59Z",
            "2024-02-29T23:59:59Z",
            "2024-03-01T00:00:00Z",
        ],
        &[
            ("2023-03-01T12:00:00Z", &[("@yesterday", later), ("@1d", noon)]),
            (
                "2024-02-29T12:00:00Z",
                &[
                    ("@1y", noon),
                    ("@366d", noon),
                    ("@365d", later),
                    ("@4y", None),
                    ("@today", leap_day),
                    ("@2024-02", leap_day),
                    ("@2024-02-29", leap_day),
                    ("@2024-02-28", day_before),
                    ("@2023-02", later),
                    ("@2023-02-29", None),
                    ("@2024-02-30", None),
                ],
            ),
            (
                "2024-03-01T12:00:00Z",
                &[("@yesterday", leap_day), ("@1d", day_before), ("@2d", later), ("@1y", later)],
            ),
            ("2025-02-28T23:59:59Z", &[("@1y", day_before), ("@366d", day_before), ("@365d", leap_day)]),
            ("2025-03-01T00:00:00Z", &[("@1y", march), ("@365d", march), ("@366d", day_before)]),
        ],
    );
}

#[test]
fn nineteen_seventy_is_a_year_like_others() {
    let times = [
        "1968-02-29T12:00:00Z",
        "1969-12-31T23:59:58.5Z",
        "1969-12-31T23:59:59.999999999Z",
        "1970-01-01T00:00:00.000000001Z",
    ];
    let (leap_day, eve) = (Some("@1968-02-29T12-00-00"), Some("@1969-12-31T23-59-59"));
    let (before_eve, new_year) = (Some("@1969-12-31T23-59-58"), Some("@1970-01-01T00-00-00"));
    trap(
        "UTC",
        &times,
        &[(
            // This is a Friday.
            "1970-01-02T00:00:00Z",
            &[
                ("@00000", new_year),
                ("@yesterday", new_year),
                ("@1970", new_year),
                ("@24h", eve),
                ("@1d", eve),
                ("@wednesday", eve),
                ("@1969", eve),
                ("@1969-12-31T23:59:58", before_eve),
                ("@1y", leap_day),
                ("@1968", leap_day),
                ("@1968-02-29", leap_day),
                ("@1968-02-28", None),
                ("@2y", None),
                ("@1970y", None),
                ("@1971y", None),
                ("@0000", None),
            ],
        )],
    );
    trap(
        "America/New_York",
        &times,
        &[(
            "1970-01-01T00:00:00Z",
            &[
                ("@1968-02-29T07", Some("@1968-02-29T07-00-00")),
                ("@0h", Some("@1969-12-31T18-59-59")),
                ("@00000", Some("@1969-12-31T19-00-00")),
                ("@1969", Some("@1969-12-31T19-00-00")),
            ],
        )],
    );
}
