use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Shown;
use crate::data::{DataSet, Place};
use crate::lab::Lab;
use crate::mount::Mounted;

/// The data set itself, on its own file system.
pub struct Ext4 {
    all: PathBuf,
    generations: Vec<PathBuf>,
}

pub const NAME: &str = "ext4";

impl Ext4 {
    /// All generations. If each replaces the one before, only the current one.
    pub fn of(data: &dyn DataSet) -> Result<Self> {
        let last = data.generations().checked_sub(1).context("a data set without generations")?;
        match data.place() {
            Place::Beside(all) => {
                let generations = (0..=last).map(|number| data.generation(number)).collect::<Result<_>>()?;
                Ok(Self { all: all.to_owned(), generations })
            }
            Place::Instead(tree) => Ok(Self { all: tree.to_owned(), generations: vec![tree.to_owned()] }),
        }
    }

    /// The last generation.
    pub fn last(&self) -> Result<&Path> {
        self.generations.last().map(PathBuf::as_path).context("a data set without generations")
    }
}

impl Shown for Ext4 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mount(&self, _lab: &Lab, root: &Path) -> Result<Mounted> {
        Ok(Mounted::nothing(root))
    }

    fn generations(&self, _root: &Path) -> Result<Vec<PathBuf>> {
        Ok(self.generations.clone())
    }

    fn all(&self, _root: &Path) -> PathBuf {
        self.all.clone()
    }
}
