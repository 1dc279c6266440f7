//! The clock as a value. Whoever needs the time is given a clock, so tests can set it.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A source of time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time of day. It may jump, also backwards.
    fn now(&self) -> Timestamp;

    /// A time for measuring durations. It never goes backwards.
    fn instant(&self) -> Instant;

    /// Waits for `duration`.
    fn sleep(&self, duration: Duration);
}

/// The clock of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}
