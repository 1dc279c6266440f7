use crate::format::{Kind, Time};

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// The attributes of a node, as `stat` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// Inode number, the same in every mount of the repository.
    pub ino: u64,
    /// File type.
    pub kind: FileKind,
    /// Length in bytes.
    pub size: u64,
    /// Bytes outside of holes, in units of 512 bytes.
    pub blocks: u64,
    /// Permission bits with set-user-id, set-group-id and sticky.
    pub mode: u16,
    /// Number of names within the snapshot. It is always 1 for a directory, whose names are not counted.
    pub nlink: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Time of the last modification of the content. It stands for the other times, too.
    pub mtime: Time,
    /// Major and minor number of a device.
    pub rdev: (u32, u32),
    /// Whether the import could not read the content. Reading it fails.
    pub is_unread: bool,
}

impl Attr {
    /// Length in bytes, as a mount shows it. Programs do not read an empty file, so they would not notice
    /// that the content could not be read. Therefore such a file has a byte.
    pub fn mounted_size(&self) -> u64 {
        let has_content = matches!(self.kind, FileKind::File | FileKind::Symlink);
        if self.is_unread && has_content { self.size.max(1) } else { self.size }
    }
}
