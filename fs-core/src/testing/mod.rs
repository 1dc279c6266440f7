//! Test helpers of several layers, and the tests that need all layers.
//!
//! Crashes: a [`Recording`] notes every operation on a repository's directory while a history is written. A
//! [`Medium`] replays the operations up to any point and returns a possible state of the disk after that.
//! After a kill, it holds the result of all operations. After a power cut, it holds everything durable and
//! any part of the rest.

#[cfg(unix)]
pub(crate) mod clock;
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
