//! Targets of links: `C:\Users\joe` is kept as `C:/Users/joe`, `..\lib` as `../lib`.
//!
//! The parts between slashes are [`names`](super::names). So a relative target means the same if a tree is
//! imported on one system and restored on the other. Parts that are not names of files (a drive, a volume,
//! `.` and `..`) stay as they are.

use super::names::{from_windows, plain, to_windows};

const SEPARATOR: u16 = b'\\' as u16;
/// The prefix of a path that Windows does not interpret.
const VERBATIM: [u16; 4] = [SEPARATOR, SEPARATOR, b'?' as u16, SEPARATOR];

/// The bytes to keep of a target.
pub fn from_target(target: &[u16]) -> Vec<u8> {
    let target = without_verbatim(target);
    let is_separator = |unit: &u16| [SEPARATOR, u16::from(b'/')].contains(unit);
    let names = target.split(is_separator).map(|name| from_windows(name).unwrap_or_else(|| plain(name)));
    names.collect::<Vec<_>>().join(&b'/')
}

/// The target that has these bytes.
pub fn to_target(bytes: &[u8]) -> Vec<u16> {
    // The server of `//server`, the `?` of `//?/Volume{…}` and a drive are not names of files.
    let is_place = |at: usize, name: &[u8]| {
        matches!(name, [] | [b'.'] | [b'.', b'.'])
            || at == 0 && matches!(name, [letter, b':'] if letter.is_ascii_alphabetic())
            || at == 2 && bytes.starts_with(b"//") && name == b"?"
    };
    let names = bytes.split(|byte| *byte == b'/').enumerate().map(|(at, name)| {
        if is_place(at, name) { name.iter().copied().map(u16::from).collect() } else { to_windows(name) }
    });
    names.collect::<Vec<_>>().join(&SEPARATOR)
}

/// The path without the prefix that Windows itself puts before drives and shares, if the prefix has no
/// further meaning.
pub fn without_verbatim(path: &[u16]) -> Vec<u16> {
    let Some(rest) = path.strip_prefix(&VERBATIM) else { return path.to_vec() };
    let share: Vec<u16> = "UNC\\".encode_utf16().collect();
    if let Some(share) = rest.strip_prefix(&share[..]) {
        return [&VERBATIM[..2], share].concat();
    }
    match rest {
        [_, colon, SEPARATOR, ..] if *colon == u16::from(b':') => rest.to_vec(),
        _ => path.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn targets_survive_the_way_there_and_back() {
        for (windows, kept) in [
            (r"..\lib\x.so", "../lib/x.so"),
            (r".\a b", "./a b"),
            (r"C:\Users\joe", "C:/Users/joe"),
            (r"\\server\share\x", "//server/share/x"),
            (r"\\?\Volume{0-1}\", "//?/Volume{0-1}/"),
            (r"\Windows", "/Windows"),
            ("a\u{f03a}b", "a:b"),
            ("D:", "D:"),
        ] {
            assert_eq!(from_target(&utf16(windows)), kept.as_bytes(), "{windows}");
            assert_eq!(String::from_utf16(&to_target(kept.as_bytes())).unwrap(), windows, "{kept}");
        }
    }

    #[test]
    fn what_windows_puts_before_a_path_is_taken_off() {
        for (path, expected) in [
            (r"\\?\C:\Users", r"C:\Users"),
            (r"\\?\UNC\server\share", r"\\server\share"),
            (r"\\?\Volume{1}\x", r"\\?\Volume{1}\x"),
            (r"C:\Users", r"C:\Users"),
            (r"..\x", r"..\x"),
        ] {
            assert_eq!(String::from_utf16(&without_verbatim(&utf16(path))).unwrap(), expected);
        }
    }

    #[test]
    fn names_that_windows_forbids_are_escaped_in_targets_too() {
        assert_eq!(to_target(b"x/a:b/c."), utf16("x\\a\u{f03a}b\\c\u{f02e}"));
        assert_eq!(to_target(b"a\\b"), utf16("a\u{f05c}b"));
        assert_eq!(from_target(&utf16("a\u{f05c}b")), b"a\\b");
    }
}
