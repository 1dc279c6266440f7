//! Parses a name, before any snapshot is looked at.

use jiff::Timestamp;
use jiff::civil::Weekday;

use super::date;
use super::period::{AgoUnit, Period};

#[cfg(test)]
mod tests;

/// A parsed `@` name. [`Timeline::select`](super::Timeline::select) finds the snapshot that it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression {
    /// The last snapshot at or before the period's last instant.
    AsOf(Period),
    /// The last snapshot, or an earlier one, whatever the clock says.
    Latest {
        /// Number of snapshots to go back from the last one.
        back: usize,
    },
    /// The oldest snapshot.
    First,
    /// A snapshot in exactly this second of UTC, not before it. Windows remembers these names and must not be
    /// shown another version under one of them.
    GmtSecond {
        /// The second's last instant (its last nanosecond).
        last: Timestamp,
    },
    /// The only snapshot whose id starts with these digits.
    Id(IdPrefix),
}

impl Expression {
    /// Maximum length of a name that is parsed, in bytes: `@#` and a whole id, with room for leading zeros in
    /// a number. It bounds the work that a made-up name can cause.
    pub const MAX_LEN: usize = 80;

    /// The words that mean a time, without their `@`. The last seven are the days from Monday on.
    pub const WORDS: [&str; 11] = [
        "latest",
        "first",
        "today",
        "yesterday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];

    /// Parses a name with its leading `@`. Returns `None` if it is not an expression, or a date that no
    /// calendar has.
    ///
    /// Case is ignored, for the sake of file systems that ignore it.
    pub fn parse(name: &[u8]) -> Option<Expression> {
        if name.len() > Self::MAX_LEN {
            return None;
        }
        let text = name.strip_prefix(b"@")?;
        match text.first()? {
            b'#' => IdPrefix::parse(&text[1..]).map(Expression::Id),
            b'0'..=b'9' => numeric(text).map(Expression::AsOf),
            _ => keyword(&text.to_ascii_lowercase()),
        }
    }
}

/// Parses a name that starts with a digit. The byte after the digits distinguishes the forms.
fn numeric(text: &[u8]) -> Option<Period> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let unit = match rest {
        [] if digits > 4 => return whole_number(number).map(|second| Period::Epoch { second }),
        [] | [b'-', ..] => return date::period(text),
        [b'h' | b'H'] => AgoUnit::Hours,
        [b'd' | b'D'] => AgoUnit::Days,
        [b'w' | b'W'] => AgoUnit::Weeks,
        [b'y' | b'Y'] => AgoUnit::Years,
        _ => return None,
    };
    Some(Period::Ago { count: whole_number(number)?, unit })
}

/// Parses a whole number that consists of decimal digits only. A number too large for 64 bits becomes the
/// largest.
fn whole_number(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_i64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')))
    })
}

fn keyword(text: &[u8]) -> Option<Expression> {
    if let Some(back) = text.strip_prefix(b"latest~") {
        let back = usize::try_from(whole_number(back)?).unwrap_or(usize::MAX);
        return Some(Expression::Latest { back });
    }
    if let Some(time) = text.strip_prefix(b"gmt-") {
        return Some(Expression::GmtSecond { last: date::gmt_second(time)? });
    }
    Some(match text {
        b"latest" => Expression::Latest { back: 0 },
        b"first" => Expression::First,
        b"today" => Expression::AsOf(Period::Today),
        b"yesterday" => Expression::AsOf(Period::Yesterday),
        _ => Expression::AsOf(Period::Weekday(weekday(text)?)),
    })
}

fn weekday(text: &[u8]) -> Option<Weekday> {
    let days = &Expression::WORDS[Expression::WORDS.len() - 7..];
    let day = days.iter().position(|day| day.as_bytes() == text)?;
    Weekday::from_monday_zero_offset(i8::try_from(day).ok()?).ok()
}

/// The first hexadecimal digits of a snapshot id, at least [`IdPrefix::MIN_DIGITS`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdPrefix {
    /// Unused bits are zero.
    bytes: [u8; 32],
    digits: usize,
}

impl IdPrefix {
    /// Minimum number of digits. Fewer would match by accident.
    pub const MIN_DIGITS: usize = 4;

    /// Parses 4 to 64 hexadecimal digits in any case.
    pub fn parse(text: &[u8]) -> Option<IdPrefix> {
        if !(Self::MIN_DIGITS..=64).contains(&text.len()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, &digit) in text.iter().enumerate() {
            let value = u8::try_from(char::from(digit).to_digit(16)?).ok()?;
            bytes[index / 2] |= if index.is_multiple_of(2) { value << 4 } else { value };
        }
        Some(IdPrefix { bytes, digits: text.len() })
    }

    /// Whether `id` starts with these digits.
    pub fn matches(&self, id: &[u8; 32]) -> bool {
        let whole = self.digits / 2;
        self.bytes[..whole] == id[..whole]
            && (self.digits.is_multiple_of(2) || self.bytes[whole] >> 4 == id[whole] >> 4)
    }
}
