//! Expressions written as a date: `2024-06-01T03-15-30+0200`, which may be cut short anywhere, and Samba's
//! `GMT-` form.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::Offset;

use super::cursor::Cursor;
use super::period::Period;

const LAST_NANOSECOND: i32 = 999_999_999;

/// Parses `YYYY[-MM[-DD[Thh[-mm[-ss]][offset]]]]`, where the time may have colons instead.
pub(super) fn period(text: &[u8]) -> Option<Period> {
    let mut text = Cursor::new(text);
    let year = text.four()?;
    if text.is_empty() {
        return whole_days(Date::new(year, 12, 31).ok()?);
    }
    text.expect(b'-')?;
    let month = text.two()?;
    if text.is_empty() {
        return whole_days(Date::new(year, month, 1).ok()?.last_of_month());
    }
    text.expect(b'-')?;
    let date = Date::new(year, month, text.two()?).ok()?;
    if text.is_empty() {
        return whole_days(date);
    }
    text.expect(b'T')?;
    let hour = text.two()?;
    let separator = if text.peek() == Some(b':') { b':' } else { b'-' };
    let minute = field(&mut text, separator);
    let second = minute.and_then(|_| field(&mut text, separator));
    let offset = if text.is_empty() { None } else { Some(offset(text.rest)?) };
    let time = Time::new(hour, minute.unwrap_or(59), second.unwrap_or(59), LAST_NANOSECOND).ok()?;
    Some(Period::Calendar { last: date.to_datetime(time), offset })
}

/// Parses `YYYY.MM.DD-hh.mm.ss` in UTC, and returns the second's last instant.
pub(super) fn gmt_second(text: &[u8]) -> Option<Timestamp> {
    let mut text = Cursor::new(text);
    let year = text.four()?;
    let mut fields = [0; 5];
    for (field, separator) in fields.iter_mut().zip(*b"..-..") {
        text.expect(separator)?;
        *field = text.two()?;
    }
    if !text.is_empty() {
        return None;
    }
    let [month, day, hour, minute, second] = fields;
    let civil = DateTime::new(year, month, day, hour, minute, second, LAST_NANOSECOND).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

fn whole_days(last: Date) -> Option<Period> {
    let time = Time::new(23, 59, 59, LAST_NANOSECOND).ok()?;
    Some(Period::Calendar { last: last.to_datetime(time), offset: None })
}

/// Parses a minute or a second, if one follows. A minus before four or six digits is an offset's sign
/// instead.
fn field(text: &mut Cursor<'_>, separator: u8) -> Option<i8> {
    if text.peek() != Some(separator) || text.digits_after_next() != 2 {
        return None;
    }
    text.next()?;
    text.two()
}

/// Parses the rest of a name as `Z`, `±hhmm` or `±hhmmss`. Colons are allowed, because other tools print
/// times with them.
fn offset(text: &[u8]) -> Option<Offset> {
    if text.eq_ignore_ascii_case(b"Z") {
        return Some(Offset::UTC);
    }
    ["%z", "%:z"].into_iter().find_map(|format| strtime::parse(format, text).ok()?.offset())
}
