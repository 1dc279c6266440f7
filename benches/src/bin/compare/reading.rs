//! One round of reads through mounts: every job on a fresh mount, with cold caches, in turns.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use fs_benches::Random;

use crate::data::{Reading, walk};
use crate::imports::{failure, turns};
use crate::lab::{Lab, SHORT, remove};
use crate::results::{Section, Unit};
use crate::tools::Shown;

/// One read operation.
#[derive(Debug, Clone, Copy)]
enum Step {
    Find(Which),
    Tar(Which),
    Diff,
    Copy,
    Sequential,
    Random,
    Fio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Last,
    Before,
    All,
}

/// The steps of one mount, in order. The first step finds cold caches.
type Job = &'static [(&'static str, Step)];

const FIND: Job = &[
    ("find, cold", Step::Find(Which::Last)),
    ("find, again", Step::Find(Which::Last)),
    ("find in all generations", Step::Find(Which::All)),
];
const TAR: Job = &[
    ("tar, cold", Step::Tar(Which::Last)),
    ("tar, again", Step::Tar(Which::Last)),
    ("tar of the generation before", Step::Tar(Which::Before)),
];
const DIFF: Job = &[("diff -rq of two generations, cold", Step::Diff), ("diff -rq, again", Step::Diff)];
const COPY: Job = &[("cp -a, cold", Step::Copy)];
const RANDOM: Job =
    &[("500 random reads of 4 KiB, cold", Step::Random), ("500 random reads, again", Step::Random)];
const NAMES: Job = &[("find, cold", Step::Find(Which::Last)), ("find, again", Step::Find(Which::Last))];
const SEQUENTIAL: Job =
    &[("read the file, cold", Step::Sequential), ("read the file, again", Step::Sequential)];

const FIO: Job =
    &[("fio: 2,000 random reads of 4 KiB, cold", Step::Fio), ("fio: the same, again", Step::Fio)];

const FIO_READS: &str = "2000";
const RANDOM_READS: usize = 500;
const RANDOM_LEN: usize = 4096;

/// Positions of random reads, the same for all tools.
pub struct Places(Vec<(PathBuf, u64)>);

/// Reads all of `shown`, and adds the times to the section.
pub fn run(
    lab: &Lab,
    reading: Reading,
    round: usize,
    shown: &[&dyn Shown],
    places: &Places,
    section: &mut Section,
) -> Result<()> {
    let jobs: &[Job] = match reading {
        Reading::Tree => &[FIND, TAR, DIFF, COPY, RANDOM],
        Reading::Names => &[NAMES],
        Reading::LargeFile => &[SEQUENTIAL, COPY, RANDOM, FIO],
    };
    let mut servers = vec![None::<(f64, f64)>; shown.len()];
    for (number, job) in jobs.iter().enumerate() {
        for at in turns(shown.len(), round + number) {
            let reader = shown[at];
            match run_job(lab, reader, job, places, section) {
                Ok(None) => {}
                Ok(Some((peak, cpu))) => {
                    let (most, all) = servers[at].unwrap_or_default();
                    servers[at] = Some((peak.max(most), all + cpu));
                }
                Err(error) => failure(section, reader.name(), error)?,
            }
        }
    }
    for (reader, server) in shown.iter().zip(servers) {
        if let Some((peak, cpu)) = server {
            section.add("all reading: peak memory of the mount", Unit::Bytes, reader.name(), peak);
            section.add("all reading: processor time of the mount", Unit::Seconds, reader.name(), cpu);
        }
    }
    Ok(())
}

fn run_job(
    lab: &Lab,
    reader: &dyn Shown,
    job: Job,
    places: &Places,
    section: &mut Section,
) -> Result<Option<(f64, f64)>> {
    let name = reader.name();
    let root = lab.folder("mount")?;
    lab.make_cold()?;
    let mounted = reader.mount(lab, &root)?;
    if let Some(ready) = mounted.ready {
        section.add("mount ready, cold", Unit::Seconds, name, ready);
    }
    let generations = reader.generations(mounted.root())?;
    let all = reader.all(mounted.root());
    for (label, step) in job {
        lab.say(format!("{}: {label}, {name}", section.name));
        if let Some(seconds) = perform(lab, *step, &generations, &all, places).context(*label)? {
            section.add(label, Unit::Seconds, name, seconds);
        }
    }
    Ok(mounted.unmount()?.map(|usage| (usage.peak, usage.cpu)))
}

/// Seconds that a step takes; `None` if there are too few generations for it.
fn perform(
    lab: &Lab,
    step: Step,
    generations: &[PathBuf],
    all: &Path,
    places: &Places,
) -> Result<Option<f64>> {
    let [older @ .., last] = generations else { return Ok(None) };
    let pick = |which| match which {
        Which::Last => Some(last.as_path()),
        Which::Before => older.last().map(PathBuf::as_path),
        Which::All => Some(all),
    };
    let mut command = match step {
        Step::Find(which) => {
            let Some(folder) = pick(which) else { return Ok(None) };
            let mut find = lab.command("find");
            find.arg(folder).args(["-printf", "%p %s %T@ %m %u\\n"]);
            find
        }
        Step::Tar(which) => {
            let Some(folder) = pick(which) else { return Ok(None) };
            let mut tar = lab.command("tar");
            tar.args(["-cf", "-", "-C"]).arg(folder).arg(".");
            tar
        }
        Step::Diff => {
            let Some(before) = pick(Which::Before) else { return Ok(None) };
            let mut diff = lab.command("diff");
            diff.args(["-rq", "--no-dereference"]).arg(before).arg(last);
            diff
        }
        Step::Copy => {
            let target = lab.folder("copy")?;
            let mut cp = lab.command("cp");
            cp.arg("-a").arg(last).arg(&target);
            let usage = lab.runner.run(&mut cp, &[0], SHORT)?;
            remove(&target)?;
            return Ok(Some(usage.wall));
        }
        Step::Sequential => {
            let mut cat = lab.command("cat");
            cat.arg(last.join("disk.img"));
            cat
        }
        Step::Random => return places.read(last).map(Some),
        Step::Fio => return fio(lab, &last.join("disk.img")),
    };
    // diff exits with 1 if its arguments differ.
    let accept: &[i32] = if matches!(step, Step::Diff) { &[0, 1] } else { &[0] };
    Ok(Some(lab.runner.run(&mut command, accept, SHORT)?.wall))
}

/// Seconds of fio's random reads in a file, without its start; `None` if fio is not installed.
fn fio(lab: &Lab, file: &Path) -> Result<Option<f64>> {
    if lab.runner.output(lab.command("fio").arg("--version"), &[0], SHORT).is_err() {
        return Ok(None);
    }
    let mut fio = lab.command("fio");
    fio.args([
        "--name=reads",
        "--readonly",
        "--rw=randread",
        "--bs=4k",
        "--ioengine=psync",
        "--invalidate=0",
    ])
    .args(["--randseed=1", "--output-format=json", "--number_ios", FIO_READS])
    .arg("--filename")
    .arg(file);
    let (_, told) = lab.runner.output(&mut fio, &[0], SHORT)?;
    let told: serde_json::Value = serde_json::from_str(&told).context("reading what fio has told")?;
    let milliseconds = told["jobs"][0]["read"]["runtime"].as_f64().context("fio tells no time")?;
    Ok(Some(milliseconds / 1000.0))
}

impl Places {
    /// Chooses the positions in the tree `root`. Every byte of its files is equally likely.
    pub fn choose(root: &Path) -> Result<Self> {
        let files: Vec<_> = walk(root)
            .into_iter()
            .filter(|item| item.metadata.is_file() && item.metadata.len() > 0)
            .collect();
        let mut ends = Vec::with_capacity(files.len());
        let mut total = 0;
        for file in &files {
            total += file.metadata.len();
            ends.push(total);
        }
        let mut random = Random::new(4);
        let mut places = Vec::with_capacity(RANDOM_READS);
        for _ in 0..if total == 0 { 0 } else { RANDOM_READS } {
            let at = random.below(total);
            let number = ends.partition_point(|end| *end <= at);
            let file = &files[number];
            let offset = at - (ends[number] - file.metadata.len());
            places.push((file.path.strip_prefix(root)?.to_owned(), offset));
        }
        Ok(Self(places))
    }

    fn read(&self, root: &Path) -> Result<f64> {
        let mut buffer = [0; RANDOM_LEN];
        let start = Instant::now();
        for (name, offset) in &self.0 {
            let path = root.join(name);
            let read = File::open(&path).and_then(|file| file.read_at(&mut buffer, *offset));
            read.with_context(|| format!("reading {}", path.display()))?;
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Restores the last generation, if the keeper has a command for it.
pub fn restore(lab: &Lab, keeper: &dyn crate::tools::Keeper, section: &mut Section) -> Result<()> {
    let name = keeper.name();
    lab.say(format!("{}: restore, {name}", section.name));
    let target = lab.folder("restore")?;
    lab.make_cold()?;
    match keeper.restore(lab, &target) {
        Ok(Some(usage)) => section.add("restore of the last, cold", Unit::Seconds, name, usage.wall),
        Ok(None) if keeper.reader().is_some() => {
            section.note(format!("{name} has no restore command yet: cp from its mount stands for it."));
        }
        Ok(None) => {}
        Err(error) => failure(section, name, error)?,
    }
    remove(&target)
}
