use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Keeper, Shown, sorted};
use crate::lab::Lab;
use crate::mount::Mounted;
use crate::process::Usage;

pub const NAME: &str = "borg";
/// Similar to the defaults of Yester and restic, which use zstd at about this level. borg's default (lz4)
/// stores more bytes.
const COMPRESSION: &str = "zstd,3";
/// Exit statuses of success. 1 means a warning.
const DONE: [i32; 2] = [0, 1];

struct Borg {
    folder: PathBuf,
    repository: PathBuf,
    archives: usize,
}

pub fn version(lab: &Lab) -> Option<String> {
    // Borg 2 has another command line.
    lab.ask(NAME, &["--version"]).filter(|version| version.starts_with("borg 1."))
}

pub fn make(lab: &Lab, folder: &Path) -> Result<Box<dyn Keeper>> {
    let borg = Borg { folder: folder.to_owned(), repository: folder.join("repository"), archives: 0 };
    lab.run(borg.command(lab).args(["init", "--encryption", "none"]).arg(&borg.repository), &DONE)?;
    Ok(Box::new(borg))
}

impl Borg {
    fn command(&self, lab: &Lab) -> Command {
        let mut command = lab.command(NAME);
        command
            .env("BORG_BASE_DIR", self.folder.join("base"))
            .env("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes")
            .env("BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes");
        command
    }

    fn archive(&self, number: usize) -> OsString {
        let mut name = self.repository.clone().into_os_string();
        name.push(format!("::g{number:06}"));
        name
    }
}

impl Keeper for Borg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn import(&mut self, lab: &Lab, source: &Path) -> Result<Usage> {
        let mut command = self.command(lab);
        command.args(["create", "--compression", COMPRESSION]).arg(self.archive(self.archives)).arg(".");
        let usage = lab.run(command.current_dir(source), &DONE)?;
        self.archives += 1;
        Ok(usage)
    }

    fn repository(&self) -> &Path {
        &self.repository
    }

    fn restore(&self, lab: &Lab, target: &Path) -> Result<Option<Usage>> {
        let last = self.archives.checked_sub(1).context("nothing to restore")?;
        let mut command = self.command(lab);
        lab.run(command.arg("extract").arg(self.archive(last)).current_dir(target), &DONE).map(Some)
    }

    fn reader(&self) -> Option<&dyn Shown> {
        Some(self)
    }
}

impl Shown for Borg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted> {
        let mut command = self.command(lab);
        Mounted::serve(lab, command.args(["mount", "--foreground"]).arg(&self.repository).arg(root), root)
            .context(NAME)
    }

    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>> {
        sorted(root, |name| Some(name.to_owned()))
    }
}
