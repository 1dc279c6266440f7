//! Windows: a directory is a path, and an open handle that holds it in its place.
//!
//! Nobody can rename or remove a directory that is open without sharing this (`FILE_SHARE_DELETE`), nor those above it, so a path
//! leads where it led as long as the handle is held; the walk holds all on its way down. Nothing is opened through a reparse point that is a link.

#![expect(clippy::unnecessary_wraps, reason = "on other platforms these fail")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use winapi_util::file::information;

use super::{FileType, ReadXattrs, Stat, sorted};
use crate::format::{Ancestor, Attributes, Time, XattrSet};
use crate::windows::attributes::{self, DosAttributes};
use crate::windows::filetime::FileTime;
use crate::windows::names::{from_windows, plain, to_windows};
use crate::windows::paths;

/// Access to nothing but attributes: also to what another process has locked.
const FILE_READ_ATTRIBUTES: u32 = 0x80;
const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_WRITE: u32 = 2;
const FILE_SHARE_ALL: u32 = 7;
/// Opens directories, too.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
const FILE_FLAG_SEQUENTIAL_SCAN: u32 = 0x0800_0000;

/// An open directory.
#[derive(Debug)]
pub(in crate::import) struct Directory {
    path: PathBuf,
    handle: File,
    /// Names that are not what their bytes would be called here: they hold characters that stand for other bytes.
    odd: OnceLock<HashMap<CString, OsString>>,
}

impl Directory {
    /// Opens the root of a tree; here a link is followed.
    pub(in crate::import) fn open(path: &Path) -> io::Result<Self> {
        let is_verbatim = matches!(path.components().next(), Some(Component::Prefix(prefix)) if prefix.kind().is_verbatim());
        // Which may be of any length. A volume without a letter, as a shadow copy is, has no other.
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

    /// Where the entry `name` is.
    fn entry(&self, name: &CStr) -> PathBuf {
        let odd = self.odd.get().and_then(|odd| odd.get(name));
        match odd {
            Some(odd) => self.path.join(odd),
            None => self.path.join(OsString::from_wide(&to_windows(name.to_bytes()))),
        }
    }

    /// Nothing is known of who may pass the directories above: their access lists are not kept.
    #[expect(clippy::unused_self, reason = "on other platforms it is known")]
    pub(in crate::import) fn ancestors(&self) -> Vec<Ancestor> {
        Vec::new()
    }

    /// The names in it, sorted by their bytes, each once; and why they are not all.
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
        // Listed once more it has the same odd names, or new ones that cannot be opened by then.
        let _ = self.odd.set(odd);
        (names, error)
    }

    /// Itself. Fails when it has become a link.
    pub(in crate::import) fn stat_self(&self) -> io::Result<Stat> {
        match stat_file(&self.handle)? {
            stat if stat.kind == FileType::Directory => Ok(stat),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The entry `name`.
    pub(in crate::import) fn stat(&self, name: &CStr) -> io::Result<Stat> {
        let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
        let mut options = OpenOptions::new();
        options.access_mode(FILE_READ_ATTRIBUTES).share_mode(FILE_SHARE_ALL).custom_flags(flags);
        stat_file(&options.open(self.entry(name))?)
    }

    /// The target of the symbolic link or junction `name`.
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
        // Its content is told by a driver: a file in the cloud, or one that shares its data with others.
        let file = open(FILE_FLAG_SEQUENTIAL_SCAN)?;
        if stat_file(&file)?.id == stat.id {
            Ok(file)
        } else {
            Err(io::Error::other("it was replaced while it was opened"))
        }
    }

    /// What tells the volume, whose serial number is `device`, from any other.
    #[expect(clippy::unused_self, reason = "on other platforms it is asked")]
    pub(in crate::import) fn file_system(&self, device: u64) -> Box<[u8]> {
        format!("volume {device:x}").into_bytes().into()
    }

    /// Whether a file of the volume has the same number for as long as it exists.
    #[expect(clippy::unused_self, reason = "on other platforms it is asked")]
    pub(in crate::import) fn keeps_inodes(&self, _: u64) -> bool {
        true
    }

    /// Whether every change of a file changes its ctime.
    #[expect(clippy::unused_self, reason = "on other platforms it is asked")]
    pub(in crate::import) fn keeps_ctimes(&self) -> bool {
        true
    }

    /// The time of the volume's clock: nothing tells it.
    #[expect(clippy::unused_self, reason = "on other platforms it is asked")]
    pub(in crate::import) fn clock(&self) -> Option<Time> {
        None
    }

    /// The extended attributes of the entry `name`, of any type.
    pub(in crate::import) fn xattrs(&self, name: &CStr) -> io::Result<ReadXattrs> {
        Ok(xattrs(&self.stat(name)?))
    }

    /// Its own.
    pub(in crate::import) fn xattrs_self(&self) -> io::Result<ReadXattrs> {
        Ok(xattrs(&self.stat_self()?))
    }
}

/// The bytes that are kept of a name, and the name when it cannot be made of them.
fn kept(called: OsString) -> io::Result<(CString, Option<OsString>)> {
    let units: Vec<u16> = called.encode_wide().collect();
    let bytes = from_windows(&units);
    let is_odd = bytes.is_none();
    let name = CString::new(bytes.unwrap_or_else(|| plain(&units)))?;
    Ok((name, is_odd.then_some(called)))
}

/// Where a thread looks at entries. Here no place is better than another.
#[derive(Debug)]
pub(in crate::import) struct Place;

/// See [`Place`].
#[derive(Debug)]
pub(in crate::import) struct Here;

impl Place {
    pub(in crate::import) fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "on other platforms it goes there")]
    pub(in crate::import) fn enter(&mut self, _: &Directory) -> Here {
        Here
    }
}

impl Here {
    /// The extended attributes of an entry of which `stat` was told.
    #[expect(clippy::unused_self, reason = "on other platforms it is where they are")]
    pub(in crate::import) fn xattrs(&self, _: &CStr, stat: &Stat) -> io::Result<ReadXattrs> {
        Ok(xattrs(stat))
    }
}

/// Those of an open file.
pub(in crate::import) fn xattrs_of(file: &File) -> io::Result<ReadXattrs> {
    Ok(xattrs(&stat_file(file)?))
}

fn xattrs(stat: &Stat) -> ReadXattrs {
    match XattrSet::new(vec![(attributes::NAME.into(), stat.dos.encode().into())]) {
        Ok(set) => (set, None),
        Err(error) => (XattrSet::default(), Some(io::Error::other(error))),
    }
}

/// What the operating system tells of an open file.
pub(in crate::import) fn stat_file(file: &File) -> io::Result<Stat> {
    let told = information(file)?;
    let bits = told.file_attributes() as u32;
    // Which reparse points are links only their tags tell, which this asks for.
    let is_link = bits & attributes::REPARSE_POINT != 0 && file.metadata()?.is_symlink();
    let kind = match bits & attributes::DIRECTORY {
        _ if is_link => FileType::Symlink,
        0 => FileType::RegularFile,
        _ => FileType::Directory,
    };
    let mode = match kind {
        FileType::Symlink => 0o777,
        // There the attribute means something else.
        FileType::Directory => 0o755,
        _ if bits & attributes::READ_ONLY != 0 => 0o444,
        _ => 0o644,
    };
    let created = told.creation_time().map(FileTime::from_ticks);
    let (secs, nanos) = told.last_write_time().map_or((0, 0), |ticks| FileTime::from_ticks(ticks).to_unix());
    let mtime = Time::new(secs, nanos).unwrap_or_default();
    Ok(Stat {
        kind,
        id: (told.volume_serial_number(), told.file_index()),
        links: told.number_of_links(),
        attributes: Attributes { mode, uid: 0, gid: 0, mtime },
        // std does not tell when attributes were changed last.
        ctime: mtime,
        size: told.file_size(),
        // Holes are read as zeros, which take no room either.
        allocated: told.file_size(),
        device: (0, 0),
        dos: DosAttributes { bits, created },
    })
}

/// Whether it is no file, but memory: there is no such thing here.
pub(in crate::import) fn is_memory(_: &File, _: &Stat) -> bool {
    false
}

/// Where data begin, at `at` or behind it: everywhere.
pub(in crate::import) fn next_data(_: &File, at: u64) -> io::Result<Option<u64>> {
    Ok(Some(at))
}

/// Where the hole begins that is next behind the data at `at`: nowhere.
pub(in crate::import) fn next_hole(_: &File, _: u64) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Whether what was listed is gone since, or something else has taken its place.
pub(in crate::import) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The path of these bytes, which are text but for half surrogate pairs.
pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
