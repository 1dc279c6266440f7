//! The results, as stored in `results.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// All results, of this run and of earlier ones.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub sections: Vec<Section>,
}

/// The results of one data set or of the growth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Section {
    pub name: String,
    /// Description of the data.
    pub about: String,
    pub date: String,
    pub machine: Machine,
    pub versions: Vec<(String, String)>,
    pub rounds: usize,
    pub quick: bool,
    /// Whether caches were dropped before the measures called cold.
    pub cold: bool,
    pub measures: Vec<Measure>,
    /// Omissions and failures, with reasons.
    pub notes: Vec<String>,
    /// Measures at several sizes, with their exponents.
    #[serde(default)]
    pub growth: Vec<Growth>,
}

/// The machine of the results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_mb: u64,
    pub kernel: String,
    pub file_system: String,
}

/// A row of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measure {
    pub name: String,
    pub unit: Unit,
    pub samples: Vec<(String, Vec<f64>)>,
}

/// The unit of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    Seconds,
    Bytes,
}

/// A measure of one tool at several sizes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Growth {
    /// The quantity that grows.
    pub of: String,
    pub measure: String,
    pub unit: Unit,
    pub tool: String,
    /// Each size (files, snapshots, bytes) with the values of all rounds.
    pub points: Vec<(f64, Vec<f64>)>,
}

impl Section {
    /// Adds a value to a row. The row is created if it does not exist.
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

    /// Adds a line, unless an earlier round has added it.
    pub fn note(&mut self, line: String) {
        if !self.notes.contains(&line) {
            self.notes.push(line);
        }
    }

    /// The tools that have a value: in the order of the versions, then of their appearance.
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
    /// Loads the results of earlier runs. They are empty if the file does not exist.
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

    /// Replaces the earlier section of the same name.
    pub fn replace(&mut self, section: Section, order: &[&str]) {
        self.sections.retain(|known| known.name != section.name);
        self.sections.push(section);
        self.sections.sort_by_key(|section| order.iter().position(|name| *name == section.name));
    }
}

/// The median: of two middle values their mean, of no values 0.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// The exponent k of the best fit y = c·xᵏ, by least squares of the logarithms. `None` for fewer than two
/// sizes.
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
