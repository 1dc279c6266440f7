//! Whether rsync is writing to a tree, as far as its processes show.
//!
//! A writing rsync is two processes, a receiver below a generator (`do_recv` in rsync's main.c). Both change
//! into the destination before the fork, and stay there. Each holds one end of a socket to the other. So
//! these do not write:
//!
//! - a sender: it is alone, or its parent is elsewhere or waits;
//! - a daemon that listens: only processes below it write;
//! - the process of a daemon that waits for a transfer to call `post-xfer exec`: it has closed its sockets;
//! - the ancestors of this process: they wait for it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// An rsync process.
#[derive(Debug, Clone)]
struct Process {
    parent: u32,
    /// Its working directory; `None` if this process may not see it.
    folder: Option<PathBuf>,
    /// Called with `--daemon`, but not by a client through a remote shell.
    is_daemon: bool,
    /// Its standard input is the client's socket: inetd or systemd listens for it.
    is_handed_client: bool,
    /// It has a socket other than standard input, output and error.
    has_socket: bool,
}

/// The number of an rsync process that writes to `tree`, or to something in it or around it. `tree` is an
/// absolute path without links. Processes of other users may be invisible, and those of other machines always
/// are. Without `/proc`, all are invisible.
pub(crate) fn rsync_writer(tree: &Path) -> Option<u32> {
    let processes: HashMap<u32, Process> = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(_, process)| is_rsync(process))
        .filter_map(|(pid, process)| Some((pid, Process::read(&process)?)))
        .collect();
    if processes.is_empty() { None } else { writer(&processes, &ancestors(), tree) }
}

/// The process number of the generator of a pair that writes in, below or above a tree.
fn writer(processes: &HashMap<u32, Process>, ancestors: &HashSet<u32>, tree: &Path) -> Option<u32> {
    let near =
        |folder: &Path| folder.starts_with(tree) || tree.starts_with(folder) && folder != Path::new("/");
    let listens = |process: &Process| {
        let below_daemon = processes.get(&process.parent).is_some_and(|parent| parent.is_daemon);
        process.is_daemon && !below_daemon && !process.is_handed_client
    };
    let is_generator = |pid: &u32, generator: &Process| {
        generator.has_socket && !listens(generator) && !ancestors.contains(pid)
    };
    let mut pairs = processes.iter().filter_map(|(pid, receiver)| {
        let generator = processes.get(&receiver.parent)?;
        let writes = receiver.has_socket
            && generator.folder == receiver.folder
            && receiver.folder.as_deref().is_some_and(near)
            && is_generator(&receiver.parent, generator)
            && !ancestors.contains(pid);
        writes.then_some(receiver.parent)
    });
    pairs.next()
}

impl Process {
    /// Reads a process; `None` if it has ended.
    fn read(process: &Path) -> Option<Self> {
        let parent = parent(process)?;
        let words = fs::read(process.join("cmdline")).ok()?;
        let has_option = |option: &[u8]| words.split(|byte| *byte == 0).skip(1).any(|word| word == option);
        let files = fs::read_dir(process.join("fd")).into_iter().flatten();
        let sockets: Vec<u32> = files
            .flatten()
            .filter(|file| fs::read_link(file.path()).is_ok_and(|target| is_socket(&target)))
            .filter_map(|file| file.file_name().to_str()?.parse().ok())
            .collect();
        Some(Self {
            parent,
            folder: fs::read_link(process.join("cwd")).ok(),
            is_daemon: has_option(b"--daemon") && !has_option(b"--server"),
            is_handed_client: sockets.contains(&0),
            has_socket: sockets.iter().any(|file| *file > 2),
        })
    }
}

fn is_socket(target: &Path) -> bool {
    target.as_os_str().as_encoded_bytes().starts_with(b"socket:")
}

/// The ancestors of this process.
fn ancestors() -> HashSet<u32> {
    let mut found = HashSet::new();
    let mut next = Some(std::os::unix::process::parent_id());
    while let Some(pid) = next.filter(|pid| *pid > 1 && found.insert(*pid)) {
        next = parent(&PathBuf::from(format!("/proc/{pid}")));
    }
    found
}

fn is_rsync(process: &Path) -> bool {
    fs::read(process.join("comm")).is_ok_and(|name| name == b"rsync\n")
}

/// The parent's number: the second field after the name in proc_pid_stat(5). The name may hold any bytes.
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
        assert!(ancestors().contains(&std::os::unix::process::parent_id()));
        assert!(!ancestors().contains(&std::process::id()));
        assert_eq!(rsync_writer(&std::env::current_dir().unwrap()), None);
    }

    fn process(parent: u32, folder: &str) -> Process {
        Process {
            parent,
            folder: Some(folder.into()),
            is_daemon: false,
            is_handed_client: false,
            has_socket: true,
        }
    }

    fn daemon(parent: u32, folder: &str) -> Process {
        Process { is_daemon: true, ..process(parent, folder) }
    }

    /// The process that writes to `/srv/module`.
    fn at_work(processes: &[(u32, Process)], ancestors: &[u32]) -> Option<u32> {
        let ancestors = ancestors.iter().copied().collect();
        writer(&processes.iter().cloned().collect(), &ancestors, Path::new("/srv/module"))
    }

    #[test]
    fn a_generator_and_its_receiver_write() {
        let local = |folder| [(2, process(1, "/data")), (3, process(2, folder)), (4, process(3, folder))];
        for folder in ["/srv/module", "/srv/module/below", "/srv"] {
            assert_eq!(at_work(&local(folder), &[]), Some(3), "{folder}");
        }
        for folder in ["/srv/other", "/srv/module2", "/"] {
            assert_eq!(at_work(&local(folder), &[]), None, "{folder}");
        }
    }

    #[test]
    fn a_sender_does_not_write() {
        // One that copies from a folder of the tree to another folder, one that is alone, and one whose
        // generator is gone.
        let out = [(2, process(1, "/srv/module")), (3, process(2, "/data")), (4, process(3, "/data"))];
        assert_eq!(at_work(&out, &[]), None);
        assert_eq!(at_work(&out[..1], &[]), None);
    }

    #[test]
    fn a_daemon_does_not_write_by_itself() {
        for start in ["/srv", "/srv/module", "/srv/module/below", "/"] {
            let listener = (2, daemon(1, start));
            let waits = (3, Process { has_socket: false, ..daemon(2, start) });
            let sender = |parent| (4, daemon(parent, "/srv/module"));
            assert_eq!(at_work(&[listener.clone(), (3, daemon(2, start))], &[]), None, "just connected");
            assert_eq!(at_work(&[listener.clone(), waits.clone()], &[]), None, "waits for a hook");
            assert_eq!(at_work(&[listener.clone(), sender(2)], &[]), None, "is pulled from");
            assert_eq!(at_work(&[listener.clone(), waits.clone(), sender(3)], &[]), None, "the same, hooked");
            let receiver = |generator| (5, daemon(generator, "/srv/module"));
            let pushed = [listener.clone(), (4, daemon(2, "/srv/module")), receiver(4)];
            assert_eq!(at_work(&pushed, &[]), Some(4), "is pushed to");
            let pushed = [listener, waits, (4, daemon(3, "/srv/module")), receiver(4)];
            assert_eq!(at_work(&pushed, &[]), Some(4), "the same, hooked");
            // Processes that wait for this process.
            assert_eq!(at_work(&pushed, &[4, 3, 2]), None);
        }
    }

    #[test]
    fn a_listener_of_another_user_is_known_all_the_same() {
        let listener = (2, Process { folder: None, has_socket: false, ..daemon(1, "") });
        let pushed = [listener, (3, daemon(2, "/srv/module")), (4, daemon(3, "/srv/module"))];
        assert_eq!(at_work(&pushed, &[]), Some(3));
    }

    #[test]
    fn a_client_that_was_handed_over_may_write() {
        let generator = (2, Process { is_handed_client: true, ..daemon(1, "/srv/module") });
        assert_eq!(at_work(&[generator, (3, daemon(2, "/srv/module"))], &[]), Some(2));
    }
}
