//! The names of a directory as Windows shows them: no two differ in case only.
//!
//! Of names that do, the first in the directory's order (by bytes) is shown unchanged. Each other one gets a
//! suffix, such as `readme~2`, that makes it unique. The suffix depends on the directory's content alone, so
//! any two mounts show the same.

use std::collections::{HashMap, HashSet};

use crate::fold::key;

/// Maximum length of a name, in UTF-16 units.
const MOST: usize = 255;

/// Position of an entry: a listing from this offset begins with it.
pub type Offset = u64;

/// The positions of the names in a directory. It takes 16 bytes an entry, plus the names that are shown
/// differently.
#[derive(Debug, Default)]
pub struct Listed {
    /// Sorted by the key of the shown name.
    positions: Vec<(u64, Offset)>,
    /// Maps an entry's own name to the shown one.
    renamed: HashMap<Box<[u16]>, Box<[u16]>>,
}

/// The keys of the names that a directory uses.
struct Taken {
    names: HashSet<u64>,
    /// The first untried number of each stem. Without it, all numbers would be tried again for each of many
    /// similar names.
    untried: HashMap<u64, u64>,
}

impl Listed {
    /// Reads a directory. `list` passes its names in order, each with its offset. It is called a second time
    /// if some names differ in case only.
    pub fn new(mut list: impl FnMut(&mut dyn FnMut(Offset, &[u16]))) -> Self {
        let mut positions = Vec::new();
        list(&mut |offset, name| positions.push((key(name), offset)));
        // Among equal keys, the first position comes first.
        positions.sort_unstable();
        let later: HashSet<Offset> =
            positions.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).collect();
        let mut renamed = HashMap::new();
        if !later.is_empty() {
            let names = positions.iter().map(|(key, _)| *key).collect();
            let mut taken = Taken { names, untried: HashMap::new() };
            positions.retain(|(_, offset)| !later.contains(offset));
            list(&mut |offset, name| {
                if later.contains(&offset) {
                    let shown = taken.distinct(name);
                    positions.push((key(&shown), offset));
                    renamed.insert(name.into(), shown);
                }
            });
            positions.sort_unstable();
        }
        positions.shrink_to_fit();
        Self { positions, renamed }
    }

    /// The shown name of the entry with this name, if it differs.
    pub fn renamed(&self, own: &[u16]) -> Option<&[u16]> {
        self.renamed.get(own).map(|name| &**name)
    }

    /// The possible positions of the entry shown by this name, in any case. There is almost always one. The
    /// caller must compare the names.
    pub fn find(&self, name: &[u16]) -> impl Iterator<Item = Offset> {
        let key = key(name);
        let first = self.positions.partition_point(|(own, _)| *own < key);
        self.positions[first..].iter().take_while(move |(own, _)| *own == key).map(|(_, offset)| *offset)
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.positions.len()
    }
}

impl Taken {
    /// The name with the first suffix that makes it unique.
    fn distinct(&mut self, name: &[u16]) -> Box<[u16]> {
        let mut number = 2;
        loop {
            let suffix: Vec<u16> = format!("~{number}").encode_utf16().collect();
            let mut stem = &name[..name.len().min(MOST - suffix.len())];
            // Half of a surrogate pair would be another character.
            if stem.len() < name.len()
                && let [most @ .., 0xd800..0xdc00] = stem
            {
                stem = most;
            }
            let untried = self.untried.entry(key(stem)).or_default();
            if number < *untried {
                // The suffix of that number may be longer, and the stem shorter.
                number = *untried;
                continue;
            }
            number += 1;
            *untried = number;
            let candidate = [stem, &suffix].concat();
            if self.names.insert(key(&candidate)) {
                return candidate.into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::fold::{fold, is_same};

    fn listed(names: &[Vec<u16>]) -> (Listed, Vec<Vec<u16>>) {
        let listed = Listed::new(|add| {
            names.iter().zip(0..).for_each(|(name, offset)| add(offset, name));
        });
        let shown =
            names.iter().map(|own| listed.renamed(own).map_or(own.clone(), <[u16]>::to_vec)).collect();
        (listed, shown)
    }

    fn shown(names: &[&str]) -> Vec<String> {
        let names: Vec<Vec<u16>> = names.iter().map(|name| name.encode_utf16().collect()).collect();
        listed(&names).1.iter().map(|name| String::from_utf16_lossy(name)).collect()
    }

    #[test]
    fn later_names_get_a_suffix() {
        assert_eq!(shown(&["README", "ReadMe", "a", "readme"]), ["README", "ReadMe~2", "a", "readme~3"]);
        // An entry that has such a name already keeps it.
        assert_eq!(shown(&["A", "A~2", "a", "a~3"]), ["A", "A~2", "a~4", "a~3"]);
        assert_eq!(shown(&["A", "a", "a~2"]), ["A", "a~3", "a~2"]);
    }

    #[test]
    fn long_names_stay_possible() {
        let long = |last: &str| format!("{}{last}", "x".repeat(255 - last.encode_utf16().count()));
        let names = shown(&[&long("A"), &long("a"), &long("\u{1f600}Z~"), &long("\u{1f600}z~")]);
        assert!(names.iter().all(|name| name.encode_utf16().count() <= 255));
        assert!(names[1].ends_with("xx~2"));
        assert!(names[3].ends_with("x\u{1f600}~2") || names[3].ends_with("x~2"), "{}", names[3]);
    }

    #[test]
    fn a_hundred_thousand_names_that_are_alike_take_no_time_each_for_all() {
        // Names that are cut have the same stem.
        for (length, common) in [(20, 3), (255, 235)] {
            let variant = |number: u32| -> Vec<u16> {
                let letter = |bit: u32| if number >> bit & 1 == 0 { b'a' } else { b'A' };
                let tail = (0..17).map(letter).chain(std::iter::repeat(b'b')).map(u16::from);
                std::iter::repeat_n(u16::from(b'x'), common).chain(tail).take(length).collect()
            };
            let names: Vec<Vec<u16>> = (0..100_000).map(variant).collect();
            let (listed, shown) = listed(&names);
            assert_eq!(listed.entries(), names.len());
            assert_eq!(shown.iter().map(|name| key(name)).collect::<BTreeSet<_>>().len(), names.len());
        }
    }

    proptest! {
        #[test]
        fn all_names_differ_and_lead_to_their_entries(names in prop::collection::btree_set("[aAbB~2]{1,4}", 0..40)) {
            let names: Vec<Vec<u16>> = names.iter().map(|name| name.encode_utf16().collect()).collect();
            let (listed, shown) = listed(&names);
            prop_assert_eq!(listed.entries(), names.len());
            let folded: BTreeSet<Vec<u16>> = shown.iter().map(|name| fold(name)).collect();
            prop_assert_eq!(folded.len(), names.len());
            for (name, offset) in shown.iter().zip(0..) {
                prop_assert_eq!(listed.find(&fold(name)).collect::<Vec<_>>(), [offset]);
                let own = &names[usize::try_from(offset).unwrap()];
                prop_assert_eq!(listed.renamed(own).is_some(), name != own);
            }
            // The first of several similar names stays unchanged.
            for (at, name) in names.iter().enumerate() {
                if !names[..at].iter().any(|other| is_same(name, other)) {
                    prop_assert_eq!(&shown[at], name);
                }
            }
        }
    }
}
