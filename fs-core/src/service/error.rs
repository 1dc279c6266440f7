use std::io;
use std::path::PathBuf;

#[cfg(unix)]
use jiff::Timestamp;
use thiserror::Error;

use crate::import::ImportError;
#[cfg(unix)]
use crate::import::layout::LayoutError;
use crate::maintain::MaintainError;
use crate::store::StoreError;
use crate::view::ViewError;

/// The reason why a command failed. The text gives the user the object, the reason and the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// An error of the repository.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An error of the import.
    #[error(transparent)]
    Import(ImportError),
    /// The runs of another program cannot be listed.
    #[cfg(unix)]
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A snapshot cannot be read, so it is unknown which runs were imported.
    #[error("a snapshot cannot be read at the moment, so a run might be imported twice; try again")]
    UnreadableSnapshot,
    /// One name was given to the runs of several sources.
    #[error("--source names one source, but the runs belong to several: {0}")]
    SeveralSources(String),
    /// Another process already watches for this repository.
    #[cfg(target_os = "linux")]
    #[error("a watch of {} is already running ({holder})", path.display())]
    Watched {
        /// The repository's folder.
        path: PathBuf,
        /// The process that watches.
        holder: String,
    },
    /// The user asked a check or repair to stop.
    #[error("interrupted: nothing was changed")]
    Cancelled,
    /// The repair of the repository stopped.
    #[error(transparent)]
    Maintain(MaintainError),
    /// Something in history cannot be read.
    #[error("{path}: {reason}")]
    View {
        /// The path, as the user wrote it.
        path: String,
        /// The reason.
        reason: ViewError,
    },
    /// No source has this name.
    #[error("no source is called {name}; {}there {known}", did_you_mean(meant.as_ref()))]
    NoSource {
        /// The given name.
        name: String,
        /// The suggestion: the name of an existing source.
        meant: Option<String>,
        /// A list of the existing sources, with its verb.
        known: String,
    },
    /// The repository in this folder has no snapshots.
    #[error("{} has no snapshot yet; import one with `yester import`", .0.display())]
    NoSnapshots(PathBuf),
    /// There are several sources, and the user named none.
    #[error("the repository has several sources: name one with --source ({known})")]
    WhichSource {
        /// A list of the sources.
        known: String,
    },
    /// The source never had this path.
    #[error("{path} is in no snapshot of {source_name}{}", meant.as_ref().map(|meant| format!("; did you mean {meant}?")).unwrap_or_default())]
    NeverThere {
        /// The given path.
        path: String,
        /// The suggestion: a path in the last snapshot.
        meant: Option<String>,
        /// The source's name.
        source_name: String,
    },
    /// A time expression means no snapshot.
    #[error("{source_name} has no snapshot at {time}; its first is {first}")]
    NoSnapshot {
        /// The source's name.
        source_name: String,
        /// The time expression.
        time: String,
        /// The first snapshot's name.
        first: String,
    },
    /// A time expression is not valid.
    #[error(
        "{time} is neither a time nor a tag of {source_name}; {}times are like @2024-06-01, @yesterday, @3d and @latest",
        did_you_mean(meant.as_ref())
    )]
    NoTime {
        /// The source's name.
        source_name: String,
        /// The given time expression.
        time: String,
        /// The suggestion: a tag or a word for a time.
        meant: Option<String>,
    },
    /// The name of a tree's folder cannot be a source's name.
    #[error("{} cannot name a source; name it with --source", .0.display())]
    SourceName(PathBuf),
    /// No source can have the given name.
    #[error("{0:?} cannot name a source: a name has 1 to 255 bytes, no / and no @ at its beginning")]
    BadSourceName(String),
    /// No tag can have the given name.
    #[error("{name:?} cannot be a tag: {reason}")]
    BadTagName {
        /// The given name.
        name: String,
        /// The reason.
        reason: &'static str,
    },
    /// A snapshot does not have the tag that is to be removed.
    #[error("{snapshot} has no tag {name}; `yester tag` lists those that there are")]
    NoTag {
        /// The tag's name.
        name: String,
        /// The snapshot's name.
        snapshot: String,
    },
    /// A source has the history of another tree.
    #[error(
        "source {name} has the history of {whose}; give this tree another name with --source, \
         or continue that history with --allow-other-tree"
    )]
    OtherTree {
        /// The source's name.
        name: String,
        /// The tree that the source was last imported from, as text for the user.
        whose: String,
    },
    /// The times of two levels contradict the order of their numbers.
    #[cfg(unix)]
    #[error(
        "{}: {newer} must be newer than {older}, but its time is not later ({newer_time}, {older_time}); \
         nothing was imported: correct the wrong time with touch -d, or import levels one by one \
         with --layout tree --at TIME --source NAME --allow-other-tree",
        root.display()
    )]
    LevelOrder {
        /// The folder that holds the levels.
        root: PathBuf,
        /// The level with the lower number.
        newer: String,
        /// The level with the higher number.
        older: String,
        /// The time of `newer`.
        newer_time: Timestamp,
        /// The time of `older`.
        older_time: Timestamp,
    },
    /// Two levels have the same time, and are not a level and its copy.
    #[cfg(unix)]
    #[error(
        "{}: {one} and {other} have one time ({time}), so their order is unknown; nothing was imported: \
         correct their times with touch -d, or import levels one by one with --layout tree --at TIME \
         --source NAME --allow-other-tree",
        root.display()
    )]
    LevelTimes {
        /// The folder that holds the levels.
        root: PathBuf,
        /// One level.
        one: String,
        /// The other level.
        other: String,
        /// The time of both.
        time: Timestamp,
    },
    /// The tree to import cannot be found.
    #[error("cannot import {}: {reason}", path.display())]
    Tree {
        /// The tree's path.
        path: PathBuf,
        /// The reason.
        reason: io::Error,
    },
}

fn did_you_mean(meant: Option<&String>) -> String {
    meant.map(|meant| format!("did you mean {meant}? ")).unwrap_or_default()
}

impl From<MaintainError> for ServiceError {
    fn from(error: MaintainError) -> Self {
        match error {
            MaintainError::Cancelled => ServiceError::Cancelled,
            MaintainError::Store(error) => ServiceError::Store(error),
            error => ServiceError::Maintain(error),
        }
    }
}

impl From<ImportError> for ServiceError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => ServiceError::Store(error),
            error => ServiceError::Import(error),
        }
    }
}
