use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{AgoUnit, Expression, IdPrefix, Period};

fn parse(text: &str) -> Option<Expression> {
    Expression::parse(text.as_bytes())
}

fn calendar(last: &str, offset: Option<i32>) -> Expression {
    let last = format!("{last}.999999999").parse::<DateTime>().expect("a civil time");
    let offset = offset.map(|seconds| Offset::from_seconds(seconds).expect("an offset"));
    Expression::AsOf(Period::Calendar { last, offset })
}

#[test]
fn each_word_means_a_time() {
    for word in Expression::WORDS {
        assert!(parse(&format!("@{word}")).is_some(), "{word}");
    }
}

#[test]
fn dates_end_with_their_last_nanosecond() {
    let table = [
        ("@2024", "2024-12-31T23:59:59"),
        ("@0000", "0000-12-31T23:59:59"),
        ("@9999", "9999-12-31T23:59:59"),
        ("@2024-06", "2024-06-30T23:59:59"),
        ("@2024-02", "2024-02-29T23:59:59"),
        ("@2023-02", "2023-02-28T23:59:59"),
        ("@1900-02", "1900-02-28T23:59:59"),
        ("@2000-02", "2000-02-29T23:59:59"),
        ("@2024-02-29", "2024-02-29T23:59:59"),
        ("@2024-06-01", "2024-06-01T23:59:59"),
        ("@2024-06-01T03", "2024-06-01T03:59:59"),
        ("@2024-06-01t03", "2024-06-01T03:59:59"),
        ("@2024-06-01T03-15", "2024-06-01T03:15:59"),
        ("@2024-06-01T03:15", "2024-06-01T03:15:59"),
        ("@2024-06-01T03-15-30", "2024-06-01T03:15:30"),
        ("@2024-06-01T03:15:30", "2024-06-01T03:15:30"),
    ];
    for (text, last) in table {
        assert_eq!(parse(text), Some(calendar(last, None)), "{text}");
    }
}

#[test]
fn times_may_have_an_offset() {
    let table = [
        ("@2024-06-01T03Z", "2024-06-01T03:59:59", 0),
        ("@2024-06-01T03+0200", "2024-06-01T03:59:59", 7200),
        ("@2024-06-01T03-0330", "2024-06-01T03:59:59", -12600),
        ("@2024-06-01T03-15+0200", "2024-06-01T03:15:59", 7200),
        ("@2024-06-01T03-15-0330", "2024-06-01T03:15:59", -12600),
        ("@2024-06-01T03-15-045602", "2024-06-01T03:15:59", -17762),
        ("@2024-06-01T03-15-30z", "2024-06-01T03:15:30", 0),
        ("@2024-06-01T03-15-30-0000", "2024-06-01T03:15:30", 0),
        ("@2024-06-01T03-15-30-0330", "2024-06-01T03:15:30", -12600),
        ("@2024-06-01T03:15:30-0330", "2024-06-01T03:15:30", -12600),
        ("@2024-06-01T03:15:30+02:00", "2024-06-01T03:15:30", 7200),
        ("@2024-06-01T03:15-03:30", "2024-06-01T03:15:59", -12600),
        ("@2024-06-01T03:15:30+04:56:02", "2024-06-01T03:15:30", 17762),
        ("@2024-06-01T03-15-30+2559", "2024-06-01T03:15:30", 93_540),
    ];
    for (text, last, seconds) in table {
        assert_eq!(parse(text), Some(calendar(last, Some(seconds))), "{text}");
    }
}

#[test]
fn words_numbers_and_ids() {
    let as_of = |period| Some(Expression::AsOf(period));
    let ago = |count, unit| Some(Expression::AsOf(Period::Ago { count, unit }));
    let gmt = |text: &str| {
        let second: Timestamp = text.parse().expect("a time");
        let last = Timestamp::new(second.as_second(), 999_999_999).expect("a time");
        Some(Expression::GmtSecond { last })
    };
    let table = [
        ("@today", as_of(Period::Today)),
        ("@ToDay", as_of(Period::Today)),
        ("@yesterday", as_of(Period::Yesterday)),
        ("@monday", as_of(Period::Weekday(Weekday::Monday))),
        ("@TUESDAY", as_of(Period::Weekday(Weekday::Tuesday))),
        ("@wednesday", as_of(Period::Weekday(Weekday::Wednesday))),
        ("@Thursday", as_of(Period::Weekday(Weekday::Thursday))),
        ("@friday", as_of(Period::Weekday(Weekday::Friday))),
        ("@saturday", as_of(Period::Weekday(Weekday::Saturday))),
        ("@sunday", as_of(Period::Weekday(Weekday::Sunday))),
        ("@6h", ago(6, AgoUnit::Hours)),
        ("@0d", ago(0, AgoUnit::Days)),
        ("@3D", ago(3, AgoUnit::Days)),
        ("@2024d", ago(2024, AgoUnit::Days)),
        ("@02w", ago(2, AgoUnit::Weeks)),
        ("@1y", ago(1, AgoUnit::Years)),
        ("@99999999999999999999d", ago(i64::MAX, AgoUnit::Days)),
        ("@20240", as_of(Period::Epoch { second: 20240 })),
        ("@1717210800", as_of(Period::Epoch { second: 1_717_210_800 })),
        ("@9223372036854775808", as_of(Period::Epoch { second: i64::MAX })),
        ("@latest", Some(Expression::Latest { back: 0 })),
        ("@Latest~2", Some(Expression::Latest { back: 2 })),
        ("@latest~0", Some(Expression::Latest { back: 0 })),
        ("@first", Some(Expression::First)),
        ("@GMT-2024.06.01-03.00.00", gmt("2024-06-01T03:00:00Z")),
        ("@gmt-1969.12.31-23.59.59", gmt("1969-12-31T23:59:59Z")),
        ("@#1a2b3C4d", IdPrefix::parse(b"1A2B3c4D").map(Expression::Id)),
    ];
    for (text, expected) in table {
        assert!(expected.is_some(), "{text}");
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn other_names_mean_nothing() {
    let table = [
        "",
        "@",
        "@@",
        "2024",
        "@ 2024",
        "@2024 ",
        "@2024\n",
        "@2024-",
        "@2024-6",
        "@2024-00",
        "@2024-13",
        "@2024-06-",
        "@2024-06-00",
        "@2024-06-31",
        "@2024-06-1",
        "@2024-02-30",
        "@2023-02-29",
        "@1900-02-29",
        "@2100-02-29",
        "@2024-04-31",
        "@2024-12-32",
        "@2024-06-01T",
        "@2024-06-01 03",
        "@2024-06-01T3",
        "@2024-06-01T24",
        "@2024-06-01T03-",
        "@2024-06-01T03-1",
        "@2024-06-01T03-60",
        "@2024-06-01T03-15-60",
        "@2024-06-01T03-15:30",
        "@2024-06-01T03:15-30",
        "@2024-06-01T03-15-30-45",
        "@2024-06-01T03-15-30.5",
        "@2024-06-01T03-15-30_2",
        "@2024-06-01Z",
        "@2024-06-01+0200",
        "@2024-06Z",
        "@2024-06-01T03-15-30+02",
        "@2024-06-01T03-15-30+020",
        "@2024-06-01T03-15-30+02000",
        "@2024-06-01T03-15-30+0260",
        "@2024-06-01T03-15-30+020060",
        "@2024-06-01T03-15-30+0200000",
        "@2024-06-01T03-15-30+02:0000",
        "@2024-06-01T03-15-30+9900",
        "@2024-06-01T03-15-30ZZ",
        "@1",
        "@123",
        "@-1717210800",
        "@+1717210800",
        "@1717210800.5",
        "@h",
        "@3m",
        "@3dd",
        "@3d2h",
        "@-3d",
        "@tomorrow",
        "@mon",
        "@mondays",
        "@latest~",
        "@latest~-1",
        "@latest~1x",
        "@latest2",
        "@first~1",
        "@firs",
        "@versions",
        "@changes",
        "@GMT",
        "@GMT-",
        "@GMT-2024",
        "@GMT-2024-06-01-03.00.00",
        "@GMT-2024.02.30-03.00.00",
        "@GMT-2023.02.29-03.00.00",
        "@GMT-2024.06.01-24.00.00",
        "@GMT-2016.12.31-23.59.60",
        "@GMT-2024.06.01-03.00.00 ",
        "@GMT-9999.12.31-23.59.59",
        "@#",
        "@#1a2",
        "@#1a2g",
        "@#+1a2",
        "@\u{661}\u{662}\u{663}\u{664}\u{665}",
    ];
    for text in table {
        assert_eq!(parse(text), None, "{text:?}");
    }
    assert_eq!(Expression::parse(b"@20\xff4"), None);
    assert_eq!(Expression::parse(b"@today\0"), None);
}

#[test]
fn length_is_limited() {
    let zeros = |count: usize| format!("@latest~{}", "0".repeat(count));
    let longest = Expression::MAX_LEN - "@latest~".len();
    assert_eq!(parse(&zeros(longest)), Some(Expression::Latest { back: 0 }));
    assert_eq!(parse(&zeros(longest + 1)), None);
    assert_eq!(parse(&"@".repeat(1 << 20)), None);
    assert!(parse(&format!("@#{}", "a".repeat(64))).is_some());
    assert_eq!(parse(&format!("@#{}", "a".repeat(65))), None);
}

proptest! {
    #[test]
    fn an_id_matches_exactly_its_own_prefixes(
        id in any::<[u8; 32]>(),
        digits in IdPrefix::MIN_DIGITS..=64_usize,
        changed in 0..64_usize,
    ) {
        let nibbles = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex: Vec<u8> = nibbles.map(|nibble| b"0123456789abcdef"[usize::from(nibble)]).collect();
        let prefix = IdPrefix::parse(&hex[..digits]).expect("hexadecimal digits");
        assert!(prefix.matches(&id));
        let mut other = id;
        other[changed / 2] ^= if changed % 2 == 0 { 0x10 } else { 0x01 };
        prop_assert_eq!(prefix.matches(&other), changed >= digits);
    }
}
