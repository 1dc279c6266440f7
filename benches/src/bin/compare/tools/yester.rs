use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Keeper, Shown, sorted};
use crate::lab::Lab;
use crate::mount::Mounted;
use crate::process::Usage;

pub const NAME: &str = "yester";
const SOURCE: &str = "history";

struct Yester {
    repository: PathBuf,
}

pub fn version(lab: &Lab) -> Option<String> {
    lab.ask(&lab.yester.to_string_lossy(), &["--version"])
}

pub fn make(lab: &Lab, folder: &Path) -> Result<Box<dyn Keeper>> {
    let yester = Yester { repository: folder.join("repository") };
    lab.run(yester.command(lab).arg("init"), &[0])?;
    Ok(Box::new(yester))
}

impl Yester {
    fn command(&self, lab: &Lab) -> Command {
        let mut command = lab.command(&lab.yester);
        command.arg("--quiet").arg("--repo").arg(&self.repository);
        command
    }
}

impl Keeper for Yester {
    fn name(&self) -> &'static str {
        NAME
    }

    fn import(&mut self, lab: &Lab, source: &Path) -> Result<Usage> {
        // Each generation has its own folder, but all belong to one source.
        let options = ["--source", SOURCE, "--allow-other-tree"];
        lab.run(self.command(lab).arg("import").arg(source).args(options), &[0])
    }

    fn repository(&self) -> &Path {
        &self.repository
    }

    fn restore(&self, lab: &Lab, target: &Path) -> Result<Option<Usage>> {
        lab.run(self.command(lab).args(["restore", "@latest:", "--to"]).arg(target), &[0]).map(Some)
    }

    fn reader(&self) -> Option<&dyn Shown> {
        Some(self)
    }
}

impl Shown for Yester {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted> {
        let mut command = self.command(lab);
        command.args(["--timezone", "UTC", "mount", "--source", SOURCE]).arg(root);
        Mounted::serve(lab, &mut command, root).context(NAME)
    }

    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>> {
        sorted(root, |name| {
            // The second snapshot of a second is called `…_2`.
            let (time, number) = name.strip_prefix('@')?.split_once('_').unwrap_or((&name[1..], "1"));
            Some((time.to_owned(), number.parse::<u32>().ok()?))
        })
    }
}
