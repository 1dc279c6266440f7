//! Doing to a real directory what was done to the model.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use fs_tests::tree::{Folder, read_xattrs, shown};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, utimensat,
};

use super::edit::Action;
use super::node::{Node, What};
use super::state::State;

/// The directory that follows the model.
#[derive(Debug)]
pub struct Disk(Folder);

impl Disk {
    pub fn new(root: &Path) -> Self {
        Self(Folder::open(root).expect("the source"))
    }

    /// Do what an edit means.
    pub fn apply(&self, state: &State, action: &Action) {
        self.try_apply(state, action).unwrap_or_else(|error| {
            let (Action::Make(path, _)
            | Action::Write(path, _)
            | Action::Dress(path, _)
            | Action::Move(path, _)
            | Action::Link(path, _)
            | Action::Remove(path, _)) = action;
            panic!("the test cannot change its own tree at {}: {error}: {action:?}", shown(path));
        });
    }

    fn try_apply(&self, state: &State, action: &Action) -> io::Result<()> {
        match action {
            Action::Make(path, id) => {
                let (folder, name) = self.0.reach(path)?;
                let path = folder.path(name);
                make(&path, &state.nodes[id])?;
                dress(&path, &state.nodes[id])
            }
            Action::Write(path, id) => {
                let (folder, name) = self.0.reach(path)?;
                let path = folder.path(name);
                let What::File(content) = &state.nodes[id].what else {
                    return Err(io::Error::other("no file"));
                };
                content.write(&OpenOptions::new().write(true).truncate(true).open(&path)?)?;
                // Writing takes the file's capabilities away.
                dress(&path, &state.nodes[id])
            }
            Action::Dress(path, id) => {
                let (folder, name) = self.0.reach(path)?;
                dress(&folder.path(name), &state.nodes[id])
            }
            Action::Move(from, to) => {
                let ((from, old), (to, new)) = (self.0.reach(from)?, self.0.reach(to)?);
                fs::rename(from.path(old), to.path(new))
            }
            Action::Link(from, to) => {
                let ((from, old), (to, new)) = (self.0.reach(from)?, self.0.reach(to)?);
                fs::hard_link(from.path(old), to.path(new))
            }
            Action::Remove(path, directory) => {
                let (folder, name) = self.0.reach(path)?;
                if *directory {
                    fs::remove_dir(folder.path(name))
                } else {
                    fs::remove_file(folder.path(name))
                }
            }
        }
    }

    /// Set all times: changing a folder's content changes the folder's own.
    pub fn set_times(&self, state: &State) {
        for (path, id) in state.names.iter().rev() {
            let (seconds, nanos) = state.nodes[id].attributes.mtime;
            let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
            let times = Timestamps { last_access: time, last_modification: time };
            let done = self.0.reach(path).and_then(|(folder, name)| {
                Ok(utimensat(CWD, folder.path(name), &times, AtFlags::SYMLINK_NOFOLLOW)?)
            });
            done.unwrap_or_else(|error| panic!("cannot set the time of {}: {error}", shown(path)));
        }
    }
}

fn make(path: &Path, node: &Node) -> io::Result<()> {
    let special = |kind, device| Ok(mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), device)?);
    match &node.what {
        What::Directory => fs::create_dir(path),
        What::File(content) => {
            let file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            content.write(&file)
        }
        What::Symlink(target) => symlink(bytes(target), path),
        What::Fifo => special(FileType::Fifo, 0),
        What::Socket => special(FileType::Socket, 0),
        What::Char(major, minor) => special(FileType::CharacterDevice, makedev(*major, *minor)),
        What::Block(major, minor) => special(FileType::BlockDevice, makedev(*major, *minor)),
    }
}

fn bytes(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path))
}

/// All attributes but the time, in the order in which none undoes another.
fn dress(path: &Path, node: &Node) -> io::Result<()> {
    lchown(path, Some(node.attributes.uid), Some(node.attributes.gid))?;
    let xattrs = node.xattrs();
    for name in read_xattrs(path)?.keys().filter(|name| !xattrs.contains_key(*name)) {
        rustix::fs::lremovexattr(path, name)?;
    }
    if !matches!(node.what, What::Symlink(_)) {
        fs::set_permissions(path, fs::Permissions::from_mode(node.mode()))?;
    }
    for (name, value) in &xattrs {
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())?;
    }
    Ok(())
}
