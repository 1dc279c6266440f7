//! Waiting for events. No test sleeps in any other way.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two looks.
const STEP: Duration = Duration::from_millis(5);

/// Calls `look` until it returns a value. Returns `None` after `limit`.
pub fn wait_within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        sleep(STEP);
    }
}

/// Calls `look` until it returns a value. Fails after `limit`.
#[track_caller]
pub fn wait_until<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
    wait_within(limit, look).unwrap_or_else(|| panic!("waited {} s in vain: {what}", limit.as_secs()))
}

/// Calls `check` until `time` has passed: it fails if something changes that must not.
#[track_caller]
pub fn stays(time: Duration, mut check: impl FnMut()) {
    wait_within(time, || {
        check();
        None::<()>
    });
}

/// Waits until the clock shows another second, for programs that know no shorter time.
pub fn next_second() {
    let now = || UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    let begin = now();
    wait_until("the next second", Duration::from_secs(10), || (now() != begin).then_some(()));
    // Times of files lag behind the clock by a tick of the kernel.
    sleep(2 * STEP);
}

/// Waits until `time` is at least `age` ago.
#[track_caller]
pub fn wait_for_age(time: SystemTime, age: Duration) {
    let is_old = || time.elapsed().is_ok_and(|elapsed| elapsed >= age);
    wait_until("the time to pass", age + Duration::from_secs(10), || is_old().then_some(()));
}

/// Lets time pass: for a moment drawn at random, and for the pace of a writer.
pub fn pause(time: Duration) {
    sleep(time);
}
