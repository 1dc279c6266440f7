use std::fmt::Write;

use super::shown;
use crate::results::{Growth, Measure, Results, Section, exponent, median};

const INTRODUCTION: &str = "\
# Yester beside its peers

Written by one command, which makes its data by itself; repeat it with

```sh
cargo run --release -p fs-benches --bin compare
```

(as root, to drop the page cache and to mount squashfs; `--help` tells more). The tools take turns in each round. A value is the median
of all rounds, with the least and the greatest in parentheses; **bold** is the best of the backup tools. Cold means: a fresh mount
and a dropped page cache. Sources are in memory when they are imported. borg compresses with zstd at level 3, as Yester does and restic about does;
it does not encrypt, as Yester does not yet, while restic cannot do without. floor is the data
set in memory, mounted with Yester's own settings: what FUSE itself takes. ext4 is the data set itself. What bounds the numbers is told in
[performance.md](../performance.md); all values are in [results.json](results.json).
";

/// The tools that keep histories. Only they compete.
const COMPETING: [&str; 4] = ["yester", "restic", "borg", "cp -al + rsync"];

pub fn render(results: &Results) -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in &results.sections {
        // Writing to a string cannot fail.
        let _ = render_section(&mut text, section);
    }
    text
}

fn render_section(text: &mut String, section: &Section) -> std::fmt::Result {
    let machine = &section.machine;
    writeln!(text, "\n## {}\n\n{}\n", section.name, section.about)?;
    let rounds = if section.rounds == 1 { "one round".into() } else { format!("{} rounds", section.rounds) };
    let quick = if section.quick {
        "; a quick run on small data: a test of the benchmark, not of the tools"
    } else {
        ""
    };
    writeln!(
        text,
        "{}, {rounds}, on {} cores of {}, {} GB of memory, Linux {}, {}{quick}.",
        section.date,
        machine.cores,
        machine.processor,
        machine.memory_mb.div_ceil(1024),
        machine.kernel,
        machine.file_system
    )?;
    let versions: Vec<String> =
        section.versions.iter().map(|(tool, version)| version_of(tool, version)).collect();
    writeln!(text, "Versions: {}.", versions.join("; "))?;
    if !section.measures.is_empty() {
        table(text, section)?;
    }
    if !section.growth.is_empty() {
        growth(text, &section.growth)?;
    }
    if !(section.measures.is_empty() && section.growth.is_empty()) {
        writeln!(text, "\n![{0}]({0}.svg)", section.name)?;
    }
    if !section.notes.is_empty() {
        writeln!(text)?;
    }
    section.notes.iter().try_for_each(|note| writeln!(text, "- {}", note.replace('\n', " ")))
}

/// Name and version, such as `restic 0.14.0`, from a program's own output.
fn version_of(tool: &str, version: &str) -> String {
    let number =
        version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    format!("{tool} {}", number.unwrap_or(version))
}

fn table(text: &mut String, section: &Section) -> std::fmt::Result {
    let tools = section.tools();
    writeln!(text, "\n| | {} |\n|---|{}", tools.join(" | "), "---:|".repeat(tools.len()))?;
    for measure in &section.measures {
        let best = best(measure);
        let cells: Vec<String> = tools.iter().map(|tool| cell(measure, tool, best)).collect();
        writeln!(text, "| {} | {} |", measure.name, cells.join(" | "))?;
    }
    Ok(())
}

fn best(measure: &Measure) -> Option<f64> {
    let medians = COMPETING.iter().filter_map(|tool| measure.of(tool)).map(median);
    medians.min_by(f64::total_cmp)
}

fn cell(measure: &Measure, tool: &str, best: Option<f64>) -> String {
    let Some(values) = measure.of(tool) else { return "–".into() };
    let middle = median(values);
    let mut cell = shown(measure.unit, middle);
    if COMPETING.contains(&tool) && best.is_some_and(|best| middle <= best) {
        cell = format!("**{cell}**");
    }
    let least = shown(measure.unit, values.iter().copied().fold(f64::INFINITY, f64::min));
    let greatest = shown(measure.unit, values.iter().copied().fold(0.0, f64::max));
    // Values that round to the same text add nothing.
    if least != greatest {
        cell = format!("{cell} ({least}–{greatest})");
    }
    cell
}

fn growth(text: &mut String, all: &[Growth]) -> std::fmt::Result {
    let mut of: Vec<&str> = Vec::new();
    let mut tools: Vec<&str> = Vec::new();
    for entry in all {
        if !of.contains(&entry.of.as_str()) {
            of.push(&entry.of);
        }
        if !tools.contains(&entry.tool.as_str()) {
            tools.push(&entry.tool);
        }
    }
    for of in of {
        let entries: Vec<&Growth> = all.iter().filter(|entry| entry.of == of).collect();
        let sizes = entries.first().map_or(Vec::new(), |entry| sizes(entry));
        writeln!(text, "\nMore {of} ({}):\n\n| | {} |", sizes.join(", "), tools.join(" | "))?;
        writeln!(text, "|---|{}", "---|".repeat(tools.len()))?;
        let mut measures: Vec<&str> = Vec::new();
        for entry in &entries {
            if !measures.contains(&entry.measure.as_str()) {
                measures.push(&entry.measure);
            }
        }
        for measure in measures {
            let cells = tools.iter().map(|tool| {
                let found = entries.iter().find(|entry| entry.measure == measure && entry.tool == *tool);
                found.map_or("–".into(), |entry| grown(entry))
            });
            writeln!(text, "| {measure} | {} |", cells.collect::<Vec<_>>().join(" | "))?;
        }
    }
    Ok(())
}

fn sizes(entry: &Growth) -> Vec<String> {
    entry.points.iter().map(|(size, _)| format!("{size:.0}")).collect()
}

fn grown(entry: &Growth) -> String {
    let medians: Vec<(f64, f64)> =
        entry.points.iter().map(|(size, values)| (*size, median(values))).collect();
    let values: Vec<String> = medians.iter().map(|(_, value)| shown(entry.unit, *value)).collect();
    let fit = exponent(&medians).map_or(String::new(), |exponent| format!("; k = {exponent:.2}"));
    format!("{}{fit}", values.join(", "))
}
