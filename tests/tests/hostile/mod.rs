//! A repository's folder that somebody else could write to, and folders of other users that root writes to.

mod access;
mod planted;
mod raced;

use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}
