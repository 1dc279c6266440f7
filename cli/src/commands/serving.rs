//! Serves a mount in the foreground, until a signal comes or the mount is unmounted.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use anyhow::Result;
use fs_core::view::View;

use crate::error::abandon;
use crate::mount_options::MountWords;
use crate::output::Output;
use crate::platform::{self, Created, MountError, MountOptions, StopListener, Unmounter};
use crate::settings::Settings;
use crate::stderr;

/// A mount that other threads serve.
#[derive(Debug)]
pub struct Serving {
    point: PathBuf,
    mounted: Arc<OnceLock<Unmounter>>,
    /// Receives `None` when a signal asks for the end, and a result when the mount was unmounted or serving
    /// it failed.
    ends: Receiver<Option<Result<(), MountError>>>,
    server: JoinHandle<()>,
    _listener: StopListener,
}

impl Serving {
    /// Mounts `view` at the checked mount point `point`. `on_end` is called at once when a signal comes or
    /// the mount ends, even if no thread waits for it.
    pub fn start(
        view: View,
        point: &Path,
        options: &MountOptions,
        on_end: impl Fn() + Clone + Send + 'static,
    ) -> Result<Self> {
        let (sender, ends) = mpsc::channel();
        let mounted = Arc::new(OnceLock::<Unmounter>::new());
        let (on_stop, stop, lost) = (on_end.clone(), sender.clone(), Arc::clone(&mounted));
        // The handler must exist before the mount: otherwise a signal would leave the mount behind.
        let listener = StopListener::new(move |count| {
            on_stop();
            // The receiver lives as long as the process.
            let _ = stop.send(None);
            if count > 1 {
                // A second signal: unmount even if a process hangs on the mount.
                if let Some(lost) = lost.get() {
                    let _ = lost.unmount(true);
                }
                abandon();
            }
        })?;
        let mount = platform::mount(view, point, options)?;
        if let Some(unmounter) = mount.unmounter() {
            let _ = mounted.set(unmounter);
        }
        let server = thread::spawn(move || {
            let result = mount.wait();
            on_end();
            let _ = sender.send(Some(result));
        });
        Ok(Self { point: point.to_owned(), mounted, ends, server, _listener: listener })
    }

    /// Serves until the mount ends. If `work` has failed, unmounts at once, so that no mount stays without a
    /// server.
    pub fn finish(self, work: Result<()>) -> Result<()> {
        // The senders live as long as the listener and the server.
        let end = if work.is_ok() { self.ends.recv().unwrap_or_default() } else { None };
        let is_over = match end {
            None => self.unmount()?,
            Some(result) => result.map(|()| true)?,
        };
        if is_over {
            // A panic of the thread was reported.
            let _ = self.server.join();
        }
        work
    }

    /// Unmounts. If the mount is busy, detaches it, and returns false: it is served until the process ends.
    fn unmount(&self) -> Result<bool> {
        let Some(mounted) = self.mounted.get() else { return Ok(false) };
        match platform::unless_busy(|| mounted.unmount(false)) {
            Err(MountError::Busy(_)) => {
                mounted.unmount(true)?;
                stderr::warn(&format!("{} was in use; unmounted it nevertheless", self.point.display()));
                Ok(false)
            }
            Ok(()) | Err(MountError::NotMounted(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks the mount point. First removes a mount there whose server was killed.
pub fn check_point(
    output: &Output,
    path: &Path,
    forbidden: &[(&'static str, &Path)],
    created: Option<&mut Created>,
) -> Result<PathBuf> {
    if platform::clear_stale(path)? {
        output.note(&format!("removed the mount of a killed process at {}", path.display()));
    }
    Ok(platform::check_mountpoint(path, forbidden, created)?)
}

/// The mount options for the repository and these words.
pub fn mount_options(settings: &Settings, words: MountWords) -> MountOptions {
    MountOptions {
        source_label: settings.repository.to_string_lossy().into_owned(),
        allow_other: words.allow_other,
        extra: words.extra,
    }
}
