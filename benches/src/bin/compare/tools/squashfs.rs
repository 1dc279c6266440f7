//! One image of all generations, made at once. It is no backup, but a measure of density and of reading.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Shown;
use crate::lab::Lab;
use crate::mount::Mounted;
use crate::process::Usage;

pub const KERNEL: &str = "squashfs (kernel)";
pub const FUSE: &str = "squashfuse_ll";

pub fn version(lab: &Lab) -> Option<String> {
    let text = lab.ask("mksquashfs", &["-version"])?;
    text.lines().next().map(str::to_owned)
}

pub fn fuse_version(lab: &Lab) -> Option<String> {
    version(lab)?;
    // Its help exits with status 254.
    let mut command = lab.command(FUSE);
    lab.runner.run(command.arg("--help"), &[0, 1, 2, 254, 255], std::time::Duration::from_secs(10)).ok()?;
    let package = lab.ask("dpkg-query", &["-W", "-f", "${Version}", "squashfuse"]);
    Some(package.map_or_else(|| "of unknown version".into(), |version| format!("squashfuse {version}")))
}

/// A squashfs image of `generations`, folders in one folder.
#[derive(Debug, Clone)]
pub struct Image {
    file: PathBuf,
    generations: Vec<PathBuf>,
}

impl Image {
    pub fn make(lab: &Lab, all: &Path, generations: &[PathBuf], file: PathBuf) -> Result<(Self, Usage)> {
        let names = generations.iter().map(|path| path.strip_prefix(all).map(Path::to_owned));
        let generations = names.collect::<Result<_, _>>().context("generations in one folder")?;
        let mut command = lab.command("mksquashfs");
        command.arg(all).arg(&file).args(["-comp", "zstd", "-Xcompression-level", "3"]);
        let usage = lab.run(command.args(["-no-progress", "-quiet", "-noappend"]), &[0])?;
        Ok((Self { file, generations }, usage))
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    fn below(&self, root: &Path) -> Vec<PathBuf> {
        self.generations.iter().map(|name| root.join(name)).collect()
    }
}

/// The image, mounted by the kernel.
pub struct Squashfs(pub Image);

impl Shown for Squashfs {
    fn name(&self) -> &'static str {
        KERNEL
    }

    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted> {
        let mut command = lab.command("mount");
        command.args(["-t", "squashfs", "-o", "loop,ro"]).arg(&self.0.file).arg(root);
        Mounted::by_kernel(lab, &mut command, root).context(KERNEL)
    }

    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>> {
        Ok(self.0.below(root))
    }
}

/// The image, mounted through FUSE.
pub struct SquashfuseLl(pub Image);

impl Shown for SquashfuseLl {
    fn name(&self) -> &'static str {
        FUSE
    }

    fn mount(&self, lab: &Lab, root: &Path) -> Result<Mounted> {
        Mounted::serve(lab, lab.command(FUSE).arg("-f").arg(&self.0.file).arg(root), root).context(FUSE)
    }

    fn generations(&self, root: &Path) -> Result<Vec<PathBuf>> {
        Ok(self.0.below(root))
    }
}
