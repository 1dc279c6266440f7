//! Invalidates cached listings. The kernel does not ask before it lists a folder: it keeps every listing.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fs_core::history::Sources;
use fs_core::view::{Inodes, Invalidation, View};
use fuser::{INodeNo, Notifier};

/// Time between two checks for new snapshots.
const GLANCE: Duration = Duration::from_millis(200);

/// A thread that checks for new snapshots. Dropping this ends the thread, and waits for it.
#[derive(Debug)]
pub(crate) struct Watch(Option<(Sender<Infallible>, JoinHandle<()>)>);

impl Watch {
    /// Starts the thread. `known` are the sources before the first request of the kernel.
    pub(crate) fn start(
        view: View,
        inodes: Arc<Inodes>,
        mut known: Arc<Sources>,
        notifier: Notifier,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<Infallible>();
        let thread = thread::Builder::new().name("watch".into()).spawn(move || {
            let mut before = Vec::new();
            while stopped.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
                let latest = view.invalidations(&mut known);
                // Each invalidation is sent twice: an answer from just before a change may reach the kernel's
                // cache just after the first one.
                before.iter().chain(&latest).for_each(|one| invalidate(&notifier, &inodes, one));
                before = latest;
            }
        })?;
        Ok(Self(Some((stop, thread))))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.0.take() else { return };
        drop(stop);
        let _ = thread.join();
    }
}

/// Sends an invalidation. A thread that answers requests must not call this: the kernel may wait for an
/// answer about the folder.
fn invalidate(notifier: &Notifier, inodes: &Inodes, invalidation: &Invalidation) {
    // The kernel caches nothing of a node that it does not know.
    let Some(folder) = inodes.known_number(invalidation.ino).map(INodeNo) else { return };
    let gone = invalidation.gone.iter().map(|name| notifier.inval_entry(folder, OsStr::from_bytes(name)));
    for result in gone.chain([notifier.inval_inode(folder, 0, 0)]) {
        if let Err(error) = result {
            log::debug!("cannot invalidate a listing: {error}");
        }
    }
}
