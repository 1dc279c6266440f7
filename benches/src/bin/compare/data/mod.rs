//! The data sets: trees with generations, made from public material or by a generator.

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

/// A tree that changes from generation to generation.
pub trait DataSet {
    /// What it is, in a sentence.
    fn about(&self) -> String;

    /// How many generations it has.
    fn generations(&self) -> usize;

    /// The tree of generation `number`. They are asked for in order, and again from 0 in the next round.
    fn generation(&self, number: usize) -> Result<PathBuf>;

    /// How its generations lie.
    fn place(&self) -> Place<'_>;

    /// How it is read through mounts.
    fn reading(&self) -> Reading;
}

/// Where generations are.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Side by side in this folder.
    Beside(&'a Path),
    /// Each takes the place of the one before, here.
    Instead(&'a Path),
}

/// What is done with a data set's mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Everything: find, tar, diff, cp, random reads.
    Tree,
    /// Look at all names and attributes.
    Names,
    /// Sequential and random reads of the one large file.
    LargeFile,
}

/// Makes the data set `part`, or takes it from an earlier run. [`Part::Growth`] has none.
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

/// A folder of data that `fill` makes once; one that was not finished is made again.
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
