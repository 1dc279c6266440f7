//! The same work at 1, 4 and 16 times the size, to find costs that grow faster than the data.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_benches::Random;

use crate::data::{files, million};
use crate::imports::{failure, size_of};
use crate::lab::{Lab, SHORT, remove};
use crate::process::{Usage, to_f64};
use crate::results::{Growth, Section, Unit};
use crate::tools::{self, Keeper};

/// Factors of a quick run, which only tests that the measurement works.
const QUICK: [u64; 3] = [1, 2, 3];
const FACTORS: [u64; 3] = [1, 4, 16];

/// Sizes at factor 1: files, snapshots, bytes of a file.
struct Base {
    files: u64,
    snapshots: u64,
    bytes: u64,
}

/// Runs one round with every keeper that is installed.
pub fn run(lab: &Lab, section: &mut Section) -> Result<()> {
    let base = if lab.quick {
        Base { files: 100, snapshots: 1, bytes: 1 << 20 }
    } else {
        Base { files: 2000, snapshots: 4, bytes: 8 << 20 }
    };
    let names: Vec<String> = section.versions.iter().map(|(name, _)| name.clone()).collect();
    // A quick run has no time to measure the growth of the peers.
    for name in names.into_iter().take(if lab.quick { 1 } else { usize::MAX }) {
        let done = files_grow(lab, section, &name, base.files)
            .and_then(|()| sizes_grow(lab, section, &name, base.bytes))
            .and_then(|()| snapshots_grow(lab, section, &name, base.snapshots));
        if let Err(error) = done {
            failure(section, &name, error)?;
        }
    }
    Ok(())
}

fn factors(lab: &Lab) -> [u64; 3] {
    if lab.quick { QUICK } else { FACTORS }
}

fn files_grow(lab: &Lab, section: &mut Section, name: &str, base: u64) -> Result<()> {
    for factor in factors(lab) {
        let size = base * factor;
        let tree = lab.folder("growing")?;
        million::fill(lab, &tree, size)?;
        let point = Point { of: "files", size, name };
        let Some(keeper) = point.first(lab, section, &tree)? else { return Ok(()) };
        point.rest(lab, section, keeper, &tree)?;
    }
    Ok(())
}

fn sizes_grow(lab: &Lab, section: &mut Section, name: &str, base: u64) -> Result<()> {
    for factor in factors(lab) {
        let size = base * factor;
        let tree = lab.folder("growing")?;
        fs::write(tree.join("file"), Random::new(5).text(usize::try_from(size)?))?;
        files::set_mtime(&tree.join("file"), files::day(0))?;
        let point = Point { of: "bytes of one file", size, name };
        let Some(keeper) = point.first(lab, section, &tree)? else { return Ok(()) };
        point.rest(lab, section, keeper, &tree)?;
    }
    Ok(())
}

fn snapshots_grow(lab: &Lab, section: &mut Section, name: &str, base: u64) -> Result<()> {
    const FILES: u64 = 500;
    let tree = lab.folder("growing")?;
    million::fill(lab, &tree, FILES)?;
    let Some(mut keeper) = tools::make(lab, name).transpose()? else { return Ok(()) };
    for snapshot in 1..=base * factors(lab)[2] {
        for file in (0..FILES).step_by(100) {
            million::write(&tree, file, usize::try_from(snapshot)?)?;
        }
        lab.say(format!("growth: snapshot {snapshot}, {name}"));
        let usage = keeper.import(lab, &tree)?;
        if factors(lab).iter().any(|factor| base * factor == snapshot) {
            let point = Point { of: "snapshots", size: snapshot, name };
            point.record_import(section, &usage, keeper.repository());
            point.reading(lab, section, &*keeper)?;
        }
    }
    remove(&tree)
}

/// A measurement at one size.
#[derive(Clone, Copy)]
struct Point<'a> {
    of: &'a str,
    size: u64,
    name: &'a str,
}

impl Point<'_> {
    /// Makes a repository and imports the tree; `None` if `name` is no keeper.
    fn first(&self, lab: &Lab, section: &mut Section, tree: &Path) -> Result<Option<Box<dyn Keeper>>> {
        lab.say(format!("growth: {} {}, {}", self.size, self.of, self.name));
        let Some(mut keeper) = tools::make(lab, self.name).transpose()? else { return Ok(None) };
        lab.settle();
        let usage = keeper.import(lab, tree)?;
        self.record_import(section, &usage, keeper.repository());
        Ok(Some(keeper))
    }

    /// Imports the unchanged tree, reads, and removes the repository.
    fn rest(&self, lab: &Lab, section: &mut Section, mut keeper: Box<dyn Keeper>, tree: &Path) -> Result<()> {
        lab.settle();
        let usage = keeper.import(lab, tree)?;
        self.record(section, "import, nothing changed", Unit::Seconds, usage.wall);
        self.reading(lab, section, &*keeper)?;
        remove(tree)
    }

    fn record_import(&self, section: &mut Section, usage: &Usage, repository: &Path) {
        self.record(section, "import", Unit::Seconds, usage.wall);
        self.record(section, "import: peak memory", Unit::Bytes, usage.peak);
        self.record(section, "repository", Unit::Bytes, size_of(repository));
    }

    fn reading(&self, lab: &Lab, section: &mut Section, keeper: &dyn Keeper) -> Result<()> {
        let Some(reader) = keeper.reader() else { return Ok(()) };
        let root: PathBuf = lab.folder("mount")?;
        lab.make_cold()?;
        let mounted = reader.mount(lab, &root)?;
        if let Some(ready) = mounted.ready {
            self.record(section, "mount ready, cold", Unit::Seconds, ready);
        }
        let generations = reader.generations(mounted.root())?;
        let last = generations.last().context("a mount without generations")?;
        let mut tar = lab.command("tar");
        let usage = lab.runner.run(tar.args(["-cf", "-", "-C"]).arg(last).arg("."), &[0], SHORT)?;
        self.record(section, "tar of the last, cold", Unit::Seconds, usage.wall);
        if let Some(server) = mounted.unmount()? {
            self.record(section, "mount: peak memory", Unit::Bytes, server.peak);
        }
        Ok(())
    }

    fn record(&self, section: &mut Section, measure: &str, unit: Unit, value: f64) {
        let growth = &mut section.growth;
        let known =
            |entry: &Growth| entry.of == self.of && entry.measure == measure && entry.tool == self.name;
        let at = growth.iter().position(known).unwrap_or_else(|| {
            let (of, measure, tool) = (self.of.to_owned(), measure.to_owned(), self.name.to_owned());
            growth.push(Growth { of, measure, unit, tool, points: Vec::new() });
            growth.len() - 1
        });
        let size = to_f64(self.size);
        let points = &mut growth[at].points;
        match points.iter_mut().find(|(known, _)| (known - size).abs() < 0.5) {
            Some((_, values)) => values.push(value),
            None => points.push((size, vec![value])),
        }
    }
}
