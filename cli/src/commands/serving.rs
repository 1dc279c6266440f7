//! A mount in the foreground, until a signal or somebody's unmount ends it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::Result;
use fs_core::view::View;

use crate::error::abandon;
use crate::mount_options::MountWords;
use crate::output::Output;
use crate::platform::{self, Created, MountError, MountOptions, Unmounter};
use crate::settings::Settings;
use crate::stderr;

/// Why a mount ends.
#[derive(Debug)]
enum End {
    /// A signal asks for it.
    Stop,
    /// It was unmounted, or could not be served any more.
    Unmounted(Result<(), MountError>),
}

/// A mount that is served by other threads.
#[derive(Debug)]
pub struct Serving {
    point: PathBuf,
    mounted: Arc<OnceLock<Unmounter>>,
    ends: Receiver<End>,
}

impl Serving {
    /// Mounts `view` at the checked mount point `point`. When the end comes, `on_end` hears of it at once, even while
    /// nobody waits.
    pub fn start(
        view: View,
        point: &Path,
        options: &MountOptions,
        on_end: impl Fn() + Clone + Send + 'static,
    ) -> Result<Self> {
        let (sender, ends) = mpsc::channel();
        let mounted = Arc::new(OnceLock::new());
        let (on_stop, stop, lost) = (on_end.clone(), sender.clone(), Arc::clone(&mounted));
        // Before the mount is there: a signal would leave it behind.
        platform::on_stop(move |count| {
            on_stop();
            // The receiver goes only with the process.
            let _ = stop.send(End::Stop);
            if count > 1 {
                // Impatience: whatever hangs does not matter any more.
                if let Some(lost) = lost.get() {
                    let _ = platform::unmount_own(lost, true);
                }
                abandon();
            }
        })?;
        let mount = platform::mount(view, point, options)?;
        if let Some(unmounter) = mount.unmounter() {
            let _ = mounted.set(unmounter);
        }
        thread::spawn(move || {
            let result = mount.wait();
            on_end();
            let _ = sender.send(End::Unmounted(result));
        });
        Ok(Self { point: point.to_owned(), mounted, ends })
    }

    /// Serves until the end, at once when the `work` beside it has failed: nothing stays mounted that nobody serves.
    pub fn finish(self, work: Result<()>) -> Result<()> {
        // Who may tell of the end goes only with the process.
        let end = if work.is_ok() { self.ends.recv().unwrap_or(End::Stop) } else { End::Stop };
        match end {
            End::Stop => self.unmount()?,
            End::Unmounted(result) => result?,
        }
        work
    }

    /// Unmounts, by force if need be.
    fn unmount(&self) -> Result<()> {
        let Some(mounted) = self.mounted.get() else { return Ok(()) };
        match platform::unmount_own(mounted, false) {
            Err(MountError::Busy(_)) => {
                platform::unmount_own(mounted, true)?;
                stderr::warn(&format!("{} was in use; unmounted all the same", self.point.display()));
            }
            Ok(()) | Err(MountError::NotMounted(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Checks the mount point. What a mount that was killed has left there is taken away first.
pub fn check_point(
    output: &Output,
    path: &Path,
    forbidden: &[(&'static str, &Path)],
    created: Option<&mut Created>,
) -> Result<PathBuf> {
    if platform::clear_stale(path)? {
        output.note(&format!("took away what a mount that was killed had left at {}", path.display()));
    }
    Ok(platform::check_mountpoint(path, forbidden, created)?)
}

/// How to mount the repository with these words.
pub fn mount_options(settings: &Settings, words: MountWords) -> MountOptions {
    MountOptions {
        source_label: settings.repository.to_string_lossy().into_owned(),
        allow_other: words.allow_other,
        extra: words.extra,
    }
}
