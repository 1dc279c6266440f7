//! Windows: what a console asks for.

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

/// Who hears of it.
static LISTENER: OnceLock<Sender<()>> = OnceLock::new();

/// Calls `stop` whenever this process is asked to end (Ctrl-C, Ctrl-Break, the console's close, the machine's shutdown), with the number
/// of times so far. For one listener.
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
    // SAFETY: `hear` may be called by any thread at any time: all that it touches is a static that was set just above, and
    // never changes.
    if unsafe { SetConsoleCtrlHandler(Some(hear), 1) } == 0 {
        return Err(io::Error::last_os_error()).context("cannot listen for Ctrl-C");
    }
    Ok(())
}

/// Windows calls this in a thread of its own.
extern "system" fn hear(event: u32) -> BOOL {
    if let Some(listener) = LISTENER.get() {
        // Who listens goes only with the process.
        let _ = listener.send(());
    }
    if matches!(event, CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT) {
        // When this returns, Windows ends the process. It has some seconds until then, and ends by itself when it is ready.
        loop {
            thread::park();
        }
    }
    1
}

/// Who owns what is in no snapshot: nobody is asked.
pub fn owner() -> (u32, u32) {
    (0, 0)
}
