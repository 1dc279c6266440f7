//! Suggestions for mistyped names and paths.

use crate::history::{Source, components};
use crate::view::{View, ViewError};

/// Maximum number of a directory's names to compare; the rest of a larger directory is ignored.
const MOST: usize = 20_000;

/// The name most similar to `typed`, if one is nearly the same: in another case, or with a few letters
/// missing, swapped, added or replaced. Only names in UTF-8 without control characters are suggested.
pub(super) fn name<'a>(typed: &[u8], known: impl Iterator<Item = &'a [u8]>) -> Option<&'a str> {
    let typed = String::from_utf8_lossy(typed);
    let lowercase = typed.to_lowercase();
    let nearness = |name: &str| {
        if name.to_lowercase() == lowercase {
            return Some(0);
        }
        // Longer names are never near, and the comparison takes time.
        let (len, other) = (typed.chars().count(), name.chars().count());
        let most = len.max(other).div_ceil(4).min(3);
        let distance = (len.abs_diff(other) <= most).then(|| strsim::damerau_levenshtein(&typed, name))?;
        (distance <= most && distance < len.min(other)).then_some(distance)
    };
    let known = known.filter_map(|name| str::from_utf8(name).ok());
    let known = known.filter(|name| !name.contains(char::is_control));
    let near = known.filter_map(|name| Some((nearness(name)?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// The path most similar to `typed` in the snapshot that `time` means. Only the first missing name on the way
/// is replaced by another one.
pub(super) fn path(view: &View, source: &Source, time: &[u8], typed: &[u8]) -> Option<Vec<u8>> {
    let mut suggestion: Vec<u8> = Vec::new();
    let mut node = view.walk(source, time, b"").ok()?;
    for wanted in components(typed) {
        if !suggestion.is_empty() {
            suggestion.push(b'/');
        }
        if let Ok(found) = view.lookup(&node, wanted) {
            suggestion.extend(wanted);
            node = found;
            continue;
        }
        let mut names: Vec<Vec<u8>> = Vec::new();
        // A directory that cannot be read gives no suggestion.
        let read = view.read_directory(&node, 0, &mut |entry| {
            names.push(entry.name.to_vec());
            names.len() < MOST
        });
        match read {
            // The name may be one of those that are known.
            Err(ViewError::NotRead(_)) => {}
            read => read.ok()?,
        }
        let near = name(wanted, names.iter().map(Vec::as_slice))?.as_bytes();
        node = view.lookup(&node, near).ok()?;
        suggestion.extend(near);
    }
    Some(suggestion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(typed: &str, known: &[&str], suggestion: Option<&str>) {
        let found = name(typed.as_bytes(), known.iter().map(|name| name.as_bytes()));
        assert_eq!(found, suggestion, "{typed}");
    }

    #[test]
    fn what_is_nearly_the_same_is_meant() {
        is("pasword", &["group", "passwd", "password", "shadow"], Some("password"));
        is("readme", &["README", "reade"], Some("README"));
        is("web11", &["web1", "web2"], Some("web1"));
        is("hsots", &["hosts"], Some("hosts"));
    }

    #[test]
    fn what_is_another_name_is_not() {
        is("etc", &["usr", "var", "e"], None);
        is("a", &["b", "c"], None);
        is("passwd", &[], None);
        is("notes.txt", &["photos.tar"], None);
    }
}
