use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Compares Yester with its peers on the same work, and writes a table, JSON and charts
#[derive(Debug, Parser)]
#[command(
    name = "compare",
    after_help = "\
Examples:
  cargo run --release -p fs-benches --bin compare
  cargo run --release -p fs-benches --bin compare -- --only history --rounds 5
  cargo run -p fs-benches --bin compare -- --quick --out /tmp/comparison

Peers (restic, borg, rsync, mksquashfs, squashfuse_ll) and fio are found on PATH; those that are absent are left out, and
the table notes that. As root, caches are dropped before cold runs, and the kernel mounts squashfs, too.

Exit status: 1 when a data set could not be made, or Yester failed."
)]
pub struct Arguments {
    /// Small data sets and one round: minutes, for a smoke test
    #[arg(long)]
    pub quick: bool,
    /// Folder that keeps the data sets from run to run; without it, they are made and removed
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder for the table, the JSON and the charts
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    pub out: PathBuf,
    /// Measure only this; may be repeated. Earlier results of the other parts are kept
    #[arg(long, value_name = "NAME")]
    pub only: Vec<Part>,
    /// Rounds of each part, instead of as many as it needs; 0 only makes the data sets
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,
    /// The yester program, instead of the one built here
    #[arg(long, value_name = "FILE")]
    pub yester: Option<PathBuf>,
    /// Leave a peer out; may be repeated
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// 30 published versions of one large crate
    History,
    /// Two states of a /usr tree
    Usr,
    /// A disk image with generations of edits
    Image,
    /// A million small files
    Million,
    /// The same at 1, 4 and 16 times the size
    Growth,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Part::History => "history",
            Part::Usr => "usr",
            Part::Image => "image",
            Part::Million => "million",
            Part::Growth => "growth",
        }
    }
}
