//! Compares Yester with its peers: the same work in one run, in turns, in several rounds.

mod args;
mod data;
mod floor;
mod growth;
mod imports;
mod lab;
mod machine;
mod measured;
mod mount;
mod process;
mod reading;
mod report;
mod results;
mod section;
mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use args::{Arguments, Part};
use clap::{Parser, ValueEnum};
use lab::{LONG, Lab};
use process::Runner;
use results::Results;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(first) if first == process::MEASURED => return measured::run(words),
        Some(first) if first == floor::ARGUMENT => return floor::run(words),
        _ => {}
    }
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether everything that must work did.
fn run(arguments: &Arguments) -> Result<bool> {
    let runner = Runner::new()?;
    let yester = match &arguments.yester {
        Some(path) => std::path::absolute(path)?,
        None => build_yester(&runner)?,
    };
    // Not in /tmp, which is often in memory: a comparison of disks needs a disk.
    let beside = std::path::absolute(arguments.data.as_deref().unwrap_or(Path::new("target")))?;
    std::fs::create_dir_all(&beside).with_context(|| format!("making {}", beside.display()))?;
    let scratch = tempfile::Builder::new().prefix("compare-").tempdir_in(&beside)?;
    let folder = match &arguments.data {
        Some(_) => beside,
        None => scratch.path().join("data"),
    };
    let lab = Lab::new(
        runner,
        scratch.path().join("work"),
        folder,
        yester,
        arguments.quick,
        arguments.without.clone(),
    )?;
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("making {}", arguments.out.display()))?;
    let sound = compare(&lab, arguments);
    drop(lab);
    scratch.close().context("removing the scratch folder")?;
    sound
}

fn compare(lab: &Lab, arguments: &Arguments) -> Result<bool> {
    let path = arguments.out.join("results.json");
    let mut results = Results::load(&path)?;
    let order: Vec<&str> = Part::value_variants().iter().map(|part| part.name()).collect();
    let mut sound = true;
    for part in Part::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(part) {
            continue;
        }
        let Some(mut section) = section::measure(lab, *part, arguments.rounds)? else { continue };
        for note in &mut section.notes {
            lab.note(&format!("{}: {note}", section.name));
            // Readers of the results do not know this machine's folders.
            *note = lab.without_folders(note);
        }
        sound &= !section.notes.iter().any(|note| note.starts_with("yester failed"));
        results.replace(section, &order);
        // Stored after each part, so that a later failure loses no results.
        results.store(&path)?;
        report::write(&results, &arguments.out)?;
    }
    Ok(sound)
}

/// Builds the program with the profile of this one, and returns its path.
fn build_yester(runner: &Runner) -> Result<PathBuf> {
    let own = std::env::current_exe().context("looking for this program")?;
    let yester = own.with_file_name("yester");
    let Some(cargo) = std::env::var_os("CARGO") else {
        ensure!(
            yester.exists(),
            "{} is not there: cargo build --release, or --yester FILE",
            yester.display()
        );
        return Ok(yester);
    };
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "cli", "--bin", "yester"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    runner.run(&mut build, &[0], LONG).context("building yester")?;
    Ok(yester)
}
