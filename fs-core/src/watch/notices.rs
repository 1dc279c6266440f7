//! The kernel's notices of a source's changes, by inotify(7). Each source has its own instance, so the many
//! watched folders need not be remembered.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Events of writing, moving and removing. Reading is not among them: an import reads.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// The folders below a root that are watched.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// Maximum depth below the root.
    pub(super) depth: usize,
    /// Excluded folders, by device and inode number: the repository, which each import changes.
    pub(super) skip: Vec<(u64, u64)>,
    /// Excluded file systems, by device number.
    pub(super) skip_devices: Vec<u64>,
    /// Whether file systems other than the root's are excluded.
    pub(super) one_file_system: bool,
}

/// An instance of inotify.
#[derive(Debug)]
pub(super) struct Notices {
    instance: OwnedFd,
    /// If present, the only name whose changes count.
    named: Option<CString>,
    /// The kernel's number of the last new watch. Earlier watches have lower numbers.
    last: i32,
}

/// A summary of the notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Noticed {
    /// Something changed.
    pub(super) change: bool,
    /// New folders may exist that are not watched yet.
    pub(super) growth: bool,
    /// Watched folders may have moved, and others may have their paths.
    pub(super) departure: bool,
}

impl Notices {
    pub(super) fn new() -> io::Result<Self> {
        let instance = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        Ok(Self { instance, named: None, last: 0 })
    }

    /// Watches `root` and the folders below it. Existing watches remain. Folders that are gone or cannot be
    /// read are skipped. Returns true if a folder is newly watched. Fails if the kernel allows no more
    /// watches.
    pub(super) fn cover(&mut self, root: &Path, reach: &Reach) -> io::Result<bool> {
        let device = fs::metadata(root)?.dev();
        let before = self.last;
        let mut folders = vec![(root.to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let Ok(metadata) = fs::metadata(&folder) else { continue };
            let (id, other) = ((metadata.dev(), metadata.ino()), metadata.dev() != device);
            if reach.skip.contains(&id)
                || reach.skip_devices.contains(&metadata.dev())
                || reach.one_file_system && other
            {
                continue;
            }
            // The watch begins before the folder is listed, so later additions are noticed.
            match inotify::add_watch(&self.instance, &folder, CHANGES) {
                Err(full @ (Errno::NOSPC | Errno::NOMEM)) => return Err(full.into()),
                Err(_) => continue,
                Ok(number) => self.last = self.last.max(number),
            }
            if depth < reach.depth {
                let below = fs::read_dir(&folder).into_iter().flatten().flatten();
                let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
                folders.extend(below.map(|entry| (entry.path(), depth + 1)));
            }
        }
        Ok(self.last > before)
    }

    /// Watches one file, which need not exist yet. Returns true if it is newly watched.
    pub(super) fn cover_name(&mut self, file: &Path) -> io::Result<bool> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let name = file.file_name().unwrap_or(OsStr::new(""));
        let number = inotify::add_watch(&self.instance, folder.unwrap_or(Path::new(".")), CHANGES)?;
        self.named = Some(CString::new(name.as_bytes())?);
        Ok(number > std::mem::replace(&mut self.last, number))
    }

    /// Takes the notices since the last call.
    pub(super) fn take(&self) -> Noticed {
        let mut noticed = Noticed::default();
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(&self.instance, &mut buffer);
        while let Ok(event) = reader.next() {
            let flags = event.events();
            let other = self.named.as_ref().is_some_and(|name| event.file_name() != Some(name));
            // Skipped: after IGNORED the watch is gone, and an earlier event has reported the end of its
            // folder.
            if flags.contains(ReadFlags::IGNORED) || other && event.file_name().is_some() {
                continue;
            }
            noticed.change = true;
            noticed.departure |=
                flags.intersects(ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF | ReadFlags::UNMOUNT);
            let appeared = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            noticed.growth |=
                appeared && flags.contains(ReadFlags::ISDIR) || flags.contains(ReadFlags::QUEUE_OVERFLOW);
        }
        noticed
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.instance.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Reach =
        Reach { depth: usize::MAX, skip: Vec::new(), skip_devices: Vec::new(), one_file_system: false };
    const CHANGE: Noticed = Noticed { change: true, growth: false, departure: false };
    const GROWTH: Noticed = Noticed { growth: true, ..CHANGE };
    const DEPARTURE: Noticed = Noticed { departure: true, ..CHANGE };

    #[test]
    fn changes_below_are_noticed_and_reading_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        let mut notices = Notices::new().unwrap();
        assert!(notices.cover(root, &ALL).unwrap());
        assert!(!notices.cover(root, &ALL).unwrap());
        assert_eq!(notices.take(), Noticed::default());
        fs::write(root.join("a/b/file"), "x").unwrap();
        assert_eq!(notices.take(), CHANGE);
        fs::read(root.join("a/b/file")).unwrap();
        fs::read_dir(root.join("a")).unwrap().for_each(drop);
        assert_eq!(notices.take(), Noticed::default());
        fs::create_dir(root.join("a/c")).unwrap();
        assert_eq!(notices.take(), GROWTH);
        fs::write(root.join("a/c/file"), "x").unwrap();
        assert_eq!(notices.take(), Noticed::default());
        assert!(notices.cover(root, &ALL).unwrap());
        fs::remove_file(root.join("a/c/file")).unwrap();
        assert_eq!(notices.take(), CHANGE);
        fs::remove_dir(root.join("a/c")).unwrap();
        assert_eq!(notices.take(), DEPARTURE);
        fs::rename(root.join("a"), directory.path().with_extension("moved")).unwrap();
        assert_eq!(notices.take(), DEPARTURE);
        fs::remove_dir_all(directory.path().with_extension("moved")).unwrap();
    }

    #[test]
    fn what_is_out_of_reach_is_not_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("a/b/c")).unwrap();
        fs::create_dir(root.join("own")).unwrap();
        let own = fs::metadata(root.join("own")).unwrap();
        let mut notices = Notices::new().unwrap();
        notices.cover(root, &Reach { depth: 2, skip: vec![(own.dev(), own.ino())], ..ALL }).unwrap();
        fs::write(root.join("a/b/c/file"), "x").unwrap();
        fs::write(root.join("own/file"), "x").unwrap();
        assert_eq!(notices.take(), Noticed::default());
        fs::write(root.join("a/b/file"), "x").unwrap();
        assert_eq!(notices.take(), CHANGE);
        assert!(notices.cover(&root.join("gone"), &ALL).is_err());
    }

    #[test]
    fn one_name_can_be_watched() {
        let directory = tempfile::tempdir().unwrap();
        let mut notices = Notices::new().unwrap();
        assert!(notices.cover_name(&directory.path().join("stamp")).unwrap());
        fs::write(directory.path().join("other"), "").unwrap();
        assert_eq!(notices.take(), Noticed::default());
        fs::write(directory.path().join("stamp"), "").unwrap();
        assert_eq!(notices.take(), CHANGE);
    }
}
