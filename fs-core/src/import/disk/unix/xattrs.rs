//! Reads extended attributes.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::io::Errno;

use super::Directory;
use crate::format::XattrSet;
use crate::import::disk::{ReadXattrs, Stat};
use crate::platform::xattrs::read_growing;

/// Maximum total bytes of names and values of one entry's attributes, which are stored in one blob.
const MAX_BYTES: usize = 8 << 20;

/// The working directory of a scanner thread. If the thread has its own, it finds names there directly. The
/// path through /proc costs eight times as much as reading the attributes.
#[derive(Debug)]
pub(in crate::import) struct WorkingDirectory {
    has_own: bool,
}

impl WorkingDirectory {
    /// Separates the thread's working directory from the process's, where that is permitted.
    pub(in crate::import) fn new() -> Self {
        Self { has_own: nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).is_ok() }
    }

    /// Changes to `directory`. Returns a function for the extended attributes of an entry of any type, by its
    /// name and attributes. The thread does not leave the directory while this function exists. Like those
    /// below, it fails only if there is no such entry.
    pub(in crate::import) fn enter(
        &mut self,
        directory: &Directory,
    ) -> impl Fn(&CStr, &Stat) -> io::Result<ReadXattrs> {
        let is_here = self.has_own && rustix::process::fchdir(&directory.0).is_ok();
        move |name, _| if is_here { xattrs_at(name.to_bytes()) } else { directory.xattrs(name) }
    }
}

impl Directory {
    /// Extended attributes of the entry `name`, of any type.
    pub(in crate::import) fn xattrs(&self, name: &CStr) -> io::Result<ReadXattrs> {
        // No system call takes a directory and a name, but this path is equivalent.
        let mut path = format!("/proc/self/fd/{}/", self.0.as_raw_fd()).into_bytes();
        path.extend(name.to_bytes());
        xattrs_at(&path).or_else(|error| {
            if Path::new("/proc/self/fd").exists() {
                return Err(error);
            }
            let reason = io::Error::other("they are read through /proc, which is not mounted");
            Ok((XattrSet::default(), Some(reason)))
        })
    }

    /// Extended attributes of the directory itself.
    pub(in crate::import) fn xattrs_self(&self) -> io::Result<ReadXattrs> {
        xattrs_of(&self.0)
    }
}

/// Extended attributes of an open file.
pub(in crate::import) fn xattrs_of(file: &impl AsFd) -> io::Result<ReadXattrs> {
    read(
        |buffer| rustix::fs::flistxattr(file, buffer),
        |name, buffer| rustix::fs::fgetxattr(file, name, buffer),
    )
}

fn xattrs_at(path: &[u8]) -> io::Result<ReadXattrs> {
    read(
        |buffer| rustix::fs::llistxattr(path, buffer),
        |name, buffer| rustix::fs::lgetxattr(path, name, buffer),
    )
}

fn read(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> io::Result<ReadXattrs> {
    let names = match read_growing(list) {
        Err(Errno::NOTSUP) => return Ok((XattrSet::default(), None)),
        Err(error @ Errno::NOENT) => return Err(error.into()),
        Err(error) => return Ok((XattrSet::default(), Some(error.into()))),
        Ok(names) => names,
    };
    let (mut pairs, mut lacking) = (Vec::new(), None);
    let mut bytes = 0;
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match read_growing(|buffer| get(name, buffer)) {
            Ok(value) => {
                bytes += name.len() + value.len();
                if bytes > MAX_BYTES {
                    let reason = format!("they have more than {} MiB", MAX_BYTES >> 20);
                    return Ok((XattrSet::default(), Some(io::Error::other(reason))));
                }
                pairs.push((name.into(), value.into()));
            }
            // The attribute was removed after the listing, or the kernel lists it but does not return it.
            Err(Errno::NODATA | Errno::NOTSUP) => {}
            Err(error @ Errno::NOENT) => return Err(error.into()),
            Err(error) => lacking = Some(error.into()),
        }
    }
    Ok(match XattrSet::new(pairs) {
        Ok(set) => (set, lacking),
        Err(error) => (XattrSet::default(), Some(io::Error::other(error))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_blob_holds_is_refused_and_said() {
        let names: Vec<u8> = (0..200u8)
            .flat_map(|number| [b"user.".as_slice(), &[b'a' + number / 26, b'a' + number % 26, 0]].concat())
            .collect();
        let answer = |bytes: &[u8], buffer: &mut [u8]| {
            let Some(room) = buffer.get_mut(..bytes.len()) else { return Err(Errno::RANGE) };
            room.copy_from_slice(bytes);
            Ok(bytes.len())
        };
        let value = vec![7; 64 << 10];
        let (set, lacking) =
            read(|buffer| answer(&names, buffer), |_, buffer| answer(&value, buffer)).unwrap();
        assert!(set.is_empty() && lacking.is_some_and(|reason| reason.to_string().contains("8 MiB")));
        let (set, lacking) =
            read(|buffer| answer(&names, buffer), |_, buffer| answer(&value[..1000], buffer)).unwrap();
        assert!(set.names().count() == 200 && lacking.is_none());
    }
}
