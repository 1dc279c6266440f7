//! A clock that stands still until a test moves it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// A clock that stands still until a test moves it. Its instants pass only while something sleeps or
/// [`advance`](Self::advance) is called.
#[derive(Debug)]
pub(crate) struct ManualClock {
    begun: Instant,
    time: Mutex<(Timestamp, Duration)>,
}

impl ManualClock {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { begun: Instant::now(), time: Mutex::new((now, Duration::ZERO)) }
    }

    /// Lets `duration` pass.
    pub(crate) fn advance(&self, duration: Duration) {
        let mut time = self.time.lock().unwrap();
        time.0 += duration;
        time.1 += duration;
    }

    /// Sets the time of day, as an administrator would.
    pub(crate) fn jump(&self, by: SignedDuration) {
        self.time.lock().unwrap().0 += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.time.lock().unwrap().0
    }

    fn instant(&self) -> Instant {
        self.begun + self.time.lock().unwrap().1
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

#[test]
fn time_passes_when_it_is_told_to() {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let begun = clock.instant();
    clock.sleep(Duration::from_secs(2));
    clock.jump(SignedDuration::from_secs(-10));
    assert_eq!(clock.now(), Timestamp::from_second(-8).unwrap());
    assert_eq!(clock.instant() - begun, Duration::from_secs(2));
}
