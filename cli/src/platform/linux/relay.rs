//! Passes signals on to a child, which does the work of this process.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};

/// Passes the signals of this process on to a child.
#[derive(Debug)]
pub struct Relay {
    listener: Arc<Mutex<Listener>>,
    handle: Handle,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Listener {
    /// There is no child yet. The signals are passed on once there is one.
    Awaited(Vec<Signal>),
    /// A descriptor of the child. Its process number may be reused soon.
    Child(OwnedFd),
    Gone,
}

impl Relay {
    /// Catches signals from now on, so that none ends this process alone.
    pub fn new() -> Result<Self> {
        let hang_up = (!super::is_ignored(SIGHUP)).then_some(SIGHUP);
        let signals = [SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2].into_iter().chain(hang_up);
        let mut signals = Signals::new(signals).context("cannot listen for signals")?;
        let handle = signals.handle();
        let listener = Arc::new(Mutex::new(Listener::Awaited(Vec::new())));
        let passes_on = Arc::clone(&listener);
        let thread = thread::spawn(move || {
            for signal in signals.forever().filter_map(Signal::from_named_raw) {
                passes_on.lock().unwrap_or_else(PoisonError::into_inner).hear(signal);
            }
        });
        Ok(Self { listener, handle, thread })
    }

    /// Connects a child that was just started.
    pub fn connect(&self, child: u32) -> Result<()> {
        let pid = i32::try_from(child).ok().and_then(Pid::from_raw).context("the process has no number")?;
        // The child is not reaped yet, so its number is still its own.
        let child = pidfd_open(pid, PidfdFlags::empty()).context("cannot forward signals")?;
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Listener::Awaited(signals) = std::mem::replace(&mut *listener, Listener::Child(child)) {
            signals.into_iter().for_each(|signal| listener.hear(signal));
        }
        Ok(())
    }

    /// Stops passing signals on, because the child has ended.
    pub fn disconnect(self) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Listener::Gone;
        self.handle.close();
        // A panic of the thread was reported.
        let _ = self.thread.join();
    }
}

impl Listener {
    fn hear(&mut self, signal: Signal) {
        match self {
            Listener::Awaited(signals) => signals.push(signal),
            // The child may have ended already.
            Listener::Child(child) => drop(pidfd_send_signal(child, signal)),
            Listener::Gone => {}
        }
    }
}
