//! Copies in the manner of rsnapshot: hard links to the last generation, and rsync over them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Keeper, Shown};
use crate::lab::Lab;
use crate::process::Usage;

pub const NAME: &str = "cp -al + rsync";

struct Copies {
    repository: PathBuf,
    generations: usize,
}

pub fn version(lab: &Lab) -> Option<String> {
    let text = lab.ask("rsync", &["--version"])?;
    lab.ask("cp", &["--version"])?;
    text.lines().next().map(str::to_owned)
}

pub fn make(_lab: &Lab, folder: &Path) -> Result<Box<dyn Keeper>> {
    let repository = folder.join("repository");
    std::fs::create_dir_all(&repository)?;
    Ok(Box::new(Copies { repository, generations: 0 }))
}

impl Copies {
    fn generation(&self, number: usize) -> PathBuf {
        self.repository.join(format!("g{number:06}"))
    }
}

impl Keeper for Copies {
    fn name(&self) -> &'static str {
        NAME
    }

    fn import(&mut self, lab: &Lab, source: &Path) -> Result<Usage> {
        let next = self.generation(self.generations);
        let mut total = Usage::default();
        if let Some(last) = self.generations.checked_sub(1) {
            total = lab.run(lab.command("cp").arg("-al").arg(self.generation(last)).arg(&next), &[0])?;
        }
        let mut from = source.as_os_str().to_owned();
        from.push("/");
        let mut rsync = lab.command("rsync");
        rsync.args(["-aHS", "--numeric-ids", "--delete"]).arg(from).arg(&next);
        let copied = lab.run(&mut rsync, &[0])?;
        self.generations += 1;
        Ok(Usage {
            wall: total.wall + copied.wall,
            cpu: total.cpu + copied.cpu,
            peak: total.peak.max(copied.peak),
        })
    }

    fn repository(&self) -> &Path {
        &self.repository
    }

    fn reader(&self) -> Option<&dyn Shown> {
        // Reads of its generations are reads of ext4, which is measured anyway.
        None
    }
}
