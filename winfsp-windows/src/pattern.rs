//! The wildcards of a listing, with the meaning of `FsRtlIsNameInExpression` ([MS-FSA] 2.1.4.4).
//!
//! The driver compares the names again. So this only saves it the names that it would drop.

use crate::fold::upper;

const ANY: u16 = b'*' as u16;
const ONE: u16 = b'?' as u16;
/// Matches as `*` does, but not beyond the last dot.
const DOS_STAR: u16 = b'<' as u16;
/// Matches as `?` does, and also nothing before a dot or at the end.
const DOS_QM: u16 = b'>' as u16;
/// Matches a dot, or nothing at the end.
const DOS_DOT: u16 = b'"' as u16;
const DOT: u16 = b'.' as u16;

/// A pattern for the names of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<u16>);

impl Pattern {
    /// Parses a pattern; `None` if it matches all names.
    pub fn new(pattern: &[u16]) -> Option<Self> {
        let is_all = matches!(pattern, [] | [ANY]);
        (!is_all).then(|| Self(pattern.iter().copied().map(upper).collect()))
    }

    /// Whether the name matches.
    pub fn matches(&self, name: &[u16]) -> bool {
        let last_dot = name.iter().rposition(|unit| *unit == DOT);
        // For each rest of the name: whether the pattern's rest that was processed so far matches it. Goes
        // from the end to the start.
        let mut rests = vec![false; name.len() + 1];
        rests[name.len()] = true;
        for wanted in self.0.iter().rev() {
            let mut now = vec![false; name.len() + 1];
            for at in (0..=name.len()).rev() {
                let here = name.get(at).copied().map(upper);
                let taken = |rests: &[bool]| here.is_some() && rests[at + 1];
                now[at] = match *wanted {
                    ANY => rests[at] || taken(&now),
                    DOS_STAR => rests[at] || last_dot.is_none_or(|dot| at <= dot) && taken(&now),
                    ONE => taken(&rests),
                    DOS_QM => match here {
                        None | Some(DOT) => rests[at],
                        Some(_) => taken(&rests),
                    },
                    DOS_DOT => match here {
                        None => rests[at],
                        Some(unit) => unit == DOT && taken(&rests),
                    },
                    wanted => here == Some(wanted) && taken(&rests),
                };
            }
            rests = now;
        }
        rests[0]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(&utf16(pattern)).is_none_or(|pattern| pattern.matches(&utf16(name)))
    }

    #[test]
    fn wildcards_are_those_of_windows() {
        for (pattern, yes, no) in [
            ("*", &["", "a", "a.b"][..], &[][..]),
            ("*.txt", &["a.txt", "B.TXT", ".txt", "a.b.txt"], &["a.tx", "txt", "a.txt2"]),
            ("a?c", &["abc", "A.C"], &["ac", "abbc"]),
            ("*b*", &["abc", "b"], &["ac"]),
            // `FindFirstFile` makes these of `*.`, `a??.*` and `*.b??`.
            ("<", &["a", ""], &["a.b"]),
            ("a>>\"*", &["a", "ab", "abc", "a.b", "abc.x"], &["abcd", "b"]),
            ("<.b>>", &["a.b", "a.bc", "a.x.bcd"], &["a.bcde", "ab"]),
            ("größe", &["GRÖßE"], &["GROSSE"]),
        ] {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
    }

    /// A naive matcher for the stars.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, _) => name.is_empty(),
            (Some((b'*', rest)), _) => (0..=name.len()).any(|at| naive(rest, &name[at..])),
            (Some((b'?', rest)), Some((_, name))) => naive(rest, name),
            (Some((wanted, rest)), Some((unit, name))) => wanted == unit && naive(rest, name),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn stars_are_understood(pattern in "[ab.?*]{0,6}", name in "[ab.]{0,8}") {
            let all = pattern.is_empty() || naive(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(&pattern, &name), all);
        }

        #[test]
        fn any_pattern_is_understood(pattern: Vec<u16>, name: Vec<u16>) {
            let _ = Pattern::new(&pattern).map(|pattern| pattern.matches(&name));
        }
    }
}
