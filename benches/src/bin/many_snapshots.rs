//! Adds many snapshots of a source's last tree to a repository, one an hour, to measure the cost of a mount
//! with a long history. A real history of this length takes years.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use fs_core::clock::SystemClock;
use fs_core::format::Time;
use fs_core::service::History;
use fs_core::store::{Access, Repository};
use jiff::tz::TimeZone;

#[derive(Debug, Parser)]
#[command(about = "Adds many snapshots of a repository's last tree, one hour apart")]
struct Arguments {
    /// The repository; it must have a snapshot
    repository: PathBuf,
    /// Number of snapshots
    #[arg(default_value_t = 10_000)]
    count: u32,
}

fn main() -> Result<()> {
    let Arguments { repository, count } = Arguments::parse();
    let snapshots = History::open(&repository, TimeZone::UTC, Arc::new(SystemClock))?.snapshots();
    let mut manifest = snapshots.last().context("the repository has no snapshot")?.manifest.clone();
    let repository = Repository::open(&repository, Access::Write)?;
    for _ in 0..count {
        let time = manifest.time;
        manifest.time = Time::new(time.secs() + 3600, time.nanos()).context("too far in the future")?;
        repository.writer()?.commit(&manifest)?;
    }
    Ok(())
}
