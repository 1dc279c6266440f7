//! The names of a directory as Windows is shown them: no two of them differ in case only.
//!
//! Of names that do, the first in the directory's order (that of bytes) is shown as it is, and each other one with a suffix, such as
//! `readme~2`, that makes it a name of its own. The suffix depends on the directory's content alone, and any two mounts show the same.

use std::collections::{HashMap, HashSet};

use crate::fold::key;

/// The most units of a name.
const MOST: usize = 255;

/// Where an entry is: a listing that begins at this offset begins with it.
pub type Offset = u64;

/// Which name is where in a directory: 16 bytes an entry, and the names that are shown as others.
#[derive(Debug, Default)]
pub struct Listed {
    /// By the key of the name that is shown.
    places: Vec<(u64, Offset)>,
    /// From an entry's own name to the one that is shown.
    renamed: HashMap<Box<[u16]>, Box<[u16]>>,
}

/// The names that are taken in a directory, by their keys.
struct Taken {
    names: HashSet<u64>,
    /// The first number that was not tried with a stem, lest all of them are tried for each of many names that are alike.
    untried: HashMap<u64, u64>,
}

impl Listed {
    /// Looks at a directory, whose names `list` tells in order, each with its offset: once, or twice when some are alike.
    pub fn new(mut list: impl FnMut(&mut dyn FnMut(Offset, &[u16]))) -> Self {
        let mut places = Vec::new();
        list(&mut |offset, name| places.push((key(name), offset)));
        // Of equal keys, the first place is first.
        places.sort_unstable();
        let later: HashSet<Offset> =
            places.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).collect();
        let mut renamed = HashMap::new();
        if !later.is_empty() {
            let names = places.iter().map(|(key, _)| *key).collect();
            let mut taken = Taken { names, untried: HashMap::new() };
            places.retain(|(_, offset)| !later.contains(offset));
            list(&mut |offset, name| {
                if later.contains(&offset) {
                    let shown = taken.distinct(name);
                    places.push((key(&shown), offset));
                    renamed.insert(name.into(), shown);
                }
            });
            places.sort_unstable();
        }
        places.shrink_to_fit();
        Self { places, renamed }
    }

    /// The name that is shown for the entry of this name, if it is not its own.
    pub fn renamed(&self, own: &[u16]) -> Option<&[u16]> {
        self.renamed.get(own).map(|name| &**name)
    }

    /// Where the entry may be that is shown by this name, in whatever case. Almost always one place; to be compared.
    pub fn find(&self, name: &[u16]) -> impl Iterator<Item = Offset> {
        let key = key(name);
        let first = self.places.partition_point(|(place, _)| *place < key);
        self.places[first..].iter().take_while(move |(place, _)| *place == key).map(|(_, offset)| *offset)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl Taken {
    /// The name with the first suffix that nobody has.
    fn distinct(&mut self, name: &[u16]) -> Box<[u16]> {
        let mut number = 2;
        loop {
            let suffix: Vec<u16> = format!("~{number}").encode_utf16().collect();
            let mut stem = &name[..name.len().min(MOST - suffix.len())];
            // Half a pair would be another character.
            if stem.len() < name.len()
                && let [most @ .., 0xd800..0xdc00] = stem
            {
                stem = most;
            }
            let untried = self.untried.entry(key(stem)).or_default();
            if number < *untried {
                // Whose suffix may be longer, and the stem shorter.
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
        let listed = Listed::new(|tell| {
            names.iter().zip(0..).for_each(|(name, offset)| tell(offset, name));
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
        // One that has such a name already keeps it.
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
        // Those that are cut share their stems.
        for (length, common) in [(20, 3), (255, 235)] {
            let variant = |number: u32| -> Vec<u16> {
                let letter = |bit: u32| if number >> bit & 1 == 0 { b'a' } else { b'A' };
                let tail = (0..17).map(letter).chain(std::iter::repeat(b'b')).map(u16::from);
                std::iter::repeat_n(u16::from(b'x'), common).chain(tail).take(length).collect()
            };
            let names: Vec<Vec<u16>> = (0..100_000).map(variant).collect();
            let (listed, shown) = listed(&names);
            assert_eq!(listed.len(), names.len());
            assert_eq!(shown.iter().map(|name| key(name)).collect::<BTreeSet<_>>().len(), names.len());
        }
    }

    proptest! {
        #[test]
        fn all_names_differ_and_lead_to_their_entries(names in prop::collection::btree_set("[aAbB~2]{1,4}", 0..40)) {
            let names: Vec<Vec<u16>> = names.iter().map(|name| name.encode_utf16().collect()).collect();
            let (listed, shown) = listed(&names);
            prop_assert_eq!(listed.len(), names.len());
            let folded: BTreeSet<Vec<u16>> = shown.iter().map(|name| fold(name)).collect();
            prop_assert_eq!(folded.len(), names.len());
            for (name, offset) in shown.iter().zip(0..) {
                prop_assert_eq!(listed.find(&fold(name)).collect::<Vec<_>>(), [offset]);
                let own = &names[usize::try_from(offset).unwrap()];
                prop_assert_eq!(listed.renamed(own).is_some(), name != own);
            }
            // The first of those that are alike keeps its name.
            for (at, name) in names.iter().enumerate() {
                if !names[..at].iter().any(|other| is_same(name, other)) {
                    prop_assert_eq!(&shown[at], name);
                }
            }
        }
    }
}
