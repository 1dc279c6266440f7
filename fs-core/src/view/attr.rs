use crate::format::{Kind, Time};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A Unix domain socket.
    Socket,
}

impl From<&Kind> for FileKind {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::File { .. } => FileKind::File,
            Kind::Directory(_) => FileKind::Directory,
            Kind::Symlink(_) => FileKind::Symlink,
            Kind::CharDevice { .. } => FileKind::CharDevice,
            Kind::BlockDevice { .. } => FileKind::BlockDevice,
            Kind::Fifo => FileKind::Fifo,
            Kind::Socket => FileKind::Socket,
        }
    }
}

/// What `stat` tells of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// Inode number, the same in every mount of the repository.
    pub ino: u64,
    /// Type.
    pub kind: FileKind,
    /// Length in bytes.
    pub size: u64,
    /// Bytes that are not in holes, in units of 512.
    pub blocks: u64,
    /// Permission bits with set-user-id, set-group-id and sticky.
    pub mode: u16,
    /// Names within the snapshot; 1 for a directory, which means that nobody counted.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification of the content; stands for the other times too.
    pub mtime: Time,
    /// Major and minor number of a device.
    pub rdev: (u32, u32),
}
