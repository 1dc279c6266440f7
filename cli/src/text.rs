//! Formats bytes and numbers for people.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use fs_core::history::time::canonical_name;
use fs_core::store::SnapshotRecord;
use fs_core::view::FileKind;
use indicatif::{HumanCount, HumanDuration};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};

/// A size such as `1.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 1;
    for name in UNITS {
        unit *= 1024;
        let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
        if tenths < 10_240 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    unreachable!("u64 ends at 16 EiB")
}

/// Parses a number of bytes, such as 512, 10K, 1M or 2G.
pub fn bytes(text: &str) -> Result<u64, String> {
    let explain = || "write it as 512, 10K, 1M or 2G".to_owned();
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return Err(explain()),
    };
    let number: u64 = digits.parse().map_err(|_| explain())?;
    number.checked_mul(1 << shift).ok_or_else(explain)
}

/// A number with its unit, such as `1 file` or `12,345 files`.
pub fn count(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// The age of something, such as `3 days ago`.
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    let past = now.duration_since(time);
    let length = HumanDuration(past.unsigned_abs());
    if past.is_negative() { format!("in {length}") } else { format!("{length} ago") }
}

/// Whether a terminal obeys a character or shows nothing for it: controls, direction marks (which make one
/// name look like another) and other format characters. The joiners that some languages need are excluded.
pub fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A name as one line that is safe on a terminal. Names that have unseen characters or are not UTF-8 are
/// quoted so that a shell can read them back. Others are unchanged.
pub fn printable(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(name)
        && !text.chars().any(is_unseen)
    {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::from("$'");
    for chunk in name.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\n' => quoted.push_str("\\n"),
                '\t' => quoted.push_str("\\t"),
                '\r' => quoted.push_str("\\r"),
                '\'' | '\\' => quoted.extend(['\\', char]),
                _ if is_unseen(char) => hexadecimal(&mut quoted, char.encode_utf8(&mut [0; 4]).as_bytes()),
                _ => quoted.push(char),
            }
        }
        hexadecimal(&mut quoted, chunk.invalid());
    }
    quoted.push('\'');
    Cow::Owned(quoted)
}

fn hexadecimal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// A message on one line.
pub fn one_line(message: &str) -> Cow<'_, str> {
    if !message.chars().any(is_unseen) {
        return Cow::Borrowed(message);
    }
    let mut escaped = String::new();
    for char in message.chars() {
        if is_unseen(char) {
            escaped.extend(char.escape_default());
        } else {
            escaped.push(char);
        }
    }
    Cow::Owned(escaped)
}

/// The beginning of a text, at most `most` bytes long.
pub fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// Type and permissions as `ls -l` shows them.
pub fn mode(kind: FileKind, mode: u16) -> String {
    let kind = match kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::CharDevice => 'c',
        FileKind::BlockDevice => 'b',
        FileKind::Fifo => 'p',
        FileKind::Socket => 's',
    };
    let has = |bit: u16| mode >> bit & 1 == 1;
    let permission = |(bit, char): (u16, char)| match bit {
        // set-user-id, set-group-id and sticky are shown in place of the right to execute.
        0 | 3 | 6 if has(9 + bit / 3) => {
            let special = if bit == 0 { 't' } else { 's' };
            if has(bit) { special } else { special.to_ascii_uppercase() }
        }
        _ if has(bit) => char,
        _ => '-',
    };
    let permissions = (0..9).rev().zip("rwxrwxrwx".chars()).map(permission);
    std::iter::once(kind).chain(permissions).collect()
}

/// The word for a type in JSON.
pub fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
        FileKind::CharDevice => "character device",
        FileKind::BlockDevice => "block device",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
    }
}

/// Parses a duration of at least a second, such as 15m, 1h or 1d.
pub fn duration(text: &str) -> Result<Duration, String> {
    let explain = || "write it as 15m, 1h or 1d".to_owned();
    let span: Span = text.parse().map_err(|_| explain())?;
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| explain())?;
    let duration = Duration::try_from(signed).map_err(|_| explain())?;
    if duration < Duration::from_secs(1) { Err("the minimum is 1s".to_owned()) } else { Ok(duration) }
}

/// The name of a snapshot, for messages.
pub fn snapshot(record: &SnapshotRecord, zone: &TimeZone) -> String {
    let name = canonical_name(zone, record.time.timestamp(), record.number());
    format!("{}{name}", printable(&record.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_decimal() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (1_000_000, "976.6 KiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn numbers_of_bytes_are_understood() {
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("10k"), Ok(10 << 10));
        assert_eq!(bytes("2T"), Ok(2 << 40));
        for wrong in ["", "K", "1.5M", "-1", "1KB", "99999999999T"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(count(0, "file"), "0 files");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(12_345, "file"), "12,345 files");
    }

    #[test]
    fn ages_are_written_for_people() {
        let now: Timestamp = "2024-06-01T03:00:00Z".parse().unwrap();
        let cases = [
            ("2024-06-01T03:00:00Z", "0 seconds ago"),
            ("2024-06-01T02:59:59Z", "1 second ago"),
            ("2024-06-01T01:00:00Z", "2 hours ago"),
            ("2024-05-29T03:00:00Z", "3 days ago"),
            ("2014-06-01T03:00:00Z", "10 years ago"),
            ("2024-06-01T05:00:00Z", "in 2 hours"),
        ];
        for (time, expected) in cases {
            assert_eq!(ago(time.parse().unwrap(), now), expected, "{time}");
        }
        assert!(ago(Timestamp::MIN, Timestamp::MAX).ends_with("years ago"));
    }

    #[test]
    fn terminals_get_no_orders() {
        assert_eq!(printable("größe 1".as_bytes()), "größe 1");
        assert_eq!(printable(b"new\nline"), r"$'new\nline'");
        assert_eq!(printable(b"\x1b[31mit's \\ red"), r"$'\x1b[31mit\'s \\ red'");
        assert_eq!(printable(b"a\xff\xfe"), r"$'a\xff\xfe'");
        assert_eq!(printable("\u{9b}".as_bytes()), r"$'\xc2\x9b'");
        assert_eq!(printable("\u{202e}gpj.exe".as_bytes()), r"$'\xe2\x80\xaegpj.exe'");
        for mark in ["\u{61c}", "\u{200e}", "\u{200f}", "\u{202a}", "\u{2066}", "\u{2069}", "\u{e0041}"] {
            let name = format!("a{mark}b");
            assert!(printable(name.as_bytes()).starts_with(r"$'a\x"), "{name:?}");
            assert_eq!(one_line(&name), format!("a{}b", mark.escape_default()));
        }
        let persian = "\u{6cc}\u{200c}";
        assert_eq!(printable(persian.as_bytes()), persian);
        assert_eq!(one_line("a\nb"), "a\\nb");
        assert_eq!(one_line("über"), "über");
    }

    #[test]
    fn modes_look_as_in_ls() {
        assert_eq!(mode(FileKind::File, 0o644), "-rw-r--r--");
        assert_eq!(mode(FileKind::File, 0o6755), "-rwsr-sr-x");
        assert_eq!(mode(FileKind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(FileKind::Directory, 0o7000), "d--S--S--T");
        assert_eq!(mode(FileKind::Symlink, 0o777), "lrwxrwxrwx");
    }

    #[test]
    fn durations_are_what_people_write() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "0s", "5", "-1h", "1 month", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
