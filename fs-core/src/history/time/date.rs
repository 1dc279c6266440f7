//! Expressions written as a date: `2024-06-01T03-15-30+0200`, which may be cut short anywhere, and Samba's
//! `GMT-` form.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::Offset;

use super::period::Period;

const LAST_NANOSECOND: i32 = 999_999_999;

/// Parses `YYYY[-MM[-DD[Thh[-mm[-ss]][offset]]]]`, where the time may have colons instead.
pub(super) fn period(text: &[u8]) -> Option<Period> {
    let year = year(text)?;
    if [4, 7, 10].into_iter().zip(*b"--T").any(|(at, byte)| !is_separator(text.get(at), byte)) {
        return None;
    }
    match text.len() {
        4 => return whole_days(Date::new(year, 12, 31).ok()?),
        7 => return whole_days(Date::new(year, two(text, 5)?, 1).ok()?.last_of_month()),
        _ => {}
    }
    let date = Date::new(year, two(text, 5)?, two(text, 8)?).ok()?;
    if text.len() == 10 {
        return whole_days(date);
    }
    let hour = two(text, 11)?;
    let mut rest = &text[13..];
    let separator = if rest.starts_with(b":") { b':' } else { b'-' };
    let minute = field(&mut rest, separator);
    let second = minute.and_then(|_| field(&mut rest, separator));
    let offset = if rest.is_empty() { None } else { Some(offset(rest)?) };
    let time = Time::new(hour, minute.unwrap_or(59), second.unwrap_or(59), LAST_NANOSECOND).ok()?;
    Some(Period::Calendar { last: date.to_datetime(time), offset })
}

/// Parses `YYYY.MM.DD-hh.mm.ss` in UTC, and returns the second's last instant.
pub(super) fn gmt_second(text: &[u8]) -> Option<Timestamp> {
    if text.len() != 19 || [4, 7, 10, 13, 16].map(|at| text[at]) != *b"..-.." {
        return None;
    }
    let (month, day) = (two(text, 5)?, two(text, 8)?);
    let (hour, minute, second) = (two(text, 11)?, two(text, 14)?, two(text, 17)?);
    let civil = DateTime::new(year(text)?, month, day, hour, minute, second, LAST_NANOSECOND).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

/// Whether this is the separator `byte`, in either case, or the end of the text.
fn is_separator(found: Option<&u8>, byte: u8) -> bool {
    found.is_none_or(|found| found.eq_ignore_ascii_case(&byte))
}

/// The year in the first four decimal digits.
fn year(text: &[u8]) -> Option<i16> {
    Some(i16::from(two(text, 0)?) * 100 + i16::from(two(text, 2)?))
}

/// The number in the two decimal digits at `at`.
fn two(text: &[u8], at: usize) -> Option<i8> {
    match text.get(at..at + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok(),
        _ => None,
    }
}

fn whole_days(last: Date) -> Option<Period> {
    let time = Time::new(23, 59, 59, LAST_NANOSECOND).ok()?;
    Some(Period::Calendar { last: last.to_datetime(time), offset: None })
}

/// Parses a minute or a second, if one follows. A minus before four or six digits is an offset's sign
/// instead.
fn field(text: &mut &[u8], separator: u8) -> Option<i8> {
    let digits = text.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    if text.first() != Some(&separator) || digits != 2 {
        return None;
    }
    let number = two(text, 1);
    *text = &text[3..];
    number
}

/// Parses the rest of a name as `Z`, `±hhmm` or `±hhmmss`. Colons are allowed, because other tools print
/// times with them.
fn offset(text: &[u8]) -> Option<Offset> {
    if text.eq_ignore_ascii_case(b"Z") {
        return Some(Offset::UTC);
    }
    ["%z", "%:z"].into_iter().find_map(|format| strtime::parse(format, text).ok()?.offset())
}
