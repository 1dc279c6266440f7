//! Draws the calendar as an SVG picture.

use std::fmt::Write;

use super::weeks::Calendar;
use crate::text::count;

/// Distance between two days, in units of the picture. `SIZE` is the side of a day's square.
const STEP: usize = 14;
const SIZE: usize = 11;
const LEFT: usize = 34;
const TOP: usize = 20;
const SHADES: [&str; 5] = ["#ebedf0", "#c6dbef", "#6baed6", "#2171b5", "#08306b"];

pub(super) fn draw(calendar: &Calendar) -> String {
    let (width, height) = (LEFT + calendar.weeks.len() * STEP, TOP + 7 * STEP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"10\" fill=\"#555\">\n"
    );
    for (week, month) in calendar.months() {
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{month}</text>", LEFT + week * STEP, TOP - 7);
    }
    for (row, name) in [(0, "Mon"), (2, "Wed"), (4, "Fri")] {
        let _ = writeln!(svg, "<text x=\"4\" y=\"{}\">{name}</text>", TOP + row * STEP + 9);
    }
    for week in 0..calendar.weeks.len() {
        for row in 0..7u8 {
            let Some((date, day)) = calendar.day(week, row) else { continue };
            let (x, y) = (LEFT + week * STEP, TOP + usize::from(row) * STEP);
            let title = match day {
                Some(day) => {
                    format!("{date}: {}, {}", count(day.snapshots, "snapshot"), count(day.changes, "change"))
                }
                None => date.to_string(),
            };
            let fill = SHADES[calendar.shade(day)];
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{SIZE}\" height=\"{SIZE}\" rx=\"2\" fill=\"{fill}\"><title>{title}</title></rect>"
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
