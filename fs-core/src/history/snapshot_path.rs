use super::time::Expression;

/// A path in a snapshot: `SOURCE@T:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPath {
    /// The source, if given.
    pub source: Option<Vec<u8>>,
    /// The time expression, with its `@`.
    pub time: Vec<u8>,
    /// The path in the snapshot; empty for its root.
    pub path: Vec<u8>,
}

impl SnapshotPath {
    /// Parses `[SOURCE]@T[:PATH]`. Returns `None` if the text names no time.
    ///
    /// ```
    /// use fs_core::history::SnapshotPath;
    ///
    /// let path = SnapshotPath::parse(b"web1@yesterday:etc/passwd").unwrap();
    /// assert_eq!(path.source.as_deref(), Some(&b"web1"[..]));
    /// assert_eq!((&*path.time, &*path.path), (&b"@yesterday"[..], &b"etc/passwd"[..]));
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        // A source's name may contain an @. So the time begins at the first @ that an expression follows. A tag
        // looks like any other word but contains no @, so it begins at the last @ before the colon.
        let ats = || (0..text.len()).take_while(|at| text[*at] != b'/').filter(|at| text[*at] == b'@');
        let is_time = |at: &usize| Expression::parse(split_time(&text[*at..]).0).is_some();
        let first = ats().next()?;
        let colon =
            text[first..].iter().position(|byte| *byte == b':').map_or(text.len(), |colon| first + colon);
        let at = match first {
            0 => 0,
            _ => ats().find(is_time).or_else(|| ats().take_while(|at| *at < colon).last())?,
        };
        let (time, path) = split_time(&text[at..]);
        if time.contains(&b'/') {
            return None;
        }
        let source = (at > 0).then(|| text[..at].to_vec());
        Some(Self { source, time: time.to_vec(), path: path.to_vec() })
    }

    /// The snapshot path as it can be parsed again.
    pub fn to_bytes(&self) -> Vec<u8> {
        let source = self.source.as_deref().unwrap_or_default();
        [source, &self.time, b":", &self.path].concat()
    }
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
        let expected = SnapshotPath {
            source: source.map(Into::into),
            time: time.as_bytes().into(),
            path: path.as_bytes().into(),
        };
        assert_eq!(SnapshotPath::parse(text.as_bytes()), Some(expected), "{text}");
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
    fn without_a_time_it_is_a_name() {
        for text in ["web1", "hello.txt", "etc/@latest", "", "a:b"] {
            assert_eq!(SnapshotPath::parse(text.as_bytes()), None, "{text}");
        }
    }
}
