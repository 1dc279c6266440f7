//! Paths in a source, and the names of the folders through which frontends show them.

/// Name of the virtual folder of differences in a source's folder.
pub const CHANGES: &[u8] = b"@changes";

/// Name of the virtual folder of all versions in a source's folder.
pub const VERSIONS: &[u8] = b"@versions";

/// The path of the entry `name` of the directory `path`.
pub fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// Splits a path without needless slashes into its directory and the name in it.
pub fn parted(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// The components of a path, without empty ones and `.`.
pub fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."))
}
