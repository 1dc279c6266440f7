//! One round of imports: all tools import all generations, in turns.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::data::{DataSet, walk, warm};
use crate::lab::Lab;
use crate::process::{Interrupted, Usage, to_f64};
use crate::results::{Section, Unit, median};
use crate::tools::{self, Keeper};

/// A tool in this round, with its usage so far.
pub struct Entrant {
    pub keeper: Box<dyn Keeper>,
    imports: Vec<Usage>,
    first_size: f64,
    /// Set after a failure: later results would mean nothing.
    failed: bool,
}

/// Makes an empty repository for every keeper that is installed.
pub fn enter(lab: &Lab, section: &mut Section) -> Result<Vec<Entrant>> {
    let mut entrants = Vec::new();
    let names: Vec<String> = section.versions.iter().map(|(name, _)| name.clone()).collect();
    for name in names {
        match tools::make(lab, &name) {
            Some(Ok(keeper)) => {
                let imports = Vec::new();
                entrants.push(Entrant { keeper, imports, first_size: 0.0, failed: false });
            }
            Some(Err(error)) => failure(section, &name, error)?,
            None => {}
        }
    }
    Ok(entrants)
}

/// Imports all generations, and then the last one again.
pub fn run(
    lab: &Lab,
    data: &dyn DataSet,
    round: usize,
    entrants: &mut [Entrant],
    section: &mut Section,
) -> Result<()> {
    let generations = data.generations();
    let mut source = PathBuf::new();
    for number in 0..generations {
        let step = format!("import {} of {generations}", number + 1);
        source = data.generation(number)?;
        warm(&source);
        for at in turns(entrants.len(), round + number) {
            let entrant = &mut entrants[at];
            if let Some(usage) = entrant.import(lab, &source, section, &step)? {
                entrant.imports.push(usage);
                if number == 0 {
                    entrant.first_size = size_of(entrant.keeper.repository());
                }
            }
        }
    }
    entrants.iter().filter(|entrant| entrant.is_sound()).for_each(|entrant| entrant.report(section));
    for at in turns(entrants.len(), round) {
        let entrant = &mut entrants[at];
        if let Some(usage) = entrant.import(lab, &source, section, "import of nothing new")? {
            let name = entrant.keeper.name();
            section.add("import, nothing changed", Unit::Seconds, name, usage.wall);
            section.add("import, nothing changed: peak memory", Unit::Bytes, name, usage.peak);
        }
    }
    Ok(())
}

impl Entrant {
    /// Whether the repository holds all generations.
    pub fn is_sound(&self) -> bool {
        !self.failed
    }

    fn import(
        &mut self,
        lab: &Lab,
        source: &Path,
        section: &mut Section,
        step: &str,
    ) -> Result<Option<Usage>> {
        if self.failed {
            return Ok(None);
        }
        let name = self.keeper.name();
        lab.say(format!("{}: {step}, {name}", section.name));
        lab.settle();
        match self.keeper.import(lab, source).with_context(|| step.to_owned()) {
            Ok(usage) => Ok(Some(usage)),
            Err(error) => {
                self.failed = true;
                failure(section, name, error)?;
                Ok(None)
            }
        }
    }

    fn report(&self, section: &mut Section) {
        let name = self.keeper.name();
        let Some((first, further)) = self.imports.split_first() else { return };
        let walls: Vec<f64> = further.iter().map(|usage| usage.wall).collect();
        let all = first.wall + walls.iter().sum::<f64>();
        let cpu = self.imports.iter().map(|usage| usage.cpu).sum();
        let peak = self.imports.iter().map(|usage| usage.peak).fold(0.0, f64::max);
        let size = size_of(self.keeper.repository());
        section.add("first import", Unit::Seconds, name, first.wall);
        if !walls.is_empty() {
            section.add("each further import", Unit::Seconds, name, median(&walls));
            section.add("all imports", Unit::Seconds, name, all);
        }
        section.add("all imports: processor time", Unit::Seconds, name, cpu);
        section.add("all imports: peak memory", Unit::Bytes, name, peak);
        section.add("size after the first", Unit::Bytes, name, self.first_size);
        if !walls.is_empty() {
            section.add("size after all", Unit::Bytes, name, size);
        }
    }
}

/// The order of tools in this turn. Each tool is first equally often.
pub fn turns(count: usize, turn: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| (at + turn) % count)
}

/// Records a tool's failure. Ctrl-C is no failure of the tool.
pub fn failure(section: &mut Section, tool: &str, error: anyhow::Error) -> Result<()> {
    if error.downcast_ref::<Interrupted>().is_some() {
        return Err(error);
    }
    section.note(format!("{tool} failed: {error:#}"));
    Ok(())
}

/// Bytes on disk of everything below `root`, or of a single file. Hard links count once.
pub fn size_of(root: &Path) -> f64 {
    let mut seen = std::collections::HashSet::new();
    let own = fs::symlink_metadata(root).map_or(0, |metadata| metadata.blocks());
    let blocks: u64 = walk(root)
        .iter()
        .filter(|item| {
            item.metadata.nlink() == 1 || item.metadata.is_dir() || seen.insert(item.metadata.ino())
        })
        .map(|item| item.metadata.blocks())
        .sum();
    to_f64((own + blocks) * 512)
}
