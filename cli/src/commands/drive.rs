//! A mount on Windows: a drive letter, or a folder.

use std::sync::mpsc;

use anyhow::{Result, bail};
use winfsp_windows::{MountOptions, mount};

use super::{Context, viewing};
use crate::args::MountArgs;
use crate::error::abandon;
use crate::platform::StopListener;
use crate::text;

pub fn run(context: &mut Context, args: &MountArgs) -> Result<()> {
    if args.daemon || args.daemon_child {
        bail!("--daemon is for Linux only; leave the console open, or run it as a task that starts at logon");
    }
    let (settings, words) = viewing::settings(context, &args.view)?;
    if let Some(word) = words.extra.first() {
        bail!(
            "unknown mount option {word:?}; known are allow_other, source=, timezone=, cache-size= and with-versions"
        );
    }
    let (view, source) = viewing::of_mount(context, &settings, args, &words)?;
    // At the end of the mount, receives whether WinFsp has stopped serving it. Otherwise the user asked for
    // it: Ctrl-C, a closed console or a shutdown of the machine.
    let (stop, ends) = mpsc::channel();
    let lost = stop.clone();
    let _listener = StopListener::new(move |count| {
        // The receiver lives as long as the process.
        let _ = stop.send(false);
        if count > 1 {
            // The driver removes the drive when its server is gone.
            abandon();
        }
    })?;
    let label = source.map_or_else(|| "yester".to_owned(), |source| text::printable(&source).into_owned());
    let options = MountOptions { label, allow_other: words.allow_other };
    let point = args.mountpoint.as_os_str();
    let drive = mount(view, point, &options, move || {
        let _ = lost.send(true);
    })?;
    let shown = args.mountpoint.display();
    context.output.note(&format!("mounted {} at {shown}; Ctrl-C unmounts", settings.repository.display()));
    let is_lost = ends.recv().unwrap_or_default();
    drive.unmount();
    if is_lost {
        bail!("{shown} is no longer served: WinFsp has stopped");
    }
    Ok(())
}
