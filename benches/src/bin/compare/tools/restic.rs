use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Keeper, Shown};
use crate::lab::{LONG, Lab};
use crate::mount::Mounted;
use crate::process::Usage;

pub const NAME: &str = "restic";

struct Restic {
    folder: PathBuf,
    repository: PathBuf,
    /// Ids of its snapshots, the oldest first.
    snapshots: Vec<String>,
}

pub fn version(lab: &Lab) -> Option<String> {
    lab.ask(NAME, &["version"])
}

pub fn make(lab: &Lab, folder: &Path) -> Result<Box<dyn Keeper>> {
    let restic =
        Restic { folder: folder.to_owned(), repository: folder.join("repository"), snapshots: Vec::new() };
    lab.run(restic.command(lab).arg("init"), &[0])?;
    Ok(Box::new(restic))
}

impl Restic {
    fn command(&self, lab: &Lab) -> Command {
        let mut command = lab.command(NAME);
        command
            .env("RESTIC_PASSWORD", "benchmark")
            .env("RESTIC_REPOSITORY", &self.repository)
            .env("RESTIC_CACHE_DIR", self.folder.join("cache"))
            // Rate of the status lines in its JSON.
            .env("RESTIC_PROGRESS_FPS", "0.1");
        command
    }
}

impl Keeper for Restic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn import(&mut self, lab: &Lab, source: &Path) -> Result<Usage> {
        let mut command = self.command(lab);
        command.args(["backup", "--json", "--host", "benchmark", "."]).current_dir(source);
        if let Some(last) = self.snapshots.last() {
            // restic looks for a parent with the same absolute path. Each generation has another path, so the
            // parent must be named.
            command.args(["--parent", last]);
        }
        let (usage, output) = lab.runner.output(&mut command, &[0], LONG)?;
        let summary = output.lines().rev().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(line.get("snapshot_id")?.as_str()?.to_owned())
        });
        self.snapshots.push(summary.context("restic did not name its snapshot")?);
        Ok(usage)
    }

    fn repository(&self) -> &Path {
        &self.repository
    }

    fn restore(&self, lab: &Lab, target: &Path) -> Result<Option<Usage>> {
        lab.run(self.command(lab).args(["restore", "latest", "--target"]).arg(target), &[0]).map(Some)
    }

    fn reader(&self) -> Option<&dyn Shown> {
        Some(self)
    }
}

impl Shown for Restic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted> {
        Mounted::serve(lab, self.command(lab).arg("mount").arg(root), root).context(NAME)
    }

    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let all = self.all(root);
        // restic names the folders after the first eight digits.
        Ok(self.snapshots.iter().map(|id| all.join(id.get(..8).unwrap_or(id))).collect())
    }

    fn all(&self, root: &Path) -> PathBuf {
        root.join("ids")
    }
}
