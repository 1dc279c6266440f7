use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why runs cannot be looked for.
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
    /// A line of rsnapshot's config says nothing that can be relied on.
    #[error("{} line {line}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line's number.
        line: usize,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Something that it needs is not in rsnapshot's config.
    #[error("{}: {reason}", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// A config was given where there is none to read.
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
    /// The folder has runs, and something that speaks against that.
    #[error(
        "{} looks like {like}'s folder, but for {but}; say --layout {like} to import its runs, \
         or --layout tree to import all of it as one tree",
        path.display()
    )]
    Looks {
        /// The folder.
        path: PathBuf,
        /// The program's name.
        like: &'static str,
        /// What speaks against it.
        but: String,
    },
    /// The folder has no run of the layout that it is said to have.
    #[error("{} has no {what}; is it mounted, and is this the right folder?", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}
