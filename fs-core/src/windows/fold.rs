//! Decides when two names are one to Windows, which ignores case.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The name in upper case, as Windows compares names: unit by unit, with one unit as the capital of each.
///
/// So the length never changes, `ß` does not become `SS`, and characters beyond the first plane keep their
/// case. The kernel's own table is older than the one used here. If only one of the tables has the capital of
/// a letter, only that one treats the two as equal.
pub fn fold(name: &[u16]) -> Vec<u16> {
    name.iter().copied().map(upper).collect()
}

/// A hash of the name, equal for names that are one to Windows.
pub fn key(name: &[u16]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.iter().for_each(|unit| upper(*unit).hash(&mut hasher));
    hasher.finish()
}

/// Whether the names are one to Windows.
pub fn is_same(a: &[u16], b: &[u16]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| upper(*a) == upper(*b))
}

/// The unit's capital.
pub fn upper(unit: u16) -> u16 {
    if let [byte @ ..0x80, 0] = unit.to_le_bytes() {
        return byte.to_ascii_uppercase().into();
    }
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut capitals = character.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => u16::try_from(u32::from(capital)).unwrap_or(unit),
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn capitals_are_those_of_windows() {
        for (name, folded) in
            [("ReadMe", "README"), ("straße", "STRAßE"), ("ÿé", "ŸÉ"), ("σς", "ΣΣ"), ("𐐨", "𐐨")]
        {
            assert_eq!(String::from_utf16(&fold(&utf16(name))).unwrap(), folded);
        }
    }

    proptest! {
        #[test]
        fn equal_means_folded_equal(a: Vec<u16>, b: Vec<u16>) {
            prop_assert_eq!(is_same(&a, &b), fold(&a) == fold(&b));
            prop_assert!(is_same(&a, &fold(&a)));
            prop_assert_eq!(key(&a), key(&fold(&a)));
        }
    }
}
