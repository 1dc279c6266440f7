//! The disk of a virtual machine: one large file of which each generation changes a little.

use std::fmt::Write;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use fs_benches::Random;

use super::{DataSet, Place, Reading, files, once, usr};
use crate::lab::{LONG, Lab, remove};

const EDITS: usize = 6;
const PAGE: u64 = 4096;
/// Pages of the database, and how many of them each generation rewrites in place.
const DATABASE: (u64, u64) = (16_384, 400);
/// Number of new files in each generation.
const NEW_FILES: u64 = 100;

struct Image<'a> {
    lab: &'a Lab,
    root: PathBuf,
    /// Folder of the image in its current generation.
    folder: PathBuf,
    edits: usize,
    size: u64,
}

pub fn prepare(lab: &Lab) -> Result<Box<dyn DataSet + '_>> {
    let (size, used) = if lab.quick { (128 << 20, 20 << 20) } else { (3_000_000_000, 2_050_000_000) };
    let edits = if lab.quick { 1 } else { EDITS };
    let root = once(lab, "image", |root| fill(lab, root, size, used))?;
    Ok(Box::new(Image { lab, folder: root.join("now"), root, edits, size }))
}

impl DataSet for Image<'_> {
    fn about(&self) -> String {
        format!(
            "An ext4 disk image of {} MB, two thirds of it used by files of /usr, and {} generations of edits: {} \
             new files, some removed, and {} pages of a database rewritten in place.",
            self.size / 1_000_000,
            self.edits,
            NEW_FILES,
            DATABASE.1
        )
    }

    fn generations(&self) -> usize {
        self.edits + 1
    }

    fn generation(&self, number: usize) -> Result<PathBuf> {
        let disk = self.folder.join("disk.img");
        if number == 0 {
            fs::create_dir_all(&self.folder)?;
            let mut cp = self.lab.command("cp");
            self.lab.run(cp.arg("--sparse=always").arg(self.root.join("first.img")).arg(&disk), &[0])?;
        } else {
            self.edit(&disk, number)?;
        }
        files::set_mtime(&disk, files::day(number))?;
        Ok(self.folder.clone())
    }

    fn place(&self) -> Place<'_> {
        Place::Instead(&self.folder)
    }

    fn reading(&self) -> Reading {
        Reading::LargeFile
    }
}

fn fill(lab: &Lab, root: &Path, size: u64, used: u64) -> Result<()> {
    let tree = root.join("tree");
    fs::create_dir_all(&tree)?;
    // One large file may make a sample much larger than requested, and each small file takes a page.
    let mut room = size / 4 * 3 - DATABASE.0 * PAGE;
    for item in usr::sample(used) {
        lab.runner.check()?;
        let Some(left) = room.checked_sub(item.metadata.len().next_multiple_of(PAGE)) else { continue };
        room = left;
        let target = tree.join(item.path.strip_prefix("/usr")?);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        files::copy(&item, &target)?;
    }
    let database = DATABASE.0 * PAGE;
    fs::write(tree.join("database"), Random::new(3).text(usize::try_from(database)?))?;
    let disk = root.join("first.img");
    File::create(&disk)?.set_len(size).context("making a disk image")?;
    lab.say("image: making the file system");
    let mut mkfs = lab.command("mkfs.ext4");
    mkfs.args(["-q", "-F", "-b", "4096", "-m", "0", "-d"]).arg(&tree).arg(&disk);
    lab.run(&mut mkfs, &[0])?;
    remove(&tree)
}

impl Image<'_> {
    /// Edits the disk as a day of use does. `debugfs` edits the file system without a mount, for which root
    /// would be needed.
    fn edit(&self, disk: &Path, generation: usize) -> Result<()> {
        let mut random = Random::new(generation as u64);
        let scratch = tempfile::tempdir_in(&self.lab.scratch)?;
        let mut script = format!("mkdir day{generation}\n");
        for number in 0..NEW_FILES {
            let file = scratch.path().join(format!("{number}"));
            let len = random.below(40_000);
            fs::write(&file, random.text(usize::try_from(len)?))?;
            writeln!(script, "write {} day{generation}/{number}.log", file.display())?;
        }
        if generation > 1 {
            for number in 0..NEW_FILES / 5 {
                writeln!(script, "rm day{}/{number}.log", generation - 1)?;
            }
        }
        let commands = scratch.path().join("commands");
        fs::write(&commands, script)?;
        self.debugfs(&["-w", "-f", &commands.to_string_lossy()], disk)?;
        let blocks = self.debugfs(&["-R", "blocks /database"], disk)?;
        let blocks: Vec<u64> = blocks.split_whitespace().filter_map(|block| block.parse().ok()).collect();
        if blocks.is_empty() {
            bail!("{}: the database has no blocks", disk.display());
        }
        let file = OpenOptions::new().write(true).open(disk)?;
        for _ in 0..DATABASE.1 {
            let page = random.text(usize::try_from(PAGE)?);
            let at = usize::try_from(random.below(blocks.len() as u64))?;
            file.write_all_at(&page, blocks[at] * PAGE).context("editing a disk image")?;
        }
        Ok(())
    }

    fn debugfs(&self, arguments: &[&str], disk: &Path) -> Result<String> {
        let mut command: Command = self.lab.command("debugfs");
        let (_, text) = self.lab.runner.output(command.args(arguments).arg(disk), &[0], LONG)?;
        Ok(text)
    }
}
