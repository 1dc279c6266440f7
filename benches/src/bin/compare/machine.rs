//! The machine that the results depend on.

use std::fs;
use std::thread;

use crate::lab::Lab;
use crate::results::Machine;

const UNKNOWN: &str = "unknown";
/// The load that starting a comparison causes by itself.
const IDLE: f64 = 1.0;

pub fn describe(lab: &Lab) -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kb = field(&meminfo, "MemTotal")
        .and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0);
    let uname = rustix::system::uname();
    Machine {
        processor: field(&cpuinfo, "model name").unwrap_or(UNKNOWN).to_owned(),
        cores: thread::available_parallelism().map_or(1, usize::from),
        memory_mb: memory_kb / 1024,
        // The rest of the release names the kernel's builder.
        kernel: uname.release().to_string_lossy().split('-').next().unwrap_or(UNKNOWN).to_owned(),
        file_system: file_system(lab),
    }
}

/// A note if other processes use the machine: their work affects the results.
pub fn busy() -> Option<String> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = load.split_whitespace().next()?.parse().ok()?;
    (load > IDLE).then(|| format!("The machine was busy with other work when this began (load {load:.1})."))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn file_system(lab: &Lab) -> String {
    let folder = lab.scratch.to_string_lossy();
    let kind = lab.ask("stat", &["--file-system", "--format=%T", &folder]);
    match kind.as_deref().map(str::trim) {
        // This type may be ext2, ext3 or ext4.
        Some("ext2/ext3") => "ext4".into(),
        Some(kind) => kind.into(),
        None => UNKNOWN.into(),
    }
}
