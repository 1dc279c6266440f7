//! Snapshot paths on the command line: `T:PATH`, `SOURCE@T:PATH`.

use std::ffi::{OsStr, OsString};

use fs_core::view::components;
use fs_core::view::time::Expression;

use crate::error::Usage;
use crate::text::printable;

/// A path in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The source, if given.
    pub source: Option<Vec<u8>>,
    /// The time expression, with its `@`.
    pub time: Vec<u8>,
    /// The path in the snapshot; empty for its root.
    pub path: Vec<u8>,
}

impl Place {
    /// Parses `[SOURCE]@T[:PATH]`.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let shown = text.to_string_lossy();
        parse(text.as_encoded_bytes()).ok_or_else(|| format!("it names no time; write @latest:{shown}"))
    }

    /// Parses a snapshot path if an option may give the time. Then the text is a path. An @ in it begins a
    /// time only if an expression follows, unlike in `getty@tty1.service`.
    pub fn with_time(text: &OsStr, at: Option<&OsString>) -> Result<Self, Usage> {
        let bytes = text.as_encoded_bytes();
        match (parse(bytes), at) {
            (Some(place), None) => Ok(place),
            (Some(place), Some(_)) if Expression::parse(&place.time).is_some() => {
                Err(Usage(format!("{} has a time of its own; leave out --at", place.shown())))
            }
            (_, Some(at)) => Ok(Self { source: None, time: expression(at), path: bytes.to_vec() }),
            (None, None) => {
                Err(Usage(format!("{0} names no time; write @latest:{0}, or add --at T", printable(bytes))))
            }
        }
    }

    /// Parses several snapshot paths in this way.
    pub fn all_with_time(texts: &[OsString], at: Option<&OsString>) -> Result<Vec<Self>, Usage> {
        texts.iter().map(|text| Self::with_time(text, at)).collect()
    }

    /// The last name of the path; `None` for a whole snapshot, which has no name.
    pub fn last_name(&self) -> Result<Option<&[u8]>, String> {
        let last = components(&self.path).last();
        if last == Some(b"..") {
            let path = String::from_utf8_lossy(&self.path);
            return Err(format!("{path} does not end with a name; name the folder itself"));
        }
        Ok(last)
    }

    /// The snapshot path as it can be shown, and typed again.
    pub fn shown(&self) -> String {
        let source = self.source.as_deref().unwrap_or_default();
        printable(&[source, &self.time, b":", &self.path].concat()).into_owned()
    }
}

/// A time expression. The `@` may be absent where only a time is possible.
pub fn expression(time: &OsStr) -> Vec<u8> {
    let time = time.as_encoded_bytes();
    if time.starts_with(b"@") { time.to_vec() } else { [b"@", time].concat() }
}

/// The source, which an option or a snapshot path may name.
pub fn one_source<'a>(
    option: Option<&'a OsString>,
    place: Option<&'a [u8]>,
) -> Result<Option<&'a [u8]>, String> {
    match (option.map(|name| name.as_encoded_bytes()), place) {
        (Some(option), Some(place)) if option != place => {
            Err(format!("two sources are named, {} and {}; name one", printable(option), printable(place)))
        }
        (option, place) => Ok(option.or(place)),
    }
}

fn parse(text: &[u8]) -> Option<Place> {
    // A source's name may contain an @. So the time begins at the first @ that an expression follows. A tag
    // looks like any other word but contains no @, so it begins at the last @ before the colon.
    let ats = || (0..text.len()).take_while(|at| text[*at] != b'/').filter(|at| text[*at] == b'@');
    let is_time = |at: &usize| Expression::parse(split_time(&text[*at..]).0).is_some();
    let first = ats().next()?;
    let colon = text[first..].iter().position(|byte| *byte == b':').map_or(text.len(), |colon| first + colon);
    let at = match first {
        0 => 0,
        _ => ats().find(is_time).or_else(|| ats().take_while(|at| *at < colon).last())?,
    };
    let (time, path) = split_time(&text[at..]);
    if time.contains(&b'/') {
        return None;
    }
    let source = (at > 0).then(|| text[..at].to_vec());
    Some(Place { source, time: time.to_vec(), path: path.to_vec() })
}

/// Splits `@T:PATH`. Both parts may contain colons, and the longest possible time is taken.
/// `@2024-06-01T03:./15` reaches a file called `15`.
fn split_time(text: &[u8]) -> (&[u8], &[u8]) {
    let colons = || (0..text.len()).filter(|at| text[*at] == b':');
    let ends = colons().take_while(|end| *end <= Expression::MAX_LEN).chain([text.len()]);
    let end = ends
        .filter(|end| Expression::parse(&text[..*end]).is_some())
        .last()
        .or_else(|| colons().next())
        .unwrap_or(text.len());
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(text: &str, source: Option<&str>, time: &str, path: &str) {
        let expected = Place {
            source: source.map(Into::into),
            time: time.as_bytes().into(),
            path: path.as_bytes().into(),
        };
        assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
    }

    #[test]
    fn times_and_paths_are_parted() {
        is("@latest", None, "@latest", "");
        is("@latest:", None, "@latest", "");
        is("@latest:/etc/passwd", None, "@latest", "/etc/passwd");
        is("@2024-06-01:etc/passwd", None, "@2024-06-01", "etc/passwd");
        is("web1@latest~2:etc", Some("web1"), "@latest~2", "etc");
        is("@2024-06-01T03-00-00+0200:a", None, "@2024-06-01T03-00-00+0200", "a");
        is("@2024-06-01T03-00-00_2:a:b", None, "@2024-06-01T03-00-00_2", "a:b");
    }

    #[test]
    fn colons_belong_to_the_time_as_long_as_they_can() {
        is("@2024-06-01T03:15:etc", None, "@2024-06-01T03:15", "etc");
        is("@2024-06-01T03:15:30:etc", None, "@2024-06-01T03:15:30", "etc");
        is("@2024-06-01T03:./15", None, "@2024-06-01T03", "./15");
        is("@latest:with: colon", None, "@latest", "with: colon");
        is("@2024:15", None, "@2024", "15");
    }

    #[test]
    fn an_at_in_a_name_is_no_time() {
        is("joe@home@latest:x", Some("joe@home"), "@latest", "x");
        is("@latest:joe@today:x", None, "@latest", "joe@today:x");
        is("@today:a/@first:x", None, "@today", "a/@first:x");
        // The history reports these as errors.
        is("@nonsense:x", None, "@nonsense", "x");
        is("web1@nonsense", Some("web1"), "@nonsense", "");
        // A tag may follow such a name.
        is("joe@home@kept:x", Some("joe@home"), "@kept", "x");
        is("joe@home@kept", Some("joe@home"), "@kept", "");
        is("joe:home@kept:x", Some("joe:home"), "@kept", "x");
        is("web1@kept:joe@home:x", Some("web1"), "@kept", "joe@home:x");
        is("@kept:joe@today:x", None, "@kept", "joe@today:x");
    }

    #[test]
    fn an_option_may_tell_the_time() {
        let place = |text: &str, at: Option<&str>| {
            let place = Place::with_time(OsStr::new(text), at.map(OsString::from).as_ref());
            place.map(|place| place.shown()).map_err(|error| error.to_string())
        };
        assert_eq!(place("etc", Some("yesterday")).unwrap(), "@yesterday:etc");
        assert_eq!(place("etc", Some("@2024-06-01")).unwrap(), "@2024-06-01:etc");
        assert_eq!(place("web1@latest:etc", None).unwrap(), "web1@latest:etc");
        assert_eq!(place("getty@tty1.service", Some("yesterday")).unwrap(), "@yesterday:getty@tty1.service");
        assert_eq!(place("x@y:", Some("yesterday")).unwrap(), "@yesterday:x@y:");
        assert!(place("@latest:etc", Some("yesterday")).unwrap_err().contains("--at"));
        assert!(place("etc", None).unwrap_err().contains("@latest:etc"));
    }

    #[test]
    fn without_a_time_it_is_a_name() {
        for text in ["web1", "hello.txt", "etc/@latest", "", "a:b"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(
            Place::parse(OsStr::new("hello.txt")).unwrap_err(),
            "it names no time; write @latest:hello.txt"
        );
    }
}
