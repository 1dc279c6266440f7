//! Whether rsync is writing to a tree, as far as its processes tell.
//!
//! Who writes is two processes, a receiver below a generator (`do_recv` in rsync's main.c), and both change into the
//! destination. One alone is a sender: it only reads.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The number of an rsync process that writes to `tree`, an absolute path without links, or to something in it or around
/// it. Processes of other users may be invisible, and those of other machines are; so are all where there is no `/proc`.
pub(super) fn rsync_at_work(tree: &Path) -> Option<u32> {
    let near =
        |folder: &Path| folder.starts_with(tree) || tree.starts_with(folder) && folder != Path::new("/");
    let processes: HashMap<u32, u32> = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(_, process)| is_rsync(process) && folder(process).is_some_and(|folder| near(&folder)))
        .filter_map(|(pid, process)| Some((pid, parent(&process)?)))
        .collect();
    processes.values().find(|parent| processes.contains_key(parent)).copied()
}

fn is_rsync(process: &Path) -> bool {
    fs::read(process.join("comm")).is_ok_and(|name| name == b"rsync\n")
}

fn folder(process: &Path) -> Option<PathBuf> {
    fs::read_link(process.join("cwd")).ok()
}

/// The parent's number: proc_pid_stat(5), the second field after the name, which may hold anything.
fn parent(process: &Path) -> Option<u32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_this_process_is_found() {
        let own = PathBuf::from(format!("/proc/{}", std::process::id()));
        assert_eq!(parent(&own), Some(std::os::unix::process::parent_id()));
        assert!(!is_rsync(&own));
        assert_eq!(rsync_at_work(&std::env::current_dir().unwrap()), None);
    }
}
