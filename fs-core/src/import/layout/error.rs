use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Reason why the runs in a folder cannot be listed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A folder or file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Path of the folder or file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
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
    #[error("{}: {reason}", path.display())]
    Incomplete {
        /// Path of the config.
        path: PathBuf,
        /// The mistake and the next step.
        reason: &'static str,
    },
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
    Looks {
        /// Path of the folder.
        path: PathBuf,
        /// Name of the program.
        like: &'static str,
        /// The entry that does not fit, and the reason.
        but: String,
    },
    /// The folder has no run of the given layout.
    #[error("{} has no {what}; is it mounted, and is this the right folder?", path.display())]
    Nothing {
        /// Path of the folder.
        path: PathBuf,
        /// The kind of entry that is missing.
        what: &'static str,
    },
}
