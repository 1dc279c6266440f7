//! The resources of a process, to see whether they grow.

use std::fs;

/// Memory in KiB, open files, threads.
#[track_caller]
pub fn held(pid: u32) -> [u64; 3] {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let number = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).expect("a line");
        line.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    };
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("its files").count();
    [number("VmRSS:"), files as u64, number("Threads:")]
}
