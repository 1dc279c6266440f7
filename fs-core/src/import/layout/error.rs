use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the runs in a folder cannot be listed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A folder or file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A line of rsnapshot's config is invalid.
    #[error("{} line {line}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line's number.
        line: usize,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// rsnapshot's config lacks a necessary line.
    #[error("{}: {reason}", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// A config was given for a layout that has none.
    #[error("{} can only be the config of an rsnapshot: say --layout rsnapshot", .0.display())]
    ConfigOf(PathBuf),
    /// The config is that of another root.
    #[error("{} keeps its levels in {}, not in {}", config.display(), says.display(), given.display())]
    OtherRoot {
        /// The config.
        config: PathBuf,
        /// Its root.
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
        /// The folder.
        path: PathBuf,
        /// The program's name.
        like: &'static str,
        /// The entry that does not fit, and why.
        but: String,
    },
    /// The folder has no run of the given layout.
    #[error("{} has no {what}; is it mounted, and is this the right folder?", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}
