//! Clocks that are set: the meanings of names around such times, worked out by hand.

use super::traps::trap;

#[test]
fn a_skipped_hour() {
    let (before, after, later) =
        (Some("@2024-03-10T01-59-59"), Some("@2024-03-10T03-00-00"), Some("@2024-03-10T03-30-00"));
    trap(
        "America/New_York",
        &["2024-03-10T06:59:59.9Z", "2024-03-10T07:00:00Z", "2024-03-10T07:30:00Z"],
        &[(
            // The clocks show half past two.
            "2024-03-11T06:30:00Z",
            &[
                ("@1d", before),
                ("@23h", later),
                ("@24h", None),
                ("@2024-03-10T01", before),
                ("@2024-03-10T02", before),
                ("@2024-03-10T02-30", before),
                ("@2024-03-10T02-59-59", before),
                ("@2024-03-10T03-29", after),
                ("@2024-03-10T03", later),
                // Clocks with a fixed offset showed this time.
                ("@2024-03-10T02-30-00-0500", later),
                ("@2024-03-10T02-30-00-0400", None),
            ],
        )],
    );
}

#[test]
fn a_repeated_hour() {
    let (first, second) = (Some("@2024-11-03T01-30-00-0400"), Some("@2024-11-03T01-15-00-0500"));
    trap(
        "America/New_York",
        &["2024-11-03T05:30:00Z", "2024-11-03T06:15:00Z"],
        &[
            (
                "2024-11-03T05:40:00Z",
                &[("@0h", first), ("@0d", first), ("@0y", first), ("@1h", None), ("@today", second)],
            ),
            (
                // The clocks show twenty past one.
                "2024-11-04T06:20:00Z",
                &[
                    ("@1d", second),
                    ("@24h", second),
                    ("@25h", None),
                    ("@2024-11-03T01", second),
                    ("@2024-11-03T01-15", second),
                    ("@2024-11-03T01-10", first),
                    ("@2024-11-03T01-0400", first),
                    ("@2024-11-03T01-15-0400", None),
                    ("@2024-11-03T00", None),
                ],
            ),
        ],
    );
}

#[test]
fn several_snapshots_in_a_second_of_a_repeated_hour() {
    let (first, second) = (Some("@2024-10-27T02-30-00+0200"), Some("@2024-10-27T02-30-00+0200_2"));
    let winter = Some("@2024-10-27T02-30-00+0100");
    trap(
        "Europe/Berlin",
        &["2024-10-27T00:30:00Z", "2024-10-27T00:30:00.5Z", "2024-10-27T01:30:00Z"],
        &[(
            "2024-10-28T00:00:00Z",
            &[
                ("@2024-10-27T02-30-00+0200", first),
                ("@2024-10-27T02-30-00+0200_2", second),
                ("@2024-10-27T02:30:00+0200", second),
                ("@2024-10-27T03-30-00+0300", second),
                ("@2024-10-27T02-29", second),
                ("@2024-10-27T02-30-00", winter),
                ("@2024-10-27T02-30-00_2", None),
                ("@2024-10-27T02-30-00+0100_2", None),
                ("@2024-10-27T02-30-00+0300", None),
            ],
        )],
    );
}

#[test]
fn half_an_hour_skipped_and_repeated() {
    let (first, second) = (Some("@2024-04-07T01-45-00+1100"), Some("@2024-04-07T01-35-00+1030"));
    let (before, after) = (Some("@2024-10-06T01-59-59"), Some("@2024-10-06T02-30-00"));
    trap(
        "Australia/Lord_Howe",
        &["2024-04-06T14:45:00Z", "2024-04-06T15:05:00Z", "2024-10-05T15:29:59Z", "2024-10-05T15:30:00Z"],
        &[
            (
                // The clocks show twenty to two.
                "2024-04-07T15:10:00Z",
                &[
                    ("@1d", second),
                    ("@24h", second),
                    ("@25h", None),
                    ("@2024-04-07T01-35", second),
                    ("@2024-04-07T01-34", first),
                    ("@2024-04-07T01-35+1100", None),
                ],
            ),
            (
                // The clocks show a quarter past two.
                "2024-10-06T15:15:00Z",
                &[
                    ("@1d", before),
                    ("@24h", second),
                    ("@2024-10-06T02-29", before),
                    ("@2024-10-06T02", after),
                    ("@2024-10-06T02-15+1030", after),
                ],
            ),
        ],
    );
}

#[test]
fn a_day_that_never_was_is_asked_for_later() {
    let (before, after) = (Some("@2011-12-29T23-59-59"), Some("@2011-12-31T00-00-00"));
    trap(
        "Pacific/Apia",
        &["2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"],
        &[
            (
                // It is Friday, half past eleven at night.
                "2012-01-06T09:30:00Z",
                &[
                    ("@1w", before),
                    ("@7d", before),
                    ("@6d", after),
                    ("@168h", None),
                    ("@friday", after),
                    ("@2011-12-30T00-00", before),
                    ("@2011-12-30T23-59-59", before),
                    ("@2011-12-30T12+1400", None),
                    ("@2011-12-30T23-59-59-1000", after),
                    ("@2011", after),
                ],
            ),
            ("2012-12-30T05:00:00Z", &[("@1y", before)]),
        ],
    );
}

/// Clocks were set back from one minute past midnight to one minute past eleven.
#[test]
fn a_day_that_begins_twice() {
    let (first, again) = (Some("@2010-11-07T00-00-30-0230"), Some("@2010-11-07T00-00-30-0330"));
    let eve = Some("@2010-11-06T23-01-30-0330");
    trap(
        "America/St_Johns",
        &["2010-11-07T02:30:30Z", "2010-11-07T02:31:30Z", "2010-11-07T03:30:30Z"],
        &[(
            // It is Sunday for the first time.
            "2010-11-07T02:30:45Z",
            &[
                ("@0h", first),
                ("@0d", first),
                ("@2010-11-07T00-00-0230", first),
                ("@yesterday", eve),
                ("@saturday", eve),
                ("@2010-11-06", eve),
                ("@2010-11-06T23", eve),
                ("@today", again),
                ("@sunday", again),
                ("@2010-11-07T00-00", again),
            ],
        )],
    );
}
