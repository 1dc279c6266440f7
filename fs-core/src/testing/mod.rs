//! What tests of several layers share, and the tests that need all of them.
//!
//! Crashes: a [`Recording`] notes every operation on a repository's directory while a history is written. A [`Medium`]
//! replays the operations up to any point and tells what a disk may hold then: after a kill everything that was
//! done, after a power cut what was made durable and any part of the rest.

#[cfg(unix)]
mod crashes;
#[cfg(unix)]
mod golden;
#[cfg(unix)]
mod history;
#[cfg(unix)]
mod index_pages;
#[cfg(unix)]
mod medium;
#[cfg(unix)]
mod recording;
#[cfg(unix)]
mod repairs;
pub(crate) mod samples;

#[cfg(unix)]
pub(crate) use history::read_files;
#[cfg(unix)]
pub(crate) use recording::{Operation, RecordedFile, is_recorded, note};
