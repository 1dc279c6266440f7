//! Snapshot paths on the command line: `T:PATH`, `SOURCE@T:PATH`.

use std::ffi::{OsStr, OsString};

use fs_core::history::time::Expression;
use fs_core::history::{SnapshotPath, components};

use crate::error::Usage;
use crate::text::printable;

/// Parses `[SOURCE]@T[:PATH]`.
pub fn parse(text: &OsStr) -> Result<SnapshotPath, String> {
    let shown = text.to_string_lossy();
    SnapshotPath::parse(text.as_encoded_bytes())
        .ok_or_else(|| format!("it names no time; write @latest:{shown}"))
}

/// Parses a snapshot path if an option may give the time. Then the text is a path. An @ in it begins a time
/// only if an expression follows, unlike in `getty@tty1.service`.
pub fn with_time(text: &OsStr, at: Option<&OsString>) -> Result<SnapshotPath, Usage> {
    let bytes = text.as_encoded_bytes();
    match (SnapshotPath::parse(bytes), at) {
        (Some(path), None) => Ok(path),
        (Some(path), Some(_)) if Expression::parse(&path.time).is_some() => {
            Err(Usage(format!("{} has a time of its own; leave out --at", shown(&path))))
        }
        (_, Some(at)) => Ok(SnapshotPath { source: None, time: expression(at), path: bytes.to_vec() }),
        (None, None) => {
            Err(Usage(format!("{0} names no time; write @latest:{0}, or add --at T", printable(bytes))))
        }
    }
}

/// Parses several snapshot paths in this way.
pub fn all_with_time(texts: &[OsString], at: Option<&OsString>) -> Result<Vec<SnapshotPath>, Usage> {
    texts.iter().map(|text| with_time(text, at)).collect()
}

/// The last name of a path; `None` for a whole snapshot, which has no name.
pub fn last_name(path: &SnapshotPath) -> Result<Option<&[u8]>, String> {
    let last = components(&path.path).last();
    if last == Some(b"..") {
        let path = String::from_utf8_lossy(&path.path);
        return Err(format!("{path} does not end with a name; name the folder itself"));
    }
    Ok(last)
}

/// The snapshot path as it can be shown, and typed again.
pub fn shown(path: &SnapshotPath) -> String {
    printable(&path.to_bytes()).into_owned()
}

/// The same at the beginning of a message, where a colon follows.
pub fn subject(path: &SnapshotPath) -> String {
    let shown = shown(path);
    shown.strip_suffix(':').filter(|_| path.path.is_empty()).map(str::to_owned).unwrap_or(shown)
}

/// A time expression. The `@` may be absent where only a time is possible.
pub fn expression(time: &OsStr) -> Vec<u8> {
    let time = time.as_encoded_bytes();
    if time.starts_with(b"@") { time.to_vec() } else { [b"@", time].concat() }
}

/// The source, which an option or a snapshot path may name.
pub fn one_source<'a>(
    option: Option<&'a OsString>,
    in_path: Option<&'a [u8]>,
) -> Result<Option<&'a [u8]>, String> {
    match (option.map(|name| name.as_encoded_bytes()), in_path) {
        (Some(option), Some(in_path)) if option != in_path => {
            Err(format!("two sources are named, {} and {}; name one", printable(option), printable(in_path)))
        }
        (option, in_path) => Ok(option.or(in_path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_may_give_the_time() {
        let path = |text: &str, at: Option<&str>| {
            let path = with_time(OsStr::new(text), at.map(OsString::from).as_ref());
            path.map(|path| shown(&path)).map_err(|error| error.to_string())
        };
        assert_eq!(path("etc", Some("yesterday")).unwrap(), "@yesterday:etc");
        assert_eq!(path("etc", Some("@2024-06-01")).unwrap(), "@2024-06-01:etc");
        assert_eq!(path("web1@latest:etc", None).unwrap(), "web1@latest:etc");
        assert_eq!(path("getty@tty1.service", Some("yesterday")).unwrap(), "@yesterday:getty@tty1.service");
        assert_eq!(path("x@y:", Some("yesterday")).unwrap(), "@yesterday:x@y:");
        assert!(path("@latest:etc", Some("yesterday")).unwrap_err().contains("--at"));
        assert!(path("etc", None).unwrap_err().contains("@latest:etc"));
    }

    #[test]
    fn a_message_about_a_whole_snapshot_has_one_colon() {
        let subject = |text| subject(&parse(OsStr::new(text)).unwrap());
        assert_eq!(subject("web1@latest:"), "web1@latest");
        assert_eq!(subject("web1@latest:etc:"), "web1@latest:etc:");
    }

    #[test]
    fn without_a_time_it_is_a_name() {
        let error = parse(OsStr::new("hello.txt")).unwrap_err();
        assert_eq!(error, "it names no time; write @latest:hello.txt");
    }
}
