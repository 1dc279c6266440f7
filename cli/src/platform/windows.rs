//! Windows: Ctrl-C. What mounts will be here, too.

mod shadow;

pub use shadow::VolumeShadowCopies;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::SIGINT;

/// What a person does not notice.
const SOON: Duration = Duration::from_millis(50);

/// Calls `stop` whenever this process is asked to end, with the number of times so far.
pub fn on_stop(stop: impl Fn(u32) + Send + 'static) -> Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, Arc::clone(&asked)).context("cannot listen for Ctrl-C")?;
    thread::spawn(move || {
        let mut count = 0;
        loop {
            if asked.swap(false, Ordering::Relaxed) {
                count += 1;
                stop(count);
            }
            thread::sleep(SOON);
        }
    });
    Ok(())
}
