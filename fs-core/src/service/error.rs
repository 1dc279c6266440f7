use std::path::PathBuf;

use thiserror::Error;

use crate::copy::CopyFailed;
use crate::import::ImportError;
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
    Import(#[from] ImportError),
    /// An error of a copy.
    #[error(transparent)]
    Copy(#[from] CopyFailed),
    /// An upgrade found a repository that holds more than copies, where it should make one.
    #[error(
        "{} is a repository with other snapshots; name a new folder, or add the snapshots to it: \
         `yester copy --from {} --to {}`",
        new.display(), old.display(), new.display()
    )]
    UpgradeExists {
        /// Folder of the old repository.
        old: PathBuf,
        /// Folder of the repository that exists.
        new: PathBuf,
    },
    /// An upgrade should make the new repository in the folder of the old one.
    #[error("{} is the old repository itself; name a new folder for the new one", .0.display())]
    UpgradeItself(PathBuf),
    /// The user asked to stop before anything was changed.
    #[error("interrupted: nothing was changed")]
    Cancelled,
    /// Something in history cannot be read.
    #[error("{path}: {reason}")]
    View {
        /// The path, as the user wrote it.
        path: String,
        /// The reason.
        reason: ViewError,
    },
    /// No source has this name.
    #[error("no source is called {name}; {}there {known}", did_you_mean(suggestion.as_ref()))]
    NoSource {
        /// The given name.
        name: String,
        /// The suggestion: the name of an existing source.
        suggestion: Option<String>,
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
    #[error("{path} is in no snapshot of {source_name}{}", suggestion.as_ref().map(|suggestion| format!("; did you mean {suggestion}?")).unwrap_or_default())]
    NeverThere {
        /// The given path.
        path: String,
        /// The suggestion: a path in the last snapshot.
        suggestion: Option<String>,
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
        did_you_mean(suggestion.as_ref())
    )]
    NoTime {
        /// The source's name.
        source_name: String,
        /// The given time expression.
        time: String,
        /// The suggestion: a tag or a word for a time.
        suggestion: Option<String>,
    },
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
}

fn did_you_mean(suggestion: Option<&String>) -> String {
    suggestion.map(|suggestion| format!("did you mean {suggestion}? ")).unwrap_or_default()
}
