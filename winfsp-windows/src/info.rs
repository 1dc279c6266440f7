//! What Windows is told of a file: attributes, sizes, times, numbers.

use fs_core::view::{Attr, FileKind};
use fs_core::windows::attributes::{
    ARCHIVE, DIRECTORY, DosAttributes, HIDDEN, READ_ONLY, REPARSE_POINT, SYSTEM,
};
use fs_core::windows::filetime::FileTime;

use crate::link::{self, Link};

/// No other attribute.
const NORMAL: u32 = 0x80;
/// Those that are kept of files and shown again.
const KEPT: u32 = READ_ONLY | HIDDEN | SYSTEM | ARCHIVE;
/// The unit in which room is told.
pub const UNIT: u64 = 4096;

/// As `FSP_FSCTL_FILE_INFO` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Bits such as `FILE_ATTRIBUTE_DIRECTORY`.
    pub attributes: u32,
    /// What kind of link it is; 0 when it is none.
    pub reparse_tag: u32,
    /// Length in bytes.
    pub size: u64,
    /// What it takes, in whole units.
    pub allocation: u64,
    /// When it was made, as far as that is known.
    pub created: FileTime,
    /// When its content was changed; stands for the other times too.
    pub modified: FileTime,
    /// The same number in every mount of the repository.
    pub id: u64,
    /// Names within the snapshot.
    pub links: u32,
}

impl Info {
    /// Of a file with these attributes; `dos` are those that it had on Windows, and `link` is how it is shown if it is a
    /// symbolic link.
    pub fn new(attr: &Attr, dos: Option<DosAttributes>, link: Option<&Link>) -> Self {
        let modified = FileTime::from_unix(attr.mtime.secs(), attr.mtime.nanos());
        let is_folder = match link {
            Some(Link::Inside { directory, .. }) => *directory,
            _ => attr.kind == FileKind::Directory,
        };
        let is_link = matches!(link, Some(Link::Inside { .. }));
        let mut attributes = match dos {
            Some(dos) => dos.bits & KEPT,
            None => of_mode(attr),
        };
        if is_folder {
            attributes |= DIRECTORY;
        }
        if is_link {
            attributes |= REPARSE_POINT;
        }
        let size = match attr.kind {
            FileKind::File => attr.size,
            FileKind::Symlink if !is_link => attr.size,
            _ => 0,
        };
        Self {
            attributes: if attributes == 0 { NORMAL } else { attributes },
            reparse_tag: if is_link { link::TAG } else { 0 },
            size,
            allocation: size.checked_next_multiple_of(UNIT).unwrap_or(size),
            created: dos.and_then(|dos| dos.created).unwrap_or(modified),
            modified,
            id: attr.ino,
            links: attr.nlink,
        }
    }

    /// Whether it has the attribute.
    pub fn has(&self, attribute: u32) -> bool {
        self.attributes & attribute != 0
    }

    /// Whether it is a folder, or a link to one.
    pub fn is_folder(&self) -> bool {
        self.has(DIRECTORY)
    }
}

/// What the mode tells: that nobody may write. Devices and the like, which are empty files here, are the system's.
fn of_mode(attr: &Attr) -> u32 {
    match attr.kind {
        FileKind::File if attr.mode & 0o222 == 0 => READ_ONLY,
        FileKind::File | FileKind::Directory | FileKind::Symlink => 0,
        FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket => SYSTEM,
    }
}

#[cfg(test)]
mod tests {
    use fs_core::format::Time;

    use super::*;

    fn attr(kind: FileKind, mode: u16, size: u64) -> Attr {
        let mtime = Time::new(1_717_210_800, 5).unwrap();
        Attr { ino: 7, kind, size, blocks: 1, mode, nlink: 3, uid: 1, gid: 1, mtime, rdev: (0, 0) }
    }

    #[test]
    fn files_and_folders() {
        let file = Info::new(&attr(FileKind::File, 0o644, 4097), None, None);
        assert_eq!((file.attributes, file.size, file.allocation), (NORMAL, 4097, 8192));
        assert_eq!((file.id, file.links, file.modified.ticks()), (7, 3, 133_616_844_000_000_000));
        assert_eq!(file.created, file.modified);
        assert_eq!(Info::new(&attr(FileKind::File, 0o444, 0), None, None).attributes, READ_ONLY);
        let folder = Info::new(&attr(FileKind::Directory, 0o555, 9), None, None);
        assert_eq!((folder.attributes, folder.size, folder.is_folder()), (DIRECTORY, 0, true));
        let huge = Info::new(&attr(FileKind::File, 0o644, u64::MAX), None, None);
        assert_eq!(huge.allocation, u64::MAX);
        let pipe = Info::new(&attr(FileKind::Fifo, 0o644, 9), None, None);
        assert_eq!((pipe.attributes, pipe.size), (SYSTEM, 0));
    }

    #[test]
    fn what_windows_had_noted_is_shown_again() {
        let created = Some(FileTime::from_unix(5, 0));
        let dos = DosAttributes { bits: HIDDEN | ARCHIVE | DIRECTORY | REPARSE_POINT, created };
        let file = Info::new(&attr(FileKind::File, 0o444, 1), Some(dos), None);
        assert_eq!((file.attributes, Some(file.created)), (HIDDEN | ARCHIVE, created));
    }

    #[test]
    fn links_have_no_size_and_what_is_shown_as_text_has() {
        let link = attr(FileKind::Symlink, 0o777, 6);
        let inside = Link::Inside { target: Vec::new(), directory: true };
        let shown = Info::new(&link, None, Some(&inside));
        assert_eq!((shown.attributes, shown.size), (DIRECTORY | REPARSE_POINT, 0));
        assert_eq!(shown.reparse_tag, link::TAG);
        let text = Info::new(&link, None, Some(&Link::Text));
        assert_eq!((text.attributes, text.size, text.reparse_tag), (NORMAL, 6, 0));
    }
}
