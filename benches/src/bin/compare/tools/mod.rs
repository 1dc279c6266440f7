//! Yester and its peers, behind one interface.

mod borg;
mod copies;
mod ext4;
mod floor;
mod restic;
mod squashfs;
mod yester;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use ext4::Ext4;
pub use floor::{Floor, NAME as FLOOR};
pub use squashfs::{FUSE as SQUASHFUSE, Image, KERNEL as SQUASHFS, Squashfs, SquashfuseLl};

use crate::lab::Lab;
use crate::mount::Mounted;
use crate::process::Usage;

/// A program that keeps generations of a tree.
pub trait Keeper {
    fn name(&self) -> &'static str;

    /// Imports the tree `source` as the next generation.
    fn import(&mut self, lab: &Lab, source: &Path) -> Result<Usage>;

    /// Path of its repository.
    fn repository(&self) -> &Path;

    /// Restores the last generation below `target`; `None` if the program has no command for it.
    fn restore(&self, _lab: &Lab, _target: &Path) -> Result<Option<Usage>> {
        Ok(None)
    }

    /// The file system that shows its history; `None` if it has none.
    fn reader(&self) -> Option<&dyn Shown>;
}

/// A file system that shows generations.
pub trait Shown {
    fn name(&self) -> &'static str;

    /// Mounts the file system at `root`, an empty folder.
    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted>;

    /// The folders of all generations, the oldest first.
    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>>;

    /// The folder that holds the folders of all generations.
    fn all(&self, root: &Path) -> PathBuf {
        root.to_owned()
    }
}

/// An installed tool and its version.
#[derive(Debug, Clone)]
pub struct Found {
    pub name: &'static str,
    pub version: String,
}

type Make = fn(&Lab, &Path) -> Result<Box<dyn Keeper>>;
type Probe = fn(&Lab) -> Option<String>;

const KEEPERS: [(&str, Probe, Make); 4] = [
    (yester::NAME, yester::version, yester::make),
    (restic::NAME, restic::version, restic::make),
    (borg::NAME, borg::version, borg::make),
    (copies::NAME, copies::version, copies::make),
];
const SHOWERS: [(&str, Probe); 2] =
    [(squashfs::KERNEL, squashfs::version), (squashfs::FUSE, squashfs::fuse_version)];

/// The installed tools, and notes on the missing ones.
pub fn find(lab: &Lab) -> (Vec<Found>, Vec<String>) {
    let mut found = Vec::new();
    let mut absent = Vec::new();
    let probes = KEEPERS.iter().map(|(name, probe, _)| (*name, *probe)).chain(SHOWERS);
    for (name, probe) in probes {
        match probe(lab).filter(|_| lab.wanted(name)) {
            Some(version) => found.push(Found { name, version: version.trim().to_owned() }),
            None if lab.wanted(name) => absent.push(format!("{name} is not here: left out.")),
            None => absent.push(format!("{name} was left out by request.")),
        }
    }
    (found, absent)
}

/// An empty repository of the keeper `name`, in a folder of this run; `None` if it is no keeper.
pub fn make(lab: &Lab, name: &str) -> Option<Result<Box<dyn Keeper>>> {
    let (_, _, make) = KEEPERS.iter().find(|(known, _, _)| *known == name)?;
    let folder = lab.folder(&format!("keeper-{}", name.replace([' ', '+'], "")));
    Some(folder.and_then(|folder| make(lab, &folder)).with_context(|| format!("{name}: making a repository")))
}

/// The folders in `root`, sorted by `key` of their names. Folders without a key are left out.
fn sorted<K: Ord>(root: &Path, key: impl Fn(&str) -> Option<K>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("listing {}", root.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Some(key) = entry.file_name().to_str().and_then(&key)
        {
            found.push((key, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
