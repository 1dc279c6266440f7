//! Passes signals on to a child, which does the work of this process.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use super::StopListener;

/// Passes the signals of this process on to a child, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    listener: Arc<Mutex<Listener>>,
    _signals: StopListener,
}

#[derive(Debug)]
enum Listener {
    /// There is no child yet. The signals are passed on once there is one.
    Awaited(Vec<Signal>),
    /// A descriptor of the child. Its process number may be reused soon.
    Child(OwnedFd),
}

impl Relay {
    /// Catches signals from now on, so that none ends this process alone.
    pub fn new() -> Result<Self> {
        let listener = Arc::new(Mutex::new(Listener::Awaited(Vec::new())));
        let shared = Arc::clone(&listener);
        let signals = [SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2];
        let signals = StopListener::of(&signals, move |mut signals| {
            for signal in signals.forever().filter_map(Signal::from_named_raw) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).pass_on(signal);
            }
        })?;
        Ok(Self { listener, _signals: signals })
    }

    /// Connects a child that was just started.
    pub fn connect(&self, child: u32) -> Result<()> {
        let pid = i32::try_from(child).ok().and_then(Pid::from_raw).context("the process has no number")?;
        // The child is not reaped yet, so its number is still its own.
        let child = pidfd_open(pid, PidfdFlags::empty()).context("cannot forward signals")?;
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Listener::Awaited(signals) = std::mem::replace(&mut *listener, Listener::Child(child)) {
            signals.into_iter().for_each(|signal| listener.pass_on(signal));
        }
        Ok(())
    }
}

impl Listener {
    fn pass_on(&mut self, signal: Signal) {
        match self {
            Listener::Awaited(signals) => signals.push(signal),
            // The child may have ended already.
            Listener::Child(child) => drop(pidfd_send_signal(child, signal)),
        }
    }
}
