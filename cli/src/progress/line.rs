//! Formats the progress of an import as a line that fits the terminal.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::HumanCount;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::estimate::Rate;
use crate::text::{count, size};

/// The contents of the line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The tree or run that is imported.
    pub(super) name: &'a str,
    /// The number of this run, and of how many.
    pub(super) position: Option<(u64, u64)>,
    pub(super) files: u64,
    pub(super) bytes_read: u64,
    pub(super) rate: Option<Rate>,
    pub(super) left: Option<Duration>,
    /// Time spent, shown if the remaining time is unknown.
    pub(super) spent: Duration,
}

impl Line<'_> {
    /// The text, not wider than `width`. The least important parts are left out first; at last the name is
    /// cut.
    pub(super) fn fit(&self, width: usize) -> String {
        let position =
            self.position.map(|(number, total)| format!(" ({number} of {total})")).unwrap_or_default();
        let time = match self.left {
            Some(left) => format!("{} left", duration(left)),
            None => format!("{} so far", duration(self.spent)),
        };
        let rate = self.rate.map(|rate| match rate {
            Rate::Bytes(bytes) => format!("{}/s", size(bytes)),
            Rate::Files(files) => format!("{} files/s", HumanCount(files)),
        });
        let read = (self.bytes_read > 0).then(|| format!("{} read", size(self.bytes_read)));
        let mut parts = [Some(count(self.files, "file")), read, rate, Some(time)];
        // Drops the rate, the bytes read and the files, in this order. The time stays.
        for dropped in [None, Some(2), Some(1), Some(0)] {
            if let Some(dropped) = dropped {
                parts[dropped] = None;
            }
            let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
            let line = format!("{}{position}: {}", self.name, parts.join(", "));
            if line.width() <= width {
                return line;
            }
        }
        let rest = format!("{position}: {}", parts.iter().flatten().map(String::as_str).collect::<String>());
        match width.checked_sub(rest.width()) {
            Some(room) if room > 1 => format!("{}{rest}", cut(self.name, room)),
            _ => cut(&format!("{}{rest}", self.name), width).into_owned(),
        }
    }
}

/// The beginning of a text that is too wide.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let mut taken = 0;
    let fits = |char: &char| {
        taken += char.width().unwrap_or(0);
        taken < width
    };
    let mut beginning: String = text.chars().take_while(fits).collect();
    if width > 0 {
        beginning.push('…');
    }
    beginning.into()
}

/// A duration, with the precision of an estimate.
fn duration(time: Duration) -> String {
    let secs = time.as_secs();
    let (minutes, hours) = (secs.div_ceil(60), secs / 3600);
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{minutes} min"),
        3600..172_800 => format!("{hours} h {} min", secs % 3600 / 60),
        _ => count(secs / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Line<'_> = Line {
        name: "daily.3/localhost",
        position: Some((4, 12)),
        files: 120_031,
        bytes_read: 1_288_490_189,
        rate: Some(Rate::Bytes(89_128_960)),
        left: Some(Duration::from_secs(100)),
        spent: Duration::from_secs(1234),
    };

    #[test]
    fn what_matters_least_gives_way() {
        for (width, expected) in [
            (100, "daily.3/localhost (4 of 12): 120,031 files, 1.2 GiB read, 85.0 MiB/s, 2 min left"),
            (80, "daily.3/localhost (4 of 12): 120,031 files, 1.2 GiB read, 85.0 MiB/s, 2 min left"),
            (79, "daily.3/localhost (4 of 12): 120,031 files, 1.2 GiB read, 2 min left"),
            (60, "daily.3/localhost (4 of 12): 120,031 files, 2 min left"),
            (40, "daily.3/localhost (4 of 12): 2 min left"),
            (30, "daily.3… (4 of 12): 2 min left"),
            (22, "daily.3/localhost (4 …"),
            (0, ""),
        ] {
            assert_eq!(ALL.fit(width), expected, "{width}");
        }
    }

    #[test]
    fn unknown_parts_are_left_out() {
        let line = Line { name: "importing", position: None, bytes_read: 0, rate: None, left: None, ..ALL };
        assert_eq!(line.fit(80), "importing: 120,031 files, 21 min so far");
        let line = Line { rate: Some(Rate::Files(40_000)), ..line };
        assert_eq!(line.fit(80), "importing: 120,031 files, 40,000 files/s, 21 min so far");
    }

    #[test]
    fn it_is_never_wider_than_the_terminal() {
        for name in ["daily.3/localhost", "日次.3/ホスト", "é\u{301}", ""] {
            for width in 0..120 {
                let text = Line { name, ..ALL }.fit(width);
                assert!(text.width() <= width, "{width}: {text}");
            }
        }
    }

    #[test]
    fn times_are_as_exact_as_they_need_be() {
        for (secs, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "2 min"),
            (3599, "60 min"),
            (3600, "1 h 0 min"),
            (7290, "2 h 1 min"),
            (172_800, "2 days"),
        ] {
            assert_eq!(duration(Duration::from_secs(secs)), expected);
        }
    }
}
