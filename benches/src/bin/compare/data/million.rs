//! A data set of many small files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_benches::Random;

use super::{DataSet, Place, Reading, files, once};
use crate::lab::Lab;

const FOLDER: u64 = 1000;
/// One of this many files differs in the second generation.
const CHANGING: u64 = 1000;

struct Million {
    root: PathBuf,
    files: u64,
}

pub fn prepare(lab: &Lab) -> Result<Box<dyn DataSet>> {
    let files = if lab.quick { 3_000 } else { 1_000_000 };
    let root = once(lab, "million", |root| fill(lab, root, files))?;
    Ok(Box::new(Million { root, files }))
}

impl DataSet for Million {
    fn about(&self) -> String {
        format!(
            "{} generated files of 0 to 2 KB in folders of {FOLDER}; in the second generation one in {CHANGING} \
             is changed.",
            self.files
        )
    }

    fn generations(&self) -> usize {
        2
    }

    fn generation(&self, number: usize) -> Result<PathBuf> {
        for file in (0..self.files).step_by(usize::try_from(CHANGING)?) {
            write(&self.root, file, number)?;
        }
        Ok(self.root.clone())
    }

    fn place(&self) -> Place<'_> {
        Place::Instead(&self.root)
    }

    fn reading(&self) -> Reading {
        Reading::Names
    }
}

pub fn fill(lab: &Lab, root: &Path, files: u64) -> Result<()> {
    for file in 0..files {
        if file % FOLDER == 0 {
            lab.runner.check()?;
            lab.say(format!("making small files: {file} of {files}"));
            fs::create_dir_all(root.join(folder(file)))?;
        }
        write(root, file, 0)?;
    }
    Ok(())
}

/// Writes file number `file` of a generation.
pub fn write(root: &Path, file: u64, generation: usize) -> Result<()> {
    let path = root.join(folder(file)).join(format!("{file:07}.txt"));
    let mut random = Random::new(file << 8 | generation as u64);
    let len = usize::try_from(random.below(2000))?;
    fs::write(&path, random.text(len)).with_context(|| format!("writing {}", path.display()))?;
    files::set_mtime(&path, files::day(generation))
}

fn folder(file: u64) -> String {
    format!("{:02}/{:03}", file / FOLDER % 100, file / FOLDER / 100)
}
