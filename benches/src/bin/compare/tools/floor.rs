use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Ext4, Shown};
use crate::data::DataSet;
use crate::floor;
use crate::lab::Lab;
use crate::mount::Mounted;

/// The data set in memory, mounted with Yester's settings. No program can be faster through FUSE.
pub struct Floor {
    all: PathBuf,
    generations: Vec<PathBuf>,
}

pub const NAME: &str = "floor";

impl Floor {
    pub fn of(data: &dyn DataSet) -> Result<Self> {
        let fs = Ext4::of(data)?;
        // These two need no mount to name their folders.
        let nowhere = Path::new("");
        let all = fs.all(nowhere);
        let generations = fs.generations(nowhere)?;
        let below = generations.iter().map(|path| path.strip_prefix(&all).map(Path::to_owned));
        let generations = below.collect::<Result<_, _>>().context("generations in one folder")?;
        Ok(Self { all, generations })
    }
}

impl Shown for Floor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted> {
        let mut command = lab.command(lab.own());
        let mut mounted =
            Mounted::serve(lab, command.arg(floor::ARGUMENT).arg(&self.all).arg(root), root).context(NAME)?;
        // The time would include reading the whole tree into memory.
        mounted.ready = None;
        Ok(mounted)
    }

    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>> {
        Ok(self.generations.iter().map(|name| root.join(name)).collect())
    }
}
