//! Hostile folders: a repository that another user could write to, and folders of other users in which root
//! writes.

mod access;
mod planted;
mod raced;

use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}
