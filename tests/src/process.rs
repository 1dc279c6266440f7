//! The resources of a process, to see whether they grow.

use std::fs;
use std::path::PathBuf;

/// Maximum number of packs that a repository keeps open.
const MAX_OPEN_PACKS: u64 = 64;

/// Memory in KiB, open files without packs, threads. Of packs, at most 64 may be open, and
/// one more for each thread.
#[track_caller]
pub fn held(pid: u32) -> [u64; 3] {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let number = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).expect("a line");
        line.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    };
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("its files").flatten();
    let is_pack = |path: PathBuf| path.to_string_lossy().contains("/packs/");
    let (packs, others): (Vec<_>, Vec<_>) =
        files.partition(|file| fs::read_link(file.path()).is_ok_and(is_pack));
    // One more per thread, which has removed its pack from the kept ones and reads it still.
    let threads = number("Threads:");
    assert!(packs.len() as u64 <= MAX_OPEN_PACKS + threads, "{} packs are open", packs.len());
    [number("VmRSS:"), others.len() as u64, threads]
}
