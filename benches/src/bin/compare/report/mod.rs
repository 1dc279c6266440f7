//! Presents the results as a table and charts.

mod charts;
mod markdown;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::{Results, Unit};

/// Writes `README.md` and the charts of every section into `out`.
pub fn write(results: &Results, out: &Path) -> Result<()> {
    for section in &results.sections {
        let path = out.join(format!("{}.svg", section.name));
        charts::draw(section, &path).with_context(|| format!("drawing {}", path.display()))?;
    }
    let path = out.join("README.md");
    fs::write(&path, markdown::render(results)).with_context(|| format!("writing {}", path.display()))
}

/// A value with three digits and a suitable unit.
fn shown(unit: Unit, value: f64) -> String {
    let (value, name) = match unit {
        Unit::Seconds if value < 0.1 => (value * 1e3, "ms"),
        Unit::Seconds => (value, "s"),
        Unit::Bytes if value < 1e6 => (value / 1e3, "KB"),
        Unit::Bytes => (value / 1e6, "MB"),
    };
    let digits = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        let seconds = [0.012_34, 0.5, 9.999, 123.4].map(|value| shown(Unit::Seconds, value));
        assert_eq!(seconds, ["12.3 ms", "0.50 s", "10.0 s", "123 s"]);
        assert_eq!(shown(Unit::Bytes, 55_400_000.0), "55.4 MB");
    }
}
