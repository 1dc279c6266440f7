//! The environment of the comparison: its folders, the environment of its programs, the page cache, and
//! failures.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::process::{self, Runner, Usage};

/// Everything that a measurement needs.
#[derive(Debug)]
pub struct Lab {
    pub runner: Runner,
    /// Folder of this run's repositories, mounts and homes. It is removed after the run.
    pub scratch: PathBuf,
    /// Folder of the data sets.
    pub data: PathBuf,
    pub yester: PathBuf,
    pub quick: bool,
    /// Whether the page cache can be dropped.
    pub cold: bool,
    without: Vec<String>,
    path: String,
    /// Path of this program.
    own: PathBuf,
    progress: ProgressBar,
}

/// Time limit of an import or a restore.
pub const LONG: Duration = Duration::from_secs(900);
/// Time limit of a read through a mount. A user who waits a minute for `find` gives up.
pub const SHORT: Duration = Duration::from_secs(90);

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

impl Lab {
    pub fn new(
        runner: Runner,
        scratch: PathBuf,
        data: PathBuf,
        yester: PathBuf,
        quick: bool,
        without: Vec<String>,
    ) -> Result<Self> {
        for folder in [&scratch, &scratch.join("home"), &data] {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
        let progress = ProgressBar::new_spinner();
        progress.set_style(ProgressStyle::with_template("{spinner} [{elapsed_precise}] {wide_msg}")?);
        progress.enable_steady_tick(Duration::from_millis(250));
        let own = std::env::current_exe().context("looking for this program")?;
        // A smoke test should not wait for the disk.
        let cold = !quick && fs::OpenOptions::new().write(true).open(DROP_CACHES).is_ok();
        Ok(Self { runner, scratch, data, yester, quick, cold, without, path, own, progress })
    }

    /// Path of this program.
    pub fn own(&self) -> &Path {
        &self.own
    }

    /// Whether a peer may take part.
    pub fn wanted(&self, peer: &str) -> bool {
        !self.without.iter().any(|name| name == peer)
    }

    /// A program to be measured, with settings and caches of this run only.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(&self.own);
        command
            .arg(process::MEASURED)
            .arg(program)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.scratch.join("home"))
            .env("TMPDIR", &self.scratch)
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// The output of a program for `arguments`; `None` if the program is missing or fails.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = self.command(program);
        let (_, text) = self.runner.output(command.args(arguments), &[0], Duration::from_secs(30)).ok()?;
        Some(text)
    }

    /// Runs a program with the time limit for long work.
    pub fn run(&self, command: &mut Command, accept: &[i32]) -> Result<Usage> {
        self.runner.run(command, accept, LONG)
    }

    /// Shows a message in the progress bar.
    pub fn say(&self, message: impl Into<String>) {
        self.progress.set_message(message.into());
    }

    /// Prints a message that stays on the screen.
    pub fn note(&self, message: &str) {
        // A hidden bar (no terminal) would swallow the line.
        self.progress.suspend(|| eprintln!("{message}"));
    }

    /// `text`, with words in place of this run's own folders and program.
    pub fn without_folders(&self, text: &str) -> String {
        // The innermost folder comes first, because the scratch folder may be below the data folder.
        let words = [
            (&self.scratch, "scratch"),
            (&self.data, "data"),
            (&self.yester, "yester"),
            (&self.own, "compare"),
        ];
        words.iter().fold(text.to_owned(), |text, (path, word)| text.replace(&*path.to_string_lossy(), word))
    }

    /// Waits until earlier writes reach the disk, so that they do not slow the next measurement.
    pub fn settle(&self) {
        if !self.quick {
            rustix::fs::sync();
        }
    }

    /// Empties the page cache, if that is permitted.
    pub fn make_cold(&self) -> Result<()> {
        if self.cold {
            self.settle();
            fs::write(DROP_CACHES, "3").context("dropping the page cache")?;
        }
        Ok(())
    }

    /// Makes an empty folder for this run.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        remove(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }
}

/// Removes a folder with its content, if it exists.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_name_no_folder_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let runner = Runner::new().unwrap();
        let lab =
            Lab::new(runner, at("data/run/work"), at("data"), at("bin/yester"), true, Vec::new()).unwrap();
        let text = |path: PathBuf| format!("find {} failed", path.display());
        assert_eq!(lab.without_folders(&text(lab.scratch.join("mount/a"))), "find scratch/mount/a failed");
        assert_eq!(lab.without_folders(&text(lab.data.join("usr"))), "find data/usr failed");
        assert_eq!(lab.without_folders(&text(lab.yester.clone())), "find yester failed");
    }
}
