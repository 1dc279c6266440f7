//! Windows: a directory is a path, and an open handle that keeps it where it is.
//!
//! Nobody can rename or remove a directory that is open without `FILE_SHARE_DELETE`, nor the directories
//! above it. So its path stays valid while the handle is held, and the walk holds all handles on its way
//! down. Nothing is opened through a reparse point that is a link.

#![expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Linux fails, and asks")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use winapi_util::file::information;

use super::{FileType, PrivateMount, ReadXattrs, Stat, sorted};
use crate::clock::Clock;
use crate::format::{Ancestor, Attributes, Time, XattrSet};
use crate::windows::attributes::{self, DosAttributes};
use crate::windows::filetime::FileTime;
use crate::windows::names::{from_windows, plain, to_windows};
use crate::windows::paths;

/// Access to attributes only. It also works for files that another process has locked.
const FILE_READ_ATTRIBUTES: u32 = 0x80;
const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_WRITE: u32 = 2;
const FILE_SHARE_ALL: u32 = 7;
/// Needed to open directories.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
const FILE_FLAG_SEQUENTIAL_SCAN: u32 = 0x0800_0000;

/// An open directory.
#[derive(Debug)]
pub(in crate::import) struct Directory {
    path: PathBuf,
    handle: File,
    /// Names that cannot be rebuilt from their bytes: they contain characters that stand for other bytes.
    odd: OnceLock<HashMap<CString, OsString>>,
}

impl Directory {
    /// Opens the root of a tree. Only here a link is followed.
    pub(in crate::import) fn open(path: &Path) -> io::Result<Self> {
        let is_verbatim = matches!(path.components().next(), Some(Component::Prefix(prefix)) if prefix.kind().is_verbatim());
        // A verbatim path may have any length. A volume without a letter, such as a shadow copy, has no other
        // path.
        Self::at(if is_verbatim { path.to_owned() } else { fs::canonicalize(path)? })
    }

    /// Opens the subdirectory `name`.
    pub(in crate::import) fn child(&self, name: &CStr) -> io::Result<Self> {
        Self::at(self.entry(name))
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let handle = OpenOptions::new()
            .read(true)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(&path)?;
        let directory = Self { path, handle, odd: OnceLock::new() };
        directory.stat_self()?;
        Ok(directory)
    }

    /// Path of the entry `name`.
    fn entry(&self, name: &CStr) -> PathBuf {
        let odd = self.odd.get().and_then(|odd| odd.get(name));
        match odd {
            Some(odd) => self.path.join(odd),
            None => self.path.join(OsString::from_wide(&to_windows(name.to_bytes()))),
        }
    }

    /// Always empty: the access lists of the directories above are not kept, so nothing says who may pass.
    pub(in crate::import) fn ancestors(&self) -> Vec<Ancestor> {
        Vec::new()
    }

    /// Names in the directory, sorted by bytes, each once, and the error if the list is incomplete.
    pub(in crate::import) fn names(&self) -> (Vec<CString>, Option<io::Error>) {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let (mut names, mut odd, mut error) = (Vec::new(), HashMap::new(), None);
        for entry in entries {
            match entry.and_then(|entry| kept(entry.file_name())) {
                Ok((name, None)) => names.push(name),
                Ok((name, Some(called))) => {
                    odd.insert(name.clone(), called);
                    names.push(name);
                }
                Err(reason) => error = Some(reason),
            }
        }
        let listed = names.len();
        let names = sorted(names);
        if names.len() < listed {
            error = Some(io::Error::other("two names in it stand for the same bytes"));
        }
        // A second listing finds the same odd names, or new ones. New ones cannot be opened then.
        let _ = self.odd.set(odd);
        (names, error)
    }

    /// Attributes of the directory itself. Fails if it has become a link.
    pub(in crate::import) fn stat_self(&self) -> io::Result<Stat> {
        match stat_file(&self.handle)? {
            stat if stat.kind == FileType::Directory => Ok(stat),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Attributes of the entry `name`.
    pub(in crate::import) fn stat(&self, name: &CStr) -> io::Result<Stat> {
        let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
        let mut options = OpenOptions::new();
        options.access_mode(FILE_READ_ATTRIBUTES).share_mode(FILE_SHARE_ALL).custom_flags(flags);
        stat_file(&options.open(self.entry(name))?)
    }

    /// Target of the symbolic link or junction `name`.
    pub(in crate::import) fn link_target(&self, name: &CStr) -> io::Result<Box<[u8]>> {
        let target = fs::read_link(self.entry(name))?;
        let units: Vec<u16> = target.as_os_str().encode_wide().collect();
        Ok(paths::from_target(&units).into())
    }

    /// Opens the file `name`.
    pub(in crate::import) fn file(&self, name: &CStr) -> io::Result<File> {
        let path = self.entry(name);
        let open = |flags| {
            let mut options = OpenOptions::new();
            options.read(true).share_mode(FILE_SHARE_ALL).custom_flags(flags).open(&path)
        };
        let file = open(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_SEQUENTIAL_SCAN)?;
        let stat = stat_file(&file)?;
        if stat.dos.bits & attributes::REPARSE_POINT == 0 || stat.kind != FileType::RegularFile {
            return Ok(file);
        }
        // A driver provides the content: the file is in the cloud, or shares its data with others.
        let file = open(FILE_FLAG_SEQUENTIAL_SCAN)?;
        if stat_file(&file)?.id == stat.id {
            Ok(file)
        } else {
            Err(io::Error::other("it was replaced while it was opened"))
        }
    }

    /// Identity of the volume with the serial number `device`.
    pub(in crate::import) fn file_system(&self, device: u64) -> Box<[u8]> {
        format!("volume {device:x}").into_bytes().into()
    }

    /// Whether a file of the volume keeps its number for as long as it exists.
    pub(in crate::import) fn keeps_inodes(&self, _: u64) -> bool {
        true
    }

    /// Whether every change of a file changes its ctime.
    pub(in crate::import) fn keeps_ctimes(&self) -> bool {
        true
    }

    /// Always `None`: Windows has no mounts that only their owner may enter.
    pub(in crate::import) fn private_mount(&self, _: &CStr) -> Option<PrivateMount> {
        None
    }

    /// Always `None`: the volume's clock cannot be read.
    pub(in crate::import) fn clock(&self, _: &dyn Clock) -> Option<Time> {
        None
    }

    /// Extended attributes of the entry `name`, of any type.
    pub(in crate::import) fn xattrs(&self, name: &CStr) -> io::Result<ReadXattrs> {
        Ok(xattrs(&self.stat(name)?))
    }

    /// Extended attributes of the directory itself.
    pub(in crate::import) fn xattrs_self(&self) -> io::Result<ReadXattrs> {
        Ok(xattrs(&self.stat_self()?))
    }
}

/// The stored bytes of a name, and the name itself if it cannot be rebuilt from them.
fn kept(called: OsString) -> io::Result<(CString, Option<OsString>)> {
    let units: Vec<u16> = called.encode_wide().collect();
    let bytes = from_windows(&units);
    let is_odd = bytes.is_none();
    let name = CString::new(bytes.unwrap_or_else(|| plain(&units)))?;
    Ok((name, is_odd.then_some(called)))
}

/// The working directory of a scanner thread. On this platform none is faster than another.
#[derive(Debug)]
pub(in crate::import) struct WorkingDirectory;

impl WorkingDirectory {
    pub(in crate::import) fn new() -> Self {
        Self
    }

    /// Returns a function for the extended attributes of an entry, by its name and attributes.
    pub(in crate::import) fn enter(
        &mut self,
        _: &Directory,
    ) -> impl Fn(&CStr, &Stat) -> io::Result<ReadXattrs> {
        |_, stat| Ok(xattrs(stat))
    }
}

/// Extended attributes of an open file.
pub(in crate::import) fn xattrs_of(file: &File) -> io::Result<ReadXattrs> {
    Ok(xattrs(&stat_file(file)?))
}

fn xattrs(stat: &Stat) -> ReadXattrs {
    match XattrSet::new(vec![(attributes::NAME.into(), stat.dos.encode().into())]) {
        Ok(set) => (set, None),
        Err(error) => (XattrSet::default(), Some(io::Error::other(error))),
    }
}

/// Attributes of an open file.
pub(in crate::import) fn stat_file(file: &File) -> io::Result<Stat> {
    let found = information(file)?;
    let bits = found.file_attributes() as u32;
    // Only the tag of a reparse point shows whether it is a link. This call reads the tag.
    let is_link = bits & attributes::REPARSE_POINT != 0 && file.metadata()?.is_symlink();
    let kind = match bits & attributes::DIRECTORY {
        _ if is_link => FileType::Symlink,
        0 => FileType::RegularFile,
        _ => FileType::Directory,
    };
    let mode = match kind {
        FileType::Symlink => 0o777,
        // On a directory the attribute has another meaning.
        FileType::Directory => 0o755,
        _ if bits & attributes::READ_ONLY != 0 => 0o444,
        _ => 0o644,
    };
    let created = found.creation_time().map(FileTime::from_ticks);
    let (secs, nanos) = found.last_write_time().map_or((0, 0), |ticks| FileTime::from_ticks(ticks).to_unix());
    let mtime = Time::new(secs, nanos).unwrap_or_default();
    Ok(Stat {
        kind,
        id: (found.volume_serial_number(), found.file_index()),
        links: found.number_of_links(),
        attributes: Attributes { mode, uid: 0, gid: 0, mtime },
        // std does not report when attributes were last changed.
        ctime: mtime,
        size: found.file_size(),
        // Holes are read as zeros, which take no space either.
        allocated: found.file_size(),
        device: (0, 0),
        dos: DosAttributes { bits, created },
    })
}

/// Whether the file is the kernel's memory. This platform has no such file.
pub(in crate::import) fn is_memory(_: &File, _: &Stat) -> bool {
    false
}

/// Start of the next data at or after `at`: always `at`.
pub(in crate::import) fn next_data(_: &File, at: u64) -> io::Result<Option<u64>> {
    Ok(Some(at))
}

/// Start of the next hole after the data at `at`: always `None`.
pub(in crate::import) fn next_hole(_: &File, _: u64) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Whether a listed entry is gone since, or replaced by one of another type.
pub(in crate::import) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Path made of these bytes. They are text, except for unpaired surrogates.
pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
