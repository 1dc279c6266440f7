//! Signals that are meant for a child, which does this process's work.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};

/// Passes on to a child what this process is told.
#[derive(Debug)]
pub struct Relay {
    listener: Arc<Mutex<Listener>>,
    handle: Handle,
}

#[derive(Debug)]
enum Listener {
    /// There is no child yet: what it must be told when it is there.
    Awaited(Vec<Signal>),
    /// A descriptor, as a number may soon be another's.
    Child(OwnedFd),
    Gone,
}

impl Relay {
    /// Listens from now on, so that no signal ends this process alone.
    pub fn new() -> Result<Self> {
        let hang_up = (!super::is_ignored(SIGHUP)).then_some(SIGHUP);
        let signals = [SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2].into_iter().chain(hang_up);
        let mut signals = Signals::new(signals).context("cannot listen for signals")?;
        let handle = signals.handle();
        let listener = Arc::new(Mutex::new(Listener::Awaited(Vec::new())));
        let passes_on = Arc::clone(&listener);
        thread::spawn(move || {
            for signal in signals.forever().filter_map(Signal::from_named_raw) {
                passes_on.lock().unwrap_or_else(PoisonError::into_inner).hear(signal);
            }
        });
        Ok(Self { listener, handle })
    }

    /// The child is there.
    pub fn connect(&self, child: u32) -> Result<()> {
        let pid = i32::try_from(child).ok().and_then(Pid::from_raw).context("a process without a number")?;
        // Not waited for yet, so this number is still the child's.
        let child = pidfd_open(pid, PidfdFlags::empty()).context("cannot pass signals on")?;
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Listener::Awaited(signals) = std::mem::replace(&mut *listener, Listener::Child(child)) {
            signals.into_iter().for_each(|signal| listener.hear(signal));
        }
        Ok(())
    }

    /// The child has ended.
    pub fn disconnect(&self) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Listener::Gone;
        self.handle.close();
    }
}

impl Listener {
    fn hear(&mut self, signal: Signal) {
        match self {
            Listener::Awaited(signals) => signals.push(signal),
            // It may have ended already.
            Listener::Child(child) => drop(pidfd_send_signal(child, signal)),
            Listener::Gone => {}
        }
    }
}
