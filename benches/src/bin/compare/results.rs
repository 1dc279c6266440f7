//! What was measured, as it is kept in `results.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// All that is known, from this run and earlier ones.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub sections: Vec<Section>,
}

/// One data set, or the growth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Section {
    pub name: String,
    /// What the data are.
    pub about: String,
    pub date: String,
    pub machine: Machine,
    pub versions: Vec<(String, String)>,
    pub rounds: usize,
    pub quick: bool,
    /// Whether caches were dropped before what is called cold.
    pub cold: bool,
    pub measures: Vec<Measure>,
    /// What was left out, what failed, and why.
    pub notes: Vec<String>,
    /// Measures at several sizes, with their exponents.
    #[serde(default)]
    pub growth: Vec<Growth>,
}

/// Where it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_mb: u64,
    pub kernel: String,
    pub file_system: String,
}

/// One row of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measure {
    pub name: String,
    pub unit: Unit,
    pub samples: Vec<(String, Vec<f64>)>,
}

/// How values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    Seconds,
    Bytes,
}

/// One measure of one tool against one size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Growth {
    /// What grows.
    pub of: String,
    pub measure: String,
    pub unit: Unit,
    pub tool: String,
    /// How large (files, snapshots, bytes), and the values of all rounds there.
    pub points: Vec<(f64, Vec<f64>)>,
}

impl Section {
    /// Adds a value to a row, which appears when it gets its first.
    pub fn add(&mut self, measure: &str, unit: Unit, tool: &str, value: f64) {
        let at = self.measures.iter().position(|known| known.name == measure).unwrap_or_else(|| {
            self.measures.push(Measure { name: measure.to_owned(), unit, samples: Vec::new() });
            self.measures.len() - 1
        });
        let samples = &mut self.measures[at].samples;
        match samples.iter_mut().find(|(known, _)| known == tool) {
            Some((_, values)) => values.push(value),
            None => samples.push((tool.to_owned(), vec![value])),
        }
    }

    /// Adds a line that every round would repeat.
    pub fn note(&mut self, line: String) {
        if !self.notes.contains(&line) {
            self.notes.push(line);
        }
    }

    /// The tools that have a value, in the order of the versions, then of their appearance.
    pub fn tools(&self) -> Vec<&str> {
        let mut tools: Vec<&str> = Vec::new();
        let measured =
            || self.measures.iter().flat_map(|measure| &measure.samples).map(|(tool, _)| tool.as_str());
        let known = self.versions.iter().map(|(tool, _)| tool.as_str());
        for tool in known.filter(|known| measured().any(|tool| tool == *known)).chain(measured()) {
            if !tools.contains(&tool) {
                tools.push(tool);
            }
        }
        tools
    }
}

impl Measure {
    /// The values of a tool.
    pub fn of(&self, tool: &str) -> Option<&[f64]> {
        self.samples.iter().find(|(known, _)| known == tool).map(|(_, values)| values.as_slice())
    }
}

impl Results {
    /// Those of an earlier run, if there are any that can be read.
    pub fn load(path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    pub fn store(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Puts a section in the place of its elder.
    pub fn replace(&mut self, section: Section, order: &[&str]) {
        self.sections.retain(|known| known.name != section.name);
        self.sections.push(section);
        self.sections.sort_by_key(|section| order.iter().position(|name| *name == section.name));
    }
}

/// The middle value; of two middle ones their mean. 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// The exponent k of y = c·xᵏ that fits best: least squares between the logarithms. `None` below two sizes.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> =
        points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0).map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = crate::process::to_f64(logs.len() as u64);
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|log| log.0), mean(|log| log.1));
    let along: f64 = logs.iter().map(|log| (log.0 - x).powi(2)).sum();
    let across: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
    (logs.len() > 1 && along > 0.0).then(|| across / along)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn exponents() {
        let square = [(1.0, 3.0), (4.0, 48.0), (16.0, 768.0)];
        assert!((exponent(&square).unwrap() - 2.0).abs() < 1e-9);
        assert!(exponent(&[(1.0, 2.0)]).is_none());
        assert!(exponent(&[]).is_none());
    }
}
