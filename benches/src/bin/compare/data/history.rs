//! Published versions of one large crate. cargo downloads them; they are laid out as rsnapshot keeps its
//! levels.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::files::{self, Item};
use super::{DataSet, Place, Reading, once};
use crate::lab::Lab;

struct Crate {
    name: &'static str,
    versions: &'static [&'static str],
}

/// The sources of OpenSSL: a real C project of 2,400 to 4,900 files. The 30 versions are consecutive except
/// for yanked ones.
const LARGE: Crate = Crate {
    name: "openssl-src",
    versions: &[
        "300.0.8", "300.0.9", "300.0.11", "300.0.12", "300.0.13", "300.1.0", "300.1.1", "300.1.2", "300.1.3",
        "300.1.4", "300.1.5", "300.1.6", "300.2.0", "300.2.1", "300.2.2", "300.2.3", "300.3.0", "300.3.1",
        "300.3.2", "300.4.0", "300.4.1", "300.4.2", "300.5.0", "300.5.1", "300.5.2", "300.5.3", "300.5.4",
        "300.5.5", "300.6.0", "300.6.1",
    ],
};
const SMALL: Crate = Crate { name: "libc", versions: &["0.2.170", "0.2.171", "0.2.172"] };

struct History {
    root: PathBuf,
    source: &'static Crate,
}

pub fn prepare(lab: &Lab) -> Result<Box<dyn DataSet>> {
    let source = if lab.quick { &SMALL } else { &LARGE };
    let root = once(lab, "history", |root| fill(lab, root, source))?;
    Ok(Box::new(History { root, source }))
}

impl DataSet for History {
    fn about(&self) -> String {
        let Crate { name, versions } = self.source;
        format!(
            "{} published versions of the crate {name}, {} to {}, as an rsnapshot tree: unchanged files are hard \
             links. Each is imported as the next generation of one source.",
            versions.len(),
            versions[0],
            versions[versions.len() - 1]
        )
    }

    fn generations(&self) -> usize {
        self.source.versions.len()
    }

    fn generation(&self, number: usize) -> Result<PathBuf> {
        Ok(level(&self.root, self.generations(), number))
    }

    fn place(&self) -> Place<'_> {
        Place::Beside(&self.root)
    }

    fn reading(&self) -> Reading {
        Reading::Tree
    }
}

/// rsnapshot numbers levels from the newest.
fn level(root: &Path, versions: usize, number: usize) -> PathBuf {
    root.join(format!("daily.{}", versions - 1 - number))
}

fn fill(lab: &Lab, root: &Path, source: &Crate) -> Result<()> {
    let project = tempfile::tempdir_in(&lab.data)?;
    let count = source.versions.len();
    for (number, version) in source.versions.iter().enumerate() {
        lab.say(format!("history: fetching {} {version} ({} of {count})", source.name, number + 1));
        let tree = vendor(lab, project.path(), source.name, version)?;
        let older = number.checked_sub(1).map(|older| level(root, count, older));
        lay_out(&tree, &level(root, count, number), older.as_deref(), files::day(number))?;
    }
    Ok(())
}

/// Has cargo unpack this version, as the only dependency of a project.
fn vendor(lab: &Lab, project: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let manifest = format!(
        "[package]\nname = \"scratch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
         [dependencies]\n{name} = \"={version}\"\n"
    );
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("src/lib.rs"), "")?;
    fs::write(project.join("Cargo.toml"), manifest)?;
    match fs::remove_file(project.join("Cargo.lock")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // The user's settings apply, because they say how to reach the registry.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.args(["vendor", "--quiet", "vendor"]).current_dir(project);
    lab.runner.run(&mut cargo, &[0], Duration::from_secs(300)).context("fetching a crate")?;
    Ok(project.join("vendor").join(name))
}

/// Makes a level as `rsync --checksum --link-dest` would: a file with the same bytes in the older level is a
/// hard link to it.
fn lay_out(tree: &Path, level: &Path, older: Option<&Path>, time: i64) -> Result<()> {
    fs::create_dir_all(level)?;
    for item in files::walk(tree) {
        let name = item.path.strip_prefix(tree)?;
        let target = level.join(name);
        let before = older.map(|older| older.join(name)).filter(|before| same(&item, before));
        if let Some(before) = before {
            fs::hard_link(&before, &target).with_context(|| format!("linking {}", target.display()))?;
        } else {
            files::copy(&item, &target)?;
            files::set_mtime(&target, time)?;
        }
    }
    Ok(())
}

fn same(item: &Item, before: &Path) -> bool {
    item.metadata.is_file()
        && before.symlink_metadata().is_ok_and(|old| old.is_file() && old.len() == item.metadata.len())
        && matches!((fs::read(before), fs::read(&item.path)), (Ok(old), Ok(new)) if old == new)
}
