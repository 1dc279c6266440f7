use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, Path, PathBuf};

use crate::format::limits::MAX_SOURCE_NAME;
use crate::history::VERSIONS;
use crate::platform;

/// A path in a source, which a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPath {
    /// The repository, as far as the mount shows it.
    pub repository: PathBuf,
    /// The source.
    pub source: Vec<u8>,
    /// The path in the source.
    pub path: Vec<u8>,
}

impl MountPath {
    /// Finds the mount of history that shows `path`. `None` if there is none, or if the path is above all
    /// snapshots there. The path and the directories above it need not exist in the named snapshot.
    pub fn find(path: &Path) -> io::Result<Option<Self>> {
        let path = real(path)?;
        let mounts = platform::mounts()?;
        // Of several mounts on one path, the last one covers the others.
        let above = mounts.iter().filter(|mount| path.starts_with(&mount.path));
        let mount = above.max_by_key(|mount| mount.path.as_os_str().len()).filter(|mount| mount.is_history());
        let Some((mount, below)) =
            mount.and_then(|mount| Some((mount, path.strip_prefix(&mount.path).ok()?)))
        else {
            return Ok(None);
        };
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let named = named(source_of(&mount.path), below, is_directory);
        Ok(named.map(|(source, path)| Self { repository: mount.source.clone(), source, path }))
    }
}

/// The source, and the path in it, that a path below a mount names. The whole mount shows only `source`, or
/// all sources.
fn named(source: Option<Vec<u8>>, below: &Path, is_directory: bool) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut names = below.iter().map(OsStrExt::as_bytes);
    let first = names.next()?;
    let (source, folder) = match source {
        Some(source) => (source, first),
        // No source's name begins with `@`; below a time are the sources.
        None if first.starts_with(b"@") => (names.next()?.to_vec(), first),
        None => (first.to_vec(), names.next()?),
    };
    let mut names: Vec<&[u8]> = names.collect();
    // In `@versions` a version is below its path.
    if folder == VERSIONS && !is_directory && names.last().is_some_and(|name| name.starts_with(b"@")) {
        names.pop();
    }
    folder.starts_with(b"@").then(|| (source, names.join(&b'/')))
}

/// The source of everything in a folder of a mount.
fn source_of(folder: &Path) -> Option<Vec<u8>> {
    let mut name = [0; MAX_SOURCE_NAME];
    let len = rustix::fs::getxattr(folder, "user.yester.source", &mut name[..]).ok()?;
    Some(name[..len].to_vec())
}

/// The path with symbolic links resolved, as far as it exists. The last name may be a link's own.
fn real(path: &Path) -> io::Result<PathBuf> {
    let absolute = path::absolute(path)?;
    let Some(name) = absolute.file_name() else { return Ok(absolute) };
    // With a slash at the end, a link means its target; and `..` is no name.
    if path.as_os_str().as_bytes().ends_with(b"/") || path.ends_with("..") {
        return fs::canonicalize(&absolute);
    }
    let mut missing = vec![name];
    for above in absolute.ancestors().skip(1) {
        if let Ok(real) = fs::canonicalize(above) {
            return Ok(missing.iter().rev().fold(real, |path, name| path.join(name)));
        }
        missing.extend(above.file_name());
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_mounts_name_paths_in_sources() {
        let of = |source: Option<&str>, below: &str, is_directory| {
            let source = source.map(|source| source.as_bytes().to_vec());
            let (source, path) = named(source, Path::new(below), is_directory)?;
            Some([String::from_utf8(source).unwrap(), String::from_utf8(path).unwrap()])
        };
        let is = |source: &str, path: &str| Some([source.to_owned(), path.to_owned()]);
        assert_eq!(of(Some("web1"), "@2024/etc/passwd", false), is("web1", "etc/passwd"));
        assert_eq!(of(None, "web1/@2024/etc/passwd", false), is("web1", "etc/passwd"));
        assert_eq!(of(None, "@2024/web1/etc/passwd", false), is("web1", "etc/passwd"));
        assert_eq!(of(Some("web1"), "@2024", true), is("web1", ""));
        assert_eq!(of(Some("web1"), "@versions/etc/passwd", true), is("web1", "etc/passwd"));
        assert_eq!(of(Some("web1"), "@versions/etc/passwd/@2024", false), is("web1", "etc/passwd"));
        assert_eq!(of(Some("web1"), "@versions/etc/@2024", true), is("web1", "etc/@2024"));
        for (source, below) in [(Some("web1"), ""), (None, "web1"), (None, ""), (None, "web1/etc/passwd")] {
            assert_eq!(of(source, below, true), None, "{below}");
        }
    }
}
