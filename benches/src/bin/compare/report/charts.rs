//! Charts. Each measure has a panel with one bar for each tool, or for the growth one line for each tool.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::shown;
use crate::results::{Growth, Measure, Section, median};

const COLUMNS: usize = 3;
const PANEL: (u32, u32) = (400, 40);
const BAR: i32 = 20;
const NAMES: i32 = 120;
const VALUES: i32 = 70;
const INK: RGBColor = RGBColor(40, 40, 48);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws all measures of a section.
pub fn draw(section: &Section, path: &Path) -> Result<()> {
    let done = if section.growth.is_empty() { draw_bars(section, path) } else { draw_lines(section, path) };
    // The errors of plotters borrow from their subject.
    done.map_err(|error| anyhow!("{error}"))
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_bars(section: &Section, path: &Path) -> Drawn {
    let tools = section.tools();
    if tools.is_empty() {
        return Ok(());
    }
    let rows = section.measures.len().div_ceil(COLUMNS);
    let height = PANEL.1 + u32::try_from(tools.len())? * BAR.unsigned_abs();
    let size = (PANEL.0 * u32::try_from(COLUMNS)?, height * u32::try_from(rows)?);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, measure) in root.split_evenly((rows, COLUMNS)).iter().zip(&section.measures) {
        draw_panel(panel, measure, &tools)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(panel: &Area<'_>, measure: &Measure, tools: &[&str]) -> Drawn {
    let title = ("sans-serif", 14).into_font().style(FontStyle::Bold).color(&INK);
    panel.draw(&Text::new(measure.name.clone(), (10, 10), title))?;
    let longest = tools.iter().filter_map(|tool| measure.of(tool)).map(median).fold(0.0, f64::max);
    let room = f64::from(i32::try_from(PANEL.0)? - NAMES - VALUES - 10);
    for (row, tool) in (0..).zip(tools) {
        let top = 32 + row * BAR;
        let middle = top + BAR / 2 - 1;
        let name = label(HPos::Right, 12);
        panel.draw(&Text::new((*tool).to_owned(), (NAMES - 6, middle), name))?;
        let Some(values) = measure.of(tool) else {
            panel.draw(&Text::new("–", (NAMES, middle), label(HPos::Left, 12)))?;
            continue;
        };
        let value = median(values);
        let length = if longest > 0.0 { to_pixels(room * value / longest) } else { 0 };
        let corners = [(NAMES, top + 2), (NAMES + length.max(1), top + BAR - 4)];
        panel.draw(&Rectangle::new(corners, color(tools, tool).filled()))?;
        let text = shown(measure.unit, value);
        panel.draw(&Text::new(text, (NAMES + length + 5, middle), label(HPos::Left, 12)))?;
    }
    Ok(())
}

fn draw_lines(section: &Section, path: &Path) -> Drawn {
    let mut panels: Vec<(&str, &str)> = Vec::new();
    let mut tools: Vec<&str> = Vec::new();
    for entry in &section.growth {
        let panel = (entry.of.as_str(), entry.measure.as_str());
        if !panels.contains(&panel) {
            panels.push(panel);
        }
        if !tools.contains(&entry.tool.as_str()) {
            tools.push(&entry.tool);
        }
    }
    let rows = panels.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * u32::try_from(COLUMNS)?, 220 * u32::try_from(rows)?);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, (of, measure)) in root.split_evenly((rows, COLUMNS)).iter().zip(panels) {
        let lines = section
            .growth
            .iter()
            .filter(|entry| (entry.of.as_str(), entry.measure.as_str()) == (of, measure));
        draw_growth(area, &format!("{measure}, by {of}"), &lines.collect::<Vec<_>>(), &tools)?;
    }
    root.present()?;
    Ok(())
}

fn draw_growth(area: &Area<'_>, title: &str, lines: &[&Growth], tools: &[&str]) -> Drawn {
    let medians = |entry: &Growth| -> Vec<(f64, f64)> {
        entry.points.iter().map(|(size, values)| (*size, median(values))).collect()
    };
    let all: Vec<(f64, f64)> = lines.iter().flat_map(|entry| medians(entry)).collect();
    let (Some(unit), false) = (lines.first().map(|entry| entry.unit), all.is_empty()) else { return Ok(()) };
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of).filter(|value| *value > 0.0);
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        least / 1.3..most * 1.6
    };
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 14).into_font().color(&INK))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(60)
        .build_cartesian_2d(range(|point| point.0).log_scale(), range(|point| point.1).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(4)
        .y_labels(5)
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&|value| shown(unit, *value))
        .x_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for entry in lines {
        let color = color(tools, &entry.tool);
        let points = medians(entry);
        chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
        if let Some(last) = points.last() {
            let style = ("sans-serif", 11).into_font().color(&color);
            chart.draw_series([Text::new(
                entry.tool.clone(),
                *last,
                style.pos(Pos::new(HPos::Right, VPos::Bottom)),
            )])?;
        }
    }
    Ok(())
}

fn label(side: HPos, size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK).pos(Pos::new(side, VPos::Center))
}

/// The colour of a tool: Yester's own, then one for each peer.
fn color(tools: &[&str], tool: &str) -> RGBColor {
    const COLORS: [RGBColor; 7] = [
        RGBColor(0, 114, 178),
        RGBColor(230, 159, 0),
        RGBColor(0, 158, 115),
        RGBColor(160, 160, 160),
        RGBColor(204, 121, 167),
        RGBColor(213, 94, 0),
        RGBColor(90, 90, 90),
    ];
    let at = tools.iter().position(|known| *known == tool).unwrap_or(0);
    COLORS[at % COLORS.len()]
}

#[allow(clippy::cast_possible_truncation, reason = "charts are smaller than 2^31 pixels")]
fn to_pixels(length: f64) -> i32 {
    length.round() as i32
}
