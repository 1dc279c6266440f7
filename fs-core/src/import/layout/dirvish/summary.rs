use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::format::{Status, Time};

/// The relevant fields of an image's `summary`. Times are local wall-clock times.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) vault: Option<Box<[u8]>>,
    pub(super) branch: Option<Box<[u8]>>,
    pub(super) image: Option<Box<[u8]>>,
    pub(super) reference: Option<Box<[u8]>>,
    pub(super) began: Option<DateTime>,
    pub(super) completed: Option<DateTime>,
    pub(super) expires: Option<DateTime>,
    pub(super) status: Option<String>,
}

impl Summary {
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut summary = Self::default();
        // Lists continue in lines that begin with a tab. These lines are patterns and options, whatever they
        // look like.
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"\t")) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let value = line[colon + 1..].trim_ascii();
            if value.is_empty() {
                continue;
            }
            let bytes = || Some(Box::from(value));
            match &line[..colon] {
                b"vault" => summary.vault = bytes(),
                b"branch" => summary.branch = bytes(),
                b"Image" => summary.image = bytes(),
                b"Reference" => summary.reference = bytes(),
                b"Backup-begin" => summary.began = time(value),
                b"Backup-complete" => summary.completed = time(value),
                // A rule and its result, as in `+3 months == 2024-09-01 03:00:00`, or `Never`.
                b"Expire" => {
                    let at = value.windows(4).position(|window| window == b" == ");
                    summary.expires = at.and_then(|at| time(&value[at + 4..]));
                }
                b"Status" => summary.status = Some(String::from_utf8_lossy(value).into_owned()),
                _ => {}
            }
        }
        summary
    }

    /// The status of the run, or the reason why its image is not imported.
    pub(super) fn outcome(&self) -> Result<Status, NoRun> {
        let Some(status) = &self.status else { return Err(NoRun::Unfinished) };
        let word = status.split([' ', '(']).next().unwrap_or_default();
        let code = status
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .and_then(|(code, _)| code.parse::<u8>().ok());
        let shown = || status.chars().take(200).collect::<String>();
        let outcome = match (word, code) {
            ("success", _) => Status::Complete,
            ("warning" | "error" | "unknown", Some(24)) => Status::Vanished,
            ("warning" | "error" | "unknown", Some(23)) => Status::Partial,
            ("warning" | "error" | "unknown", Some(25)) => Status::Limited,
            // dirvish considers these results useful.
            ("warning" | "unknown", _) => Status::Unknown,
            ("error" | "fatal", _) => return Err(NoRun::Failed(shown())),
            _ => {
                return Err(NoRun::Unclear(format!(
                    "its summary has a status that dirvish does not write: {}",
                    shown()
                )));
            }
        };
        match self.completed {
            Some(_) => Ok(outcome),
            None => Err(NoRun::Unclear(format!(
                "its summary does not tell when its run completed (Backup-complete), though it has the status {}",
                shown()
            ))),
        }
    }
}

/// Reason why an image is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoRun {
    /// The run is in progress, or was killed.
    Unfinished,
    /// The image has no summary.
    NoSummary,
    /// The run failed, with this status.
    Failed(String),
    /// The image's tree was removed.
    Gone,
    /// The image may be complete, but its summary or tree is invalid.
    Unclear(String),
}

fn time(value: &[u8]) -> Option<DateTime> {
    let text = str::from_utf8(value).ok()?;
    DateTime::strptime("%Y-%m-%d %H:%M:%S", text.trim()).ok()
}

/// The times at which a run began and completed as instants. If clocks showed a time twice, it is the instant
/// that fits the time at which the summary was written.
pub(super) fn instants(
    began: DateTime,
    completed: DateTime,
    written: Time,
    zone: &TimeZone,
) -> Option<(Time, Time)> {
    let written = written.timestamp();
    let distance = |time: &Timestamp| time.duration_since(written).abs();
    let completed = both(completed, zone).into_iter().flatten().min_by_key(distance)?;
    // A run does not end before it begins. An image whose summary says so is still kept.
    let candidates = both(began, zone).into_iter().flatten();
    let late = |time: &Timestamp| {
        let took = completed.duration_since(*time);
        (took < SignedDuration::ZERO, took.abs())
    };
    let began = candidates.min_by_key(late)?;
    Some((began.into(), completed.into()))
}

/// The time of expiry. If clocks show the time twice, it is the later one.
pub(super) fn later(time: DateTime, zone: &TimeZone) -> Option<Time> {
    both(time, zone).into_iter().flatten().max().map(Time::from)
}

/// The instants at which clocks showed this time.
fn both(time: DateTime, zone: &TimeZone) -> [Option<Timestamp>; 2] {
    let offsets = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
        // Clocks never showed this time, as they were set forward over it. Use the offset from before the
        // change.
        AmbiguousOffset::Gap { before, .. } => [Some(before), None],
        AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
    };
    offsets.map(|offset| offset?.to_timestamp(time).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "client: web1\ntree: /srv\nServer: backup\nBank: /bank\nvault: web1\nbranch: default\n\
        Image: 20240601\nReference: 20240531\nImage-now: 2024-06-01 03:00:00\n\
        Expire: +3 months == 2024-09-01 03:00:00\nexclude:\n\tStatus: fatal\n\t*.o\nSET permissions stats \n\
        UNSET checksum \n\n\nACTION: rsync -vrltH /srv/ /bank/web1/20240601/tree\n\
        Backup-begin: 2024-06-01 03:00:05\nBackup-complete: 2024-06-01 03:07:00\nStatus: success\n";

    #[test]
    fn a_summary_is_read() {
        let summary = Summary::parse(GOOD.as_bytes());
        assert_eq!(summary.vault.as_deref(), Some(&b"web1"[..]));
        assert_eq!(summary.image.as_deref(), Some(&b"20240601"[..]));
        assert_eq!(summary.reference.as_deref(), Some(&b"20240531"[..]));
        assert_eq!(summary.began, "2024-06-01T03:00:05".parse().ok());
        assert_eq!(summary.completed, "2024-06-01T03:07:00".parse().ok());
        assert_eq!(summary.expires, "2024-09-01T03:00:00".parse().ok());
        assert_eq!(summary.outcome(), Ok(Status::Complete));
        assert_eq!(Summary::parse(b"Expire: Never\n").expires, None);
    }

    #[test]
    fn statuses_are_what_rsync_meant() {
        let of = |status: &str| Summary::parse(GOOD.replace("success", status).as_bytes()).outcome();
        assert_eq!(of("warning (24) -- file vanished on sender"), Ok(Status::Vanished));
        assert_eq!(of("error (23) -- partial transfer"), Ok(Status::Partial));
        assert_eq!(of("unknown (25) -- "), Ok(Status::Limited));
        assert_eq!(of("unknown (99) -- "), Ok(Status::Unknown));
        for failed in ["fatal error (1) -- syntax", "fatal error (23) -- x", "error (30) -- timeout", "", "?"]
        {
            assert!(of(failed).is_err(), "{failed}");
        }
        for missing in ["Status: success", "Backup-complete: 2024-06-01 03:07:00"] {
            assert!(Summary::parse(GOOD.replace(missing, "").as_bytes()).outcome().is_err(), "{missing}");
        }
    }

    #[test]
    fn times_in_a_repeated_hour_are_resolved() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let times = |began: &str, completed: &str, written: &str| {
            let (began, completed) = (began.parse().unwrap(), completed.parse().unwrap());
            let (began, completed) = instants(began, completed, at(written).into(), &zone).unwrap();
            (began.timestamp().to_string(), completed.timestamp().to_string())
        };
        // On 2024-10-27 the hour from 2 to 3 came twice: from 0:00 and from 1:00 UTC.
        let of = |began, completed, written| times(began, completed, written);
        assert_eq!(
            of("2024-10-27T02:10:00", "2024-10-27T02:20:00", "2024-10-27T00:20:00Z"),
            ("2024-10-27T00:10:00Z".into(), "2024-10-27T00:20:00Z".into())
        );
        assert_eq!(
            of("2024-10-27T02:10:00", "2024-10-27T02:20:00", "2024-10-27T01:20:01Z"),
            ("2024-10-27T01:10:00Z".into(), "2024-10-27T01:20:00Z".into())
        );
        // The run began in the first pass and ended in the second.
        assert_eq!(
            of("2024-10-27T02:50:00", "2024-10-27T02:05:00", "2024-10-27T01:05:00Z"),
            ("2024-10-27T00:50:00Z".into(), "2024-10-27T01:05:00Z".into())
        );
        // This hour never existed.
        assert_eq!(
            of("2024-03-31T02:30:00", "2024-03-31T03:40:00", "2024-03-31T01:40:00Z"),
            ("2024-03-31T01:30:00Z".into(), "2024-03-31T01:40:00Z".into())
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Summary::parse(&text).outcome();
        }

        #[test]
        fn any_fields_are_read(
            lines in prop::collection::vec("(Status|Expire|Image|Backup-begin|x):( ?[0-9(): =-]{0,20}|error (.{0,9}))?", 0..20)
        ) {
            let summary = Summary::parse(lines.join("\n").as_bytes());
            let _ = summary.outcome();
            let zone = TimeZone::get("America/New_York").unwrap();
            for time in [summary.began, summary.expires].into_iter().flatten() {
                let _ = instants(time, time, Time::default(), &zone);
                let _ = later(time, &zone);
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for time in [DateTime::MIN, DateTime::MAX] {
            let _ = later(time, &zone);
            let _ = instants(time, time, Time::new(i64::MAX, 0).unwrap(), &zone);
        }
    }
}
