//! The files installed on this machine, and their state after an upgrade of a part of them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fs_benches::Random;

use super::files::{self, Item};
use super::{DataSet, Place, Reading, once};
use crate::lab::Lab;

const SOURCE: &str = "/usr";
const STATES: [&str; 2] = ["usr.0", "usr.1"];
/// Percentage of files that are changed in the second state. Next: the removed ones.
const CHANGED: u64 = 3;
const GONE: u64 = 1;
const NEW: u64 = 1;

struct Usr {
    root: PathBuf,
    files: usize,
    bytes: u64,
}

pub fn prepare(lab: &Lab) -> Result<Box<dyn DataSet>> {
    let wanted = if lab.quick { 12 << 20 } else { 1 << 30 };
    let root = once(lab, "usr", |root| fill(lab, root, wanted))?;
    let items = files::walk(&root.join(STATES[0]));
    let files = items.iter().filter(|item| item.metadata.is_file());
    let bytes = files.clone().map(|item| item.metadata.len()).sum();
    Ok(Box::new(Usr { files: files.count(), bytes, root }))
}

impl DataSet for Usr {
    fn about(&self) -> String {
        format!(
            "A sample of this machine's {SOURCE}, {} files of {} MB, and a second state: {CHANGED} % of the files \
             changed, {GONE} % gone, {NEW} % new.",
            self.files,
            self.bytes / 1_000_000
        )
    }

    fn generations(&self) -> usize {
        STATES.len()
    }

    fn generation(&self, number: usize) -> Result<PathBuf> {
        Ok(self.root.join(STATES[number]))
    }

    fn place(&self) -> Place<'_> {
        Place::Beside(&self.root)
    }

    fn reading(&self) -> Reading {
        Reading::Tree
    }
}

/// Files and symbolic links of `/usr`, chosen evenly, of about `wanted` bytes in total.
pub fn sample(wanted: u64) -> Vec<Item> {
    let mut items = files::walk(Path::new(SOURCE));
    let size = |item: &Item| if item.metadata.is_file() { item.metadata.len() } else { 0 };
    let total: u64 = items.iter().map(size).sum();
    let mut random = Random::new(1);
    // Folders come with their files. Empty folders would outnumber the files.
    items.retain(|item| {
        (item.metadata.is_symlink() || item.metadata.is_file()) && random.below(total.max(1)) < wanted
    });
    items
}

fn fill(lab: &Lab, root: &Path, wanted: u64) -> Result<()> {
    let (first, second) = (root.join(STATES[0]), root.join(STATES[1]));
    fs::create_dir_all(&first)?;
    fs::create_dir_all(&second)?;
    let items = sample(wanted);
    if items.is_empty() {
        bail!("{SOURCE} is empty");
    }
    let mut random = Random::new(2);
    for item in items {
        lab.runner.check()?;
        let name = item.path.strip_prefix(SOURCE)?;
        let (old, new) = (first.join(name), second.join(name));
        for path in [&old, &new] {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
        }
        files::copy(&item, &old)?;
        if !item.metadata.is_file() {
            files::copy(&item, &new)?;
            continue;
        }
        let fate = random.below(100);
        if fate < CHANGED {
            files::copy(&item, &new)?;
            let patch = random.text(200);
            fs::OpenOptions::new().append(true).open(&new)?.write_all(&patch).context("changing a file")?;
            files::set_mtime(&new, item.metadata.mtime() + 1000)?;
        } else if fate >= CHANGED + GONE {
            fs::hard_link(&old, &new).with_context(|| format!("linking {}", new.display()))?;
        }
        if fate >= 100 - NEW {
            let mut beside = new.into_os_string();
            beside.push(".new");
            fs::write(beside, random.text(4000))?;
        }
    }
    Ok(())
}
