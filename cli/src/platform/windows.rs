//! Windows: the events of a console.

mod shadow;

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context, Result, bail};
use windows_sys::Win32::System::Console::{
    CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

pub use shadow::VolumeShadowCopies;

/// The receiver of the console's events.
static LISTENER: OnceLock<Sender<()>> = OnceLock::new();

/// Calls `stop` whenever this process is asked to end, with the number of times so far. The causes are
/// Ctrl-C, Ctrl-Break, a closed console and a shutdown. There can be only one listener.
#[expect(
    unsafe_code,
    reason = "std does not listen, and what the C runtime offers lets a closed console end the process at once"
)]
pub fn on_stop(stop: impl Fn(u32) + Send + 'static) -> Result<()> {
    let (sender, asked) = mpsc::channel();
    if LISTENER.set(sender).is_err() {
        bail!("somebody listens for Ctrl-C already");
    }
    thread::spawn(move || {
        for (count, ()) in (1..).zip(asked) {
            stop(count);
        }
    });
    // SAFETY: any thread may call `hear` at any time. It uses only a static, which was set just above and
    // never changes.
    if unsafe { SetConsoleCtrlHandler(Some(hear), 1) } == 0 {
        return Err(io::Error::last_os_error()).context("cannot listen for Ctrl-C");
    }
    Ok(())
}

/// The handler that Windows calls, in a thread of its own.
extern "system" fn hear(event: u32) -> BOOL {
    if let Some(listener) = LISTENER.get() {
        // The receiver lives as long as the process.
        let _ = listener.send(());
    }
    if matches!(event, CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT) {
        // When this function returns, Windows ends the process. Until then the process has some seconds, and
        // ends by itself when it is ready.
        loop {
            thread::park();
        }
    }
    1
}

/// The owner of nodes that are in no snapshot. Windows does not ask for it.
pub fn owner() -> (u32, u32) {
    (0, 0)
}
