//! The names of a directory as Windows is shown them: no two of them differ in case only.
//!
//! Of names that do, the first in the directory's order (that of bytes) is shown as it is, and each other one with a suffix, such as
//! `readme~2`, that makes it a name of its own. The suffix depends on the directory's content alone, and any two mounts show the same.

use std::collections::{BTreeMap, HashSet};

use crate::fold::key;

/// The most units of a name.
const MOST: usize = 255;
/// Before the number that tells a name from others.
const SUFFIX: u16 = b'~' as u16;

/// Where an entry is: a listing that begins at this offset begins with it.
pub type Offset = u64;

/// Which name is where in a directory: 16 bytes an entry, and the names that are shown as others.
#[derive(Debug, Default)]
pub struct Listed {
    /// By the key of the name that is shown.
    places: Vec<(u64, Offset)>,
    renamed: BTreeMap<Offset, Box<[u16]>>,
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
        let mut renamed = BTreeMap::new();
        if !later.is_empty() {
            let mut taken: HashSet<u64> = places.iter().map(|(key, _)| *key).collect();
            list(&mut |offset, name| {
                if later.contains(&offset) {
                    renamed.insert(offset, distinct(name, &mut taken));
                }
            });
            for (place, offset) in &mut places {
                if let Some(name) = renamed.get(offset) {
                    *place = key(name);
                }
            }
            places.sort_unstable();
        }
        places.shrink_to_fit();
        Self { places, renamed }
    }

    /// The name that is shown for the entry there, if it is not its own.
    pub fn renamed(&self, offset: Offset) -> Option<&[u16]> {
        self.renamed.get(&offset).map(|name| &**name)
    }

    /// Where the entry may be that has this name and is shown by another.
    pub fn renamed_from<'a>(&'a self, name: &'a [u16]) -> impl Iterator<Item = Offset> + 'a {
        self.renamed.iter().filter_map(move |(offset, shown)| {
            let stem = &shown[..shown.iter().rposition(|unit| *unit == SUFFIX)?];
            name.starts_with(stem).then_some(*offset)
        })
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

/// The name with the first suffix that nobody has.
fn distinct(name: &[u16], taken: &mut HashSet<u64>) -> Box<[u16]> {
    for number in 2_u64.. {
        let suffix: Vec<u16> = format!("~{number}").encode_utf16().collect();
        let mut stem = &name[..name.len().min(MOST - suffix.len())];
        // Half a pair would be another character.
        if stem.len() < name.len()
            && let [most @ .., 0xd800..0xdc00] = stem
        {
            stem = most;
        }
        let candidate = [stem, &suffix].concat();
        if taken.insert(key(&candidate)) {
            return candidate.into();
        }
    }
    unreachable!("there are fewer names than numbers")
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
        let name =
            |(own, offset): (&Vec<u16>, u64)| listed.renamed(offset).map_or(own.clone(), <[u16]>::to_vec);
        let shown = names.iter().zip(0..).map(name).collect();
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
                let renamed = listed.renamed_from(own).any(|found| found == offset);
                prop_assert_eq!(renamed, name != own);
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
