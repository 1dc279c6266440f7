use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::StoreError;

/// Reason why an import failed. The text gives the user the object, the reason and the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user asked the import to stop.
    #[error("interrupted: nothing was added")]
    Cancelled,

    /// The tree to import cannot be found.
    #[error("cannot import {}: {reason}", path.display())]
    Tree {
        /// The tree's path.
        path: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// A tree, or a folder or file of a layout, cannot be read at all.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The path is not a directory.
    #[error("{} is not a directory; give the directory whose history is to be kept", .0.display())]
    NotADirectory(PathBuf),
    /// The tree is the repository, or a part of it.
    #[error("{} is inside the repository; give the directory whose history is to be kept", .0.display())]
    InsideRepository(PathBuf),
    /// The tree is empty, and was not empty before.
    #[error(
        "{} is empty: is everything mounted? If all was deleted on purpose, allow it (--allow-empty, in a \
         config allow_empty = true)",
        .0.display()
    )]
    Emptied(PathBuf),
    /// A program is writing to a tree that must be quiescent.
    #[error("{} is still being written: {sign}", path.display())]
    NotQuiescent {
        /// The entry that shows it.
        path: PathBuf,
        /// The sign of a writer, in words.
        sign: String,
    },

    /// The name of a tree's folder cannot be a source's name.
    #[error("{} cannot name a source; name it with --source", .0.display())]
    SourceName(PathBuf),
    /// No source can have the given name.
    #[error("{0:?} cannot name a source: a name has 1 to 255 bytes, no / and no @ at its beginning")]
    BadSourceName(String),
    /// One name was given to the runs of several sources.
    #[error("--source names one source, but the runs belong to several: {0}")]
    SeveralSources(String),
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
    /// A snapshot cannot be read, so it is unknown which runs were imported.
    #[error("a snapshot cannot be read at the moment, so a run might be imported twice; try again")]
    UnreadableSnapshot,
    /// The times of two levels contradict the order of their numbers, or are equal though neither level is a
    /// copy of the other.
    #[error(
        "{}: {contradiction}; nothing was imported: correct {wrong} with touch -d, or import levels one by \
         one with --layout tree --at TIME --source NAME --allow-other-tree",
        root.display()
    )]
    LevelTimes {
        /// The folder that holds the levels.
        root: PathBuf,
        /// The levels and their times, in words.
        contradiction: String,
        /// The times to correct, in words.
        wrong: &'static str,
    },

    /// A line of rsnapshot's config is invalid.
    #[error("{} line {line}: {reason}", path.display())]
    Config {
        /// Path of the config.
        path: PathBuf,
        /// Line number.
        line: usize,
        /// The mistake and the next step.
        reason: String,
    },
    /// rsnapshot's config lacks a necessary line.
    #[error("{}: it names no snapshot_root", .0.display())]
    NoSnapshotRoot(PathBuf),
    /// A config was given for a layout that has none.
    #[error("{} can only be the config of an rsnapshot: say --layout rsnapshot", .0.display())]
    ConfigOf(PathBuf),
    /// The config belongs to another root.
    #[error("{} keeps its levels in {}, not in {}", config.display(), says.display(), given.display())]
    OtherRoot {
        /// Path of the config.
        config: PathBuf,
        /// The root that the config names.
        says: PathBuf,
        /// The root that was given.
        given: PathBuf,
    },
    /// The folder has runs, and an entry that does not fit the layout.
    #[error(
        "{} looks like {like}'s folder, except for {but}; use --layout {like} to import its runs, \
         or --layout tree to import all of it as one tree",
        path.display()
    )]
    LooksLike {
        /// Path of the folder.
        path: PathBuf,
        /// Name of the program.
        like: &'static str,
        /// The entry that does not fit, and the reason.
        but: String,
    },
    /// The folder has no run of the given layout.
    #[error("{} has no {what}; is it mounted, and is this the right folder?", path.display())]
    NoRuns {
        /// Path of the folder.
        path: PathBuf,
        /// The kind of entry that is missing.
        what: &'static str,
    },
}

impl ImportError {
    /// Makes the error of a tree, folder or file that cannot be read.
    pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}
