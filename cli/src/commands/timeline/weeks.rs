//! A calendar with one column for each week and one row for each day of the week.

use std::collections::HashMap;

use fs_core::service::Day;
use jiff::ToSpan;
use jiff::civil::Date;

/// Number of columns before the weeks.
pub(super) const MARGIN: usize = 4;
/// Characters for the number of changes of a day: no snapshot, few, more, many, most.
const SHADES: [char; 5] = ['\u{b7}', '\u{2591}', '\u{2592}', '\u{2593}', '\u{2588}'];
const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Maximum number of weeks, more than a human life. A longer history comes from a wrong clock and is not
/// drawn.
const MOST_WEEKS: usize = 5200;

/// The days of a history, arranged by week.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The Monday of each week.
    pub(super) weeks: Vec<Date>,
    days: HashMap<Date, Day>,
    most: u64,
}

impl Calendar {
    /// The last weeks of a history, at most `most_weeks`; `None` if there are no days.
    pub(super) fn of(days: &[Day], most_weeks: usize) -> Option<Self> {
        let (first, last) = (monday(days.first()?.date), monday(days.last()?.date));
        let weeks = last.series(-7.days()).take_while(|week| *week >= first);
        let mut weeks: Vec<_> = weeks.take(most_weeks.min(MOST_WEEKS)).collect();
        weeks.reverse();
        let days = days.iter().map(|day| (day.date, *day)).collect();
        let mut calendar = Self { weeks, days, most: 0 };
        let shown = (0..calendar.weeks.len()).flat_map(|week| (0..7).map(move |row| (week, row)));
        calendar.most = shown.filter_map(|(week, row)| Some(calendar.day(week, row)?.1?.changes)).max()?;
        Some(calendar)
    }

    /// A day of a week, with its snapshots if it has any.
    pub(super) fn day(&self, week: usize, row: u8) -> Option<(Date, Option<&Day>)> {
        let date = self.weeks.get(week)?.checked_add(i64::from(row).days()).ok()?;
        Some((date, self.days.get(&date)))
    }

    /// The shade of a day, from 0 to 4.
    pub(super) fn shade(&self, day: Option<&Day>) -> usize {
        let Some(day) = day else { return 0 };
        // The scale is logarithmic, relative to the day with the most changes.
        let digits = |number: u64| u64::from(number.saturating_add(1).ilog2());
        let step = digits(day.changes) * 3 / digits(self.most).max(1);
        1 + usize::try_from(step).unwrap_or(3).min(3)
    }

    /// The weeks in which a month begins, with the month's name.
    pub(super) fn months(&self) -> Vec<(usize, String)> {
        let mut months: Vec<(usize, String)> = Vec::new();
        for (at, week) in self.weeks.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| self.weeks.get(at));
            if before.is_none_or(|before| before.month() != week.month()) {
                let form = if week.month() == 1 || at == 0 { "%Y" } else { "%b" };
                months.push((at, week.strftime(form).to_string()));
            }
        }
        months
    }

    /// The lines for a terminal.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut head = " ".repeat(MARGIN);
        for (week, month) in self.months() {
            let at = MARGIN + 2 * week;
            if head.len() <= at {
                head.push_str(&" ".repeat(at - head.len()));
                head.push_str(&month);
                head.push(' ');
            }
        }
        let row = |(row, name): (u8, &&str)| {
            let mut line = format!("{name:MARGIN$}");
            for week in 0..self.weeks.len() {
                let day = self.day(week, row).and_then(|(_, day)| day);
                line.extend([SHADES[self.shade(day)], ' ']);
            }
            line.trim_end().to_owned()
        };
        std::iter::once(head.trim_end().to_owned()).chain((0..).zip(&NAMES).map(row)).collect()
    }
}

fn monday(date: Date) -> Date {
    let since = i64::from(date.weekday().to_monday_zero_offset());
    date.checked_sub(since.days()).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn days() -> Vec<Day> {
        let day = |month, day, changes| Day { date: date(2024, month, day), snapshots: 1, changes };
        vec![day(5, 27, 0), day(5, 28, 3), day(6, 5, 60), day(6, 16, 1000)]
    }

    #[test]
    fn days_stand_in_their_weeks() {
        let lines = Calendar::of(&days(), 53).unwrap().lines();
        let expected = [
            "    2024  Jun",
            "Mon ░ · ·",
            "Tue ░ · ·",
            "Wed · ▒ ·",
            "Thu · · ·",
            "Fri · · ·",
            "Sat · · ·",
            "Sun · · █",
        ];
        assert_eq!(lines[1..], expected[1..]);
        assert_eq!(lines[0], "    2024");
        let last = Calendar::of(&days(), 1).unwrap().lines();
        assert_eq!((&*last[1], &*last[7]), ("Mon ·", "Sun █"));
        assert!(Calendar::of(&[], 53).is_none());
    }

    #[test]
    fn a_clock_that_was_wrong_draws_no_centuries() {
        let mut days = days();
        days.insert(0, Day { date: date(1, 1, 1), snapshots: 1, changes: 0 });
        assert_eq!(Calendar::of(&days, usize::MAX).unwrap().weeks.len(), MOST_WEEKS);
    }
}
