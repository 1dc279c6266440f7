//! The meaning of time expressions, found in the plainest way: by the text that the zone's clock shows at an
//! instant. The calendar and the tables of zones are others than those under test.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

pub(super) type Instant = DateTime<Utc>;
/// Year, month, day, hour, minute and second, which may be impossible.
pub(super) type Fields = [u32; 6];

/// Upper bound by which a clock of the tested zones is set back, in minutes.
const BACK: i64 = 180;

/// A name to look up.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// The first `count` fields, on the zone's clock or on one that is `east` minutes east of Greenwich.
    Clock {
        fields: Fields,
        count: usize,
        colons: bool,
        east: Option<i32>,
    },
    Today,
    Yesterday,
    Weekday(Weekday),
    Ago(u32, char),
    Epoch(i64),
    Latest(Option<usize>),
    First,
    Gmt(Fields),
    Id(String),
    /// The name of the snapshot at an index, or a name that would follow it with a number.
    Listed(usize, Option<u32>),
}

/// A snapshot: its time, its id, and the number with which it was committed.
pub(super) type Committed = (Instant, [u8; 32], Option<u32>);

#[derive(Debug)]
pub(super) struct Oracle {
    zone: Tz,
    /// Ordered by second, then by number.
    snapshots: Vec<(Instant, [u8; 32])>,
    pub(super) names: Vec<String>,
}

/// Formats a time to the nanosecond. The text of each shorter period is a prefix of it, and a later time has
/// a greater text.
fn text<Z: TimeZone<Offset: std::fmt::Display>>(clock: &DateTime<Z>) -> String {
    clock.format("%Y-%m-%dT%H-%M-%S%.9f").to_string()
}

fn date(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

fn hex(id: &[u8; 32]) -> String {
    id.map(|byte| format!("{byte:02x}")).concat()
}

fn spelled(fields: Fields, count: usize, separators: [&str; 6]) -> String {
    let field = |(index, separator): (usize, &str)| {
        format!("{separator}{:0width$}", fields[index], width = [4, 2][index.min(1)])
    };
    separators.into_iter().enumerate().take(count).map(field).collect()
}

/// Whether a calendar and a clock have the first `count` fields.
fn possible(fields: Fields, count: usize) -> bool {
    let named = |index: usize, otherwise| if index < count { fields[index] } else { otherwise };
    let year = fields[0].try_into().expect("four digits");
    NaiveDate::from_ymd_opt(year, named(1, 1), named(2, 1)).is_some()
        && NaiveTime::from_hms_opt(named(3, 0), named(4, 0), named(5, 0)).is_some()
}

/// The number of each snapshot in its second. A snapshot keeps its own number, unless one before it has the
/// same. The others take, one after the other, the lowest number that none has.
fn numbers(sorted: &[Committed]) -> Vec<u32> {
    let same = |one: &Committed, other: &Committed| one.0.timestamp() == other.0.timestamp();
    let mut numbers: Vec<Option<u32>> = Vec::new();
    for (index, one) in sorted.iter().enumerate() {
        let taken = sorted[..index].iter().any(|other| same(one, other) && one.2 == other.2);
        numbers.push(one.2.filter(|_| !taken));
    }
    for index in 0..sorted.len() {
        let has = |number: &u32| {
            (0..sorted.len())
                .any(|other| same(&sorted[index], &sorted[other]) && numbers[other] == Some(*number))
        };
        numbers[index] = numbers[index].or_else(|| (1..100).find(|number| !has(number)));
    }
    numbers.into_iter().flatten().collect()
}

impl Oracle {
    pub(super) fn new(zone: Tz, mut snapshots: Vec<Committed>) -> Self {
        snapshots.sort_unstable();
        let numbers = numbers(&snapshots);
        let mut ordered: Vec<_> = snapshots.iter().zip(numbers).collect();
        ordered.sort_by_key(|((time, ..), number)| (time.timestamp(), *number));
        let mut oracle = Self { zone, snapshots: Vec::new(), names: Vec::new() };
        for ((time, id, _), number) in ordered {
            let name = oracle.plain_name(*time);
            oracle.snapshots.push((*time, *id));
            oracle.names.push(if number > 1 { format!("{name}_{number}") } else { name });
        }
        oracle
    }

    /// The second on the clock. If the clock shows it at another time, too, the offset says which of them is
    /// meant.
    fn plain_name(&self, time: Instant) -> String {
        let shown = |time: Instant| time.with_timezone(&self.zone).naive_local();
        let again = |minutes| shown(time + TimeDelta::minutes(minutes)) == shown(time);
        let repeated = (-BACK..=BACK).any(|minutes| minutes != 0 && again(minutes));
        let format = if repeated { "@%Y-%m-%dT%H-%M-%S%z" } else { "@%Y-%m-%dT%H-%M-%S" };
        time.with_timezone(&self.zone).format(format).to_string()
    }

    /// The spelling of a name.
    pub(super) fn spell(&self, asked: &Asked) -> String {
        match asked {
            Asked::Clock { fields, count, colons, east } => {
                let colon = if *colons { ":" } else { "-" };
                let offset = match east {
                    None => String::new(),
                    Some(0) => "Z".to_owned(),
                    Some(east) => {
                        let (sign, minutes) = (if *east < 0 { '-' } else { '+' }, east.abs());
                        format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
                    }
                };
                spelled(*fields, *count, ["@", "-", "-", "T", colon, colon]) + &offset
            }
            Asked::Today => "@today".to_owned(),
            Asked::Yesterday => "@yesterday".to_owned(),
            Asked::Weekday(day) => {
                let index = usize::try_from(day.num_days_from_monday()).expect("below seven");
                let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
                format!("@{}", names[index])
            }
            Asked::Ago(count, unit) => format!("@{count}{unit}"),
            Asked::Epoch(second) => format!("@{second:05}"),
            Asked::Latest(None) => "@latest".to_owned(),
            Asked::Latest(Some(back)) => format!("@latest~{back}"),
            Asked::First => "@first".to_owned(),
            Asked::Gmt(fields) => spelled(*fields, 6, ["@GMT-", ".", ".", "-", ".", "."]),
            Asked::Id(prefix) => format!("@#{prefix}"),
            Asked::Listed(index, number) => {
                let name = self.names.get(*index).map_or("@nothing", |name| name);
                let plain = name.split('_').next().unwrap_or(name);
                number.map_or(name.to_owned(), |number| format!("{plain}_{number}"))
            }
        }
    }

    /// Index of the snapshot that is meant.
    pub(super) fn meaning(&self, asked: &Asked, now: Instant) -> Option<usize> {
        let spelled = self.spell(asked);
        if let Some(listed) = self.names.iter().position(|name| *name == spelled) {
            return Some(listed);
        }
        let today = now.with_timezone(&self.zone).date_naive();
        match asked {
            Asked::Clock { fields, count, east, .. } => {
                let wanted = possible(*fields, *count).then(|| spelled_plainly(*fields, *count))?;
                let clock = east.map(|minutes| FixedOffset::east_opt(minutes * 60).expect("an offset"));
                self.last(|time| match clock {
                    None => self.shows(time, &wanted),
                    Some(clock) => text(&time.with_timezone(&clock))[..wanted.len()] <= wanted[..],
                })
            }
            Asked::Today => self.last(|time| self.shows(time, &date(today))),
            Asked::Yesterday => self.last(|time| self.shows(time, &date(today.pred_opt().expect("a day")))),
            Asked::Weekday(day) => {
                let day = today.iter_days().rev().find(|date| date.weekday() == *day).expect("within a week");
                self.last(|time| self.shows(time, &date(day)))
            }
            Asked::Ago(count, 'h') => {
                let then = now.checked_sub_signed(TimeDelta::hours((*count).into()))?;
                self.last(|time| time <= then)
            }
            Asked::Ago(count, unit) => {
                let then = match unit {
                    'd' => today.checked_sub_days(chrono::Days::new((*count).into())),
                    'w' => today.checked_sub_days(chrono::Days::new(u64::from(*count) * 7)),
                    _ => {
                        let year = i32::try_from(i64::from(today.year()) - i64::from(*count)).ok()?;
                        // 29 February has no other substitute.
                        today.with_year(year).or(NaiveDate::from_ymd_opt(year, 2, 28))
                    }
                };
                let then = then.filter(|date| date.year() >= 0)?;
                let wanted = date(then) + &text(&now.with_timezone(&self.zone))["0000-00-00".len()..];
                self.last(|time| time <= now && self.shows(time, &wanted))
            }
            Asked::Epoch(second) => self.last(|time| time.timestamp() <= *second),
            Asked::Latest(back) => self.snapshots.len().checked_sub(back.unwrap_or(0) + 1),
            Asked::First => (!self.snapshots.is_empty()).then_some(0),
            Asked::Gmt(fields) => {
                let wanted = spelled_plainly(*fields, 6);
                self.last(|time| text(&time)[..wanted.len()] == wanted)
            }
            Asked::Id(prefix) => {
                let mut places =
                    (0..self.names.len()).filter(|index| hex(&self.snapshots[*index].1).starts_with(prefix));
                places.next().filter(|_| places.next().is_none())
            }
            Asked::Listed(..) => None,
        }
    }

    fn last(&self, counts: impl Fn(Instant) -> bool) -> Option<usize> {
        self.snapshots.iter().rposition(|(time, _)| counts(*time))
    }

    /// Whether the clock shows the period or an earlier one at this time, or will show it again after it was
    /// set back. Clocks are set back at full minutes.
    fn shows(&self, time: Instant, wanted: &str) -> bool {
        let shown = |time: Instant| text(&time.with_timezone(&self.zone))[..wanted.len()] <= *wanted;
        let lowest = time.with_timezone(&self.zone).naive_local() - TimeDelta::minutes(BACK);
        if text(&lowest.and_utc())[..wanted.len()] > *wanted {
            return false;
        }
        let minute = time.timestamp().div_euclid(60);
        let minutes = (minute + 1..=minute + BACK)
            .map(|minute| DateTime::from_timestamp_secs(minute * 60).expect("a time"));
        shown(time) || minutes.into_iter().any(shown)
    }
}

fn spelled_plainly(fields: Fields, count: usize) -> String {
    spelled(fields, count, ["", "-", "-", "T", "-", "-"])
}
