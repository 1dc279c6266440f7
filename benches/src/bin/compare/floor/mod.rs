//! This program as the server of a tree in memory. It measures the cost of FUSE itself, with the frontend's
//! settings.

mod filesystem;
mod tree;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use fuse_linux::MountOptions;

use self::filesystem::Floor;
use self::tree::Tree;

/// First argument of this process, before the tree's folder and the mount point.
pub const ARGUMENT: &str = "--floor";

/// Serves the tree until it is unmounted.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match serve(arguments.map(PathBuf::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(mut arguments: impl Iterator<Item = PathBuf>) -> Result<()> {
    let folder = arguments.next().context("a folder is missing")?;
    let point = arguments.next().context("a mount point is missing")?;
    let tree = Tree::load(&folder)?;
    fuse_linux::serve(Floor(tree), &point, &MountOptions::default())?.wait()?;
    Ok(())
}
