//! What tests of several layers share, and the tests that need all of them.
//!
//! Crashes: a [`Recording`] notes every operation on a repository's directory while a history is written. A [`Medium`]
//! replays the operations up to any point and tells what a disk may hold then: after a kill everything that was
//! done, after a power cut what was made durable and any part of the rest.

mod crashes;
mod golden;
mod history;
mod medium;
mod recording;
mod repairs;

pub(crate) use recording::{Operation, note, recorded_database};
