//! The data sets: trees with generations, from public material or from a generator.

pub mod files;
mod history;
mod image;
pub mod million;
mod usr;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
pub use files::{walk, warm};

use crate::args::Part;
use crate::lab::{Lab, remove};

/// A tree that changes with each generation.
pub trait DataSet {
    /// Description in one sentence.
    fn about(&self) -> String;

    /// Number of generations.
    fn generations(&self) -> usize;

    /// The tree of generation `number`. The numbers come in order, and begin again at 0 in each round.
    fn generation(&self, number: usize) -> Result<PathBuf>;

    /// Location of the generations.
    fn place(&self) -> Place<'_>;

    /// The jobs for its mounts.
    fn reading(&self) -> Reading;
}

/// A location of generations.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// All of them, side by side in this folder.
    Beside(&'a Path),
    /// One at a time in this folder, each in place of the one before.
    Instead(&'a Path),
}

/// The jobs for the mounts of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All jobs on trees: find, tar, diff, cp, random reads.
    Tree,
    /// A walk over all names and attributes.
    Names,
    /// Sequential and random reads of the one large file.
    LargeFile,
}

/// Makes the data set of `part`, or finds it from an earlier run. [`Part::Growth`] has none.
pub fn prepare(lab: &Lab, part: Part) -> Result<Option<Box<dyn DataSet + '_>>> {
    lab.say(format!("{}: making the data set", part.name()));
    Ok(match part {
        Part::History => Some(history::prepare(lab)?),
        Part::Usr => Some(usr::prepare(lab)?),
        Part::Image => Some(image::prepare(lab)?),
        Part::Million => Some(million::prepare(lab)?),
        Part::Growth => None,
    })
}

/// A folder of data, filled once by `fill`. An unfinished one is filled again.
fn once(lab: &Lab, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let name = if lab.quick { format!("{name}-quick") } else { name.to_owned() };
    let folder = lab.data.join(&name);
    if !folder.exists() {
        let unfinished = lab.data.join(format!("{name}.unfinished"));
        remove(&unfinished)?;
        fs::create_dir_all(&unfinished)?;
        fill(&unfinished)?;
        fs::rename(&unfinished, &folder).with_context(|| format!("naming {}", folder.display()))?;
    }
    Ok(folder)
}
