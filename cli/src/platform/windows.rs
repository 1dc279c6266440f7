//! Windows: the events of a console.

mod shadow;

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use windows_sys::Win32::System::Console::{
    CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

pub use shadow::VolumeShadowCopies;

/// The sender to the listener, if there is one.
static LISTENER: Mutex<Option<Sender<()>>> = Mutex::new(None);

/// Listens for the events that ask this process to end, until it is dropped. The causes are Ctrl-C, Ctrl-Break, a
/// closed console and a shutdown. There can be only one listener.
#[derive(Debug)]
pub struct StopListener(Option<JoinHandle<()>>);

impl StopListener {
    /// Calls `stop` on every such event, in a thread of its own, with the number of events so far.
    #[expect(
        unsafe_code,
        reason = "std does not listen, and the C runtime lets a closed console end the process at once"
    )]
    pub fn new(stop: impl Fn(u32) + Send + 'static) -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let mut listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.is_some() {
            bail!("this process listens for Ctrl-C already");
        }
        *listener = Some(sender);
        drop(listener);
        let thread = thread::spawn(move || (1..).zip(events).for_each(|(count, ())| stop(count)));
        let this = Self(Some(thread));
        // SAFETY: any thread may call `on_event` at any time. It uses only a static, behind a lock.
        if unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } == 0 {
            return Err(io::Error::last_os_error()).context("cannot listen for Ctrl-C");
        }
        Ok(this)
    }
}

impl Drop for StopListener {
    /// The handler stays: it keeps a closed console from ending the process at once.
    fn drop(&mut self) {
        *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // A panic of the thread was reported.
        let _ = self.0.take().map(JoinHandle::join);
    }
}

/// The handler that Windows calls, in a thread of its own.
extern "system" fn on_event(event: u32) -> BOOL {
    if let Some(listener) = &*LISTENER.lock().unwrap_or_else(PoisonError::into_inner) {
        // The receiver lives until the sender is dropped.
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
