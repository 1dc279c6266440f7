//! What a watch reports of its sources.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::import::layout::LeftOut;
use crate::import::{ImportError, Imported};

/// Events that a watch reports.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A new snapshot exists.
    Imported {
        /// The new snapshot.
        imported: &'a Imported,
        /// The tree of a level or image, relative to the watched folder.
        run: Option<&'a Path>,
        /// Duration of the import.
        took: Duration,
    },
    /// A run is not imported, and was not left out before.
    LeftOut(&'a LeftOut),
    /// A source is imported as one tree, but may hold runs.
    Hint {
        /// The source's path.
        path: &'a Path,
        /// The reason, and the next step.
        hint: &'a str,
    },
    /// A source could not be imported.
    Failed {
        /// The source's path.
        path: &'a Path,
        /// The reason.
        error: ImportError,
        /// Time until the next attempt.
        again: Duration,
    },
    /// The watch cannot notice a source's changes. It still looks at the source from time to time.
    Unnoticed {
        /// The source's path.
        path: &'a Path,
        /// The reason.
        error: io::Error,
    },
    /// A source has kept changing for so long that it was never imported meanwhile.
    Restless {
        /// The source's path.
        path: &'a Path,
        /// Duration of the changes.
        lasting: Duration,
    },
    /// The new states of the sources, after a change.
    States(Vec<State>),
}

/// The state of a watched source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The source's path.
    pub path: PathBuf,
    /// The current activity.
    pub activity: Activity,
    /// Time of the next look, if nothing changes; `None` if it moves all the time.
    pub next: Option<Instant>,
    /// The source's last snapshot.
    pub last: Option<Last>,
    /// Beginning of the last import that read every file, with `checksum-every`.
    pub all_read: Option<Timestamp>,
}

/// A source's last snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// The source's name in the repository.
    pub source: Box<[u8]>,
    /// The snapshot's canonical name.
    pub name: String,
}

/// The activity of a watched source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Nothing happens.
    Idle,
    /// A program writes to the source; the text is the reason why the import waits.
    Busy(String),
    /// An import has been running since this time.
    Importing(Timestamp),
    /// The last imports failed: the last error, and the number of failures in a row.
    Failing(String, u32),
}
