//! Measures how an import of many levels of hard links scales. Makes a root as rsnapshot does, imports it
//! twice, and prints the cost of each level.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use clap::Parser;
use fs_benches::Random;
use wait4::Wait4;

/// Makes an rsnapshot root of many levels, imports it twice, and prints time and memory of each level
#[derive(Debug, Parser)]
#[command(name = "levels")]
struct Arguments {
    /// Number of levels
    #[arg(long, default_value_t = 200)]
    levels: u64,
    /// Number of files in each level
    #[arg(long, default_value_t = 20_000)]
    files: u64,
    /// One file in this many is replaced in the next level
    #[arg(long, default_value_t = 1000)]
    changing: u64,
    /// Folder for the levels and the repository; existing levels are used as they are, and kept
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The program to measure
    #[arg(long, value_name = "FILE", default_value = "target/release/yester")]
    yester: PathBuf,
}

/// Files in a folder.
const FOLDER: u64 = 1000;
/// 2024-01-01.
const BEGINNING: u64 = 1_704_067_200;
const DAY: u64 = 86_400;
/// Approximate number of rows in the table of levels.
const ROWS: u64 = 12;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (root, repository) = (arguments.folder.join("root"), arguments.folder.join("repository"));
    if root.exists() {
        println!("levels: those in {}", root.display());
    } else {
        let start = Instant::now();
        make(&arguments, &root)?;
        println!("levels: made in {:.0} s", start.elapsed().as_secs_f64());
    }
    let yester = |words: &[&str]| {
        let mut command = Command::new(&arguments.yester);
        command.arg("--repo").arg(&repository).args(words);
        command
    };
    run(&mut yester(&["init"]))?;
    println!("{:>6}  {:>8}  {:>9}", "level", "seconds", "peak MB");
    let import = || {
        let mut command = yester(&["--json", "import", "--layout", "rsnapshot"]);
        command.arg(&root);
        command
    };
    measure(import(), arguments.levels.div_ceil(ROWS))?;
    println!("second import");
    measure(import(), 1)
}

/// Makes the levels, the oldest first. Each starts as a `cp -al` of the one before, as in rsnapshot.
fn make(arguments: &Arguments, root: &Path) -> Result<()> {
    for nth in 0..arguments.levels {
        let number = arguments.levels - 1 - nth;
        let level = root.join(format!("daily.{number}"));
        let tree = level.join("localhost");
        if nth == 0 {
            fs::create_dir_all(&tree)?;
        } else {
            let older = root.join(format!("daily.{}", number + 1));
            run(Command::new("cp").arg("-al").arg(older).arg(&level))?;
        }
        for file in 0..arguments.files {
            let changes = (file + nth).is_multiple_of(arguments.changing);
            if nth == 0 || changes {
                write(&tree, file, if changes { nth } else { 0 })?;
            }
        }
        date(&level, nth)?;
    }
    Ok(())
}

/// Writes a file as rsync does: a new inode, with a time.
fn write(tree: &Path, file: u64, nth: u64) -> Result<()> {
    let folder = tree.join(format!("{:04}", file / FOLDER));
    if file.is_multiple_of(FOLDER) {
        fs::create_dir_all(&folder)?;
    }
    let (path, new) = (folder.join(format!("{file:07}.txt")), folder.join(".new"));
    let mut random = Random::new(file << 16 | nth);
    let len = usize::try_from(random.below(2000))?;
    fs::write(&new, random.text(len)).with_context(|| format!("writing {}", new.display()))?;
    date(&new, nth)?;
    fs::rename(&new, &path).with_context(|| format!("renaming to {}", path.display()))
}

fn date(path: &Path, nth: u64) -> Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINNING + nth * DAY);
    let dated = File::open(path).and_then(|file| file.set_modified(time));
    dated.with_context(|| format!("dating {}", path.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?}: {status}") }
}

/// Runs an import that prints a line for each level. Prints every `step`-th level.
fn measure(mut import: Command, step: u64) -> Result<()> {
    let start = Instant::now();
    let mut child = import.stdout(Stdio::piped()).spawn().with_context(|| format!("{import:?}"))?;
    let output = child.stdout.take().context("its output")?;
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut levels, mut most, mut last) = (0, 0, start);
    for line in BufReader::new(output).lines() {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        if line["snapshot"].is_null() {
            println!("{line}");
            continue;
        }
        levels += 1;
        let peak = peak(&process);
        most = most.max(peak);
        if levels % step == 0 || levels == 1 {
            println!("{levels:>6}  {:>8.2}  {peak:>9}", last.elapsed().as_secs_f64());
        }
        last = Instant::now();
    }
    let ended = child.wait4()?;
    if !ended.status.success() {
        bail!("{import:?}: {}", ended.status);
    }
    println!(
        "all {levels}: {:.2} s, {:.2} s of processor time, at most {} MB",
        start.elapsed().as_secs_f64(),
        (ended.rusage.utime + ended.rusage.stime).as_secs_f64(),
        most.max(ended.rusage.maxrss / 1_000_000)
    );
    Ok(())
}

/// Peak memory of a process since the last call, in MB.
fn peak(process: &Path) -> u64 {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    // Resets the peak. A process that has just ended has neither file.
    let _ = fs::write(process.join("clear_refs"), "5");
    kib.unwrap_or(0) * 1024 / 1_000_000
}
