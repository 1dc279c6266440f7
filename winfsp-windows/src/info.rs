//! The attributes, sizes, times and numbers of a file, as Windows shows them.

use fs_core::view::{Attr, FileKind};
use fs_core::windows::attributes::{
    ARCHIVE, DIRECTORY, DosAttributes, HIDDEN, READ_ONLY, REPARSE_POINT, SYSTEM,
};
use fs_core::windows::filetime::FileTime;

use crate::link::{self, Link};

/// `FILE_ATTRIBUTE_NORMAL`: no other attribute is set.
const NORMAL: u32 = 0x80;
/// The attributes that imports record and mounts show.
const KEPT: u32 = READ_ONLY | HIDDEN | SYSTEM | ARCHIVE;
/// Allocation unit in bytes.
pub const UNIT: u64 = 4096;

/// The fields of `FSP_FSCTL_FILE_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Bits such as `FILE_ATTRIBUTE_DIRECTORY`.
    pub attributes: u32,
    /// Type of a link; 0 for anything else.
    pub reparse_tag: u32,
    /// Length in bytes.
    pub size: u64,
    /// Allocated bytes, a multiple of [`UNIT`].
    pub allocation: u64,
    /// Time of creation, as far as it is known.
    pub created: FileTime,
    /// Time of the last change of content. It is also shown for the other times.
    pub modified: FileTime,
    /// File number, equal in every mount of the repository.
    pub id: u64,
    /// Number of names within the snapshot.
    pub links: u32,
}

impl Info {
    /// The info of a file with these attributes. `dos` are its recorded Windows attributes. `link` says how a
    /// symbolic link is shown.
    pub fn new(attr: &Attr, dos: Option<DosAttributes>, link: Option<&Link>) -> Self {
        let modified = FileTime::from_unix(attr.mtime.secs(), attr.mtime.nanos());
        let is_folder = match link {
            Some(Link::Inside { directory, .. }) => *directory,
            _ => attr.kind == FileKind::Directory,
        };
        let is_link = matches!(link, Some(Link::Inside { .. }));
        let mut attributes = dos.map_or_else(|| of_mode(attr), |dos| dos.bits & KEPT);
        if is_folder {
            attributes |= DIRECTORY;
        }
        if is_link {
            attributes |= REPARSE_POINT;
        }
        let size = match attr.kind {
            FileKind::File => attr.mounted_size(),
            FileKind::Symlink if !is_link => attr.mounted_size(),
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

    /// Whether it is a folder or a link to one.
    pub fn is_folder(&self) -> bool {
        self.attributes & DIRECTORY != 0
    }
}

/// Attributes derived from the mode: a file that nobody may write is read-only. Devices and the like are
/// shown as empty system files.
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
        Attr {
            ino: 7,
            kind,
            size,
            blocks: 1,
            mode,
            nlink: 3,
            uid: 1,
            gid: 1,
            mtime,
            rdev: (0, 0),
            is_unread: false,
        }
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
