//! What the running system shows: its processes, mounts and file systems. Probing only, no policy.

#[cfg(unix)]
mod rsync;

#[cfg(unix)]
pub(crate) use rsync::rsync_at_work;
