use super::codec::Cursor;
use super::{BlobId, Entry, FormatError, Gaps, Keys, NotRead};

/// What a directory has of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An entry.
    Entry(Entry),
    /// No entry, and the reason.
    Absent(Absence),
}

/// Why a name of a directory has no entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Absence {
    /// Not even the type of the entry could be read.
    NotRead(NotRead),
    /// A rule excludes the entry, and whatever may be below it.
    Excluded,
}

/// In place of an entry's kind.
const NAME_ONLY: u8 = 8;
const EXCLUDED: u8 = 9;

impl Item {
    /// Id of the content, as [`Entry::content_id`]: of a name without an entry, the id of what was last read.
    pub fn content_id(&self, keys: &Keys) -> Option<BlobId> {
        match self {
            Item::Entry(entry) => entry.content_id(keys),
            Item::Absent(Absence::NotRead(not_read)) => not_read.before,
            Item::Absent(Absence::Excluded) => None,
        }
    }

    /// Whether an encoded item is the absence of an entry.
    pub fn encodes_absence(body: &[u8]) -> bool {
        matches!(body.first(), Some(&(NAME_ONLY | EXCLUDED)))
    }

    /// Whether an encoded item is a name whose entry could not be read.
    pub fn encodes_not_read(body: &[u8]) -> bool {
        body.first() == Some(&NAME_ONLY)
    }

    /// Appends the canonical encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Item::Entry(entry) => entry.encode(out),
            Item::Absent(Absence::NotRead(not_read)) => {
                out.push(NAME_ONLY);
                not_read.encode(out);
            }
            Item::Absent(Absence::Excluded) => out.push(EXCLUDED),
        }
    }

    /// Decodes an item. `bytes` must be the whole item.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let absence = match cursor.u8("entry kind")? {
            NAME_ONLY => Absence::NotRead(NotRead::decode(&mut cursor)?),
            EXCLUDED => Absence::Excluded,
            _ => return Entry::decode(bytes).map(Item::Entry),
        };
        cursor.end("entry")?;
        Ok(Item::Absent(absence))
    }
}

impl Gaps {
    /// Adds those of an item to the gaps of its directory.
    pub fn add(&mut self, item: &Item) {
        match item {
            Item::Entry(entry) => {
                self.below |= entry.gaps.is_unread();
                self.excluded |= entry.gaps.excluded || entry.gaps.left_out;
            }
            Item::Absent(Absence::NotRead(_)) => self.below = true,
            Item::Absent(Absence::Excluded) => self.excluded = true,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::entry::tests::entries;
    use super::super::gaps::tests::not_read;
    use super::*;

    pub(in crate::format) fn items() -> impl Strategy<Value = Item> {
        prop_oneof![
            4 => entries().prop_map(Item::Entry),
            1 => not_read().prop_map(|not_read| Item::Absent(Absence::NotRead(not_read))),
            1 => Just(Item::Absent(Absence::Excluded)),
        ]
    }

    proptest! {
        #[test]
        fn items_survive(item in items()) {
            let mut bytes = Vec::new();
            item.encode(&mut bytes);
            prop_assert_eq!(Item::encodes_absence(&bytes), matches!(item, Item::Absent(_)));
            let is_not_read = matches!(item, Item::Absent(Absence::NotRead(_)));
            prop_assert_eq!(Item::encodes_not_read(&bytes), is_not_read);
            prop_assert_eq!(Entry::decode(&bytes).is_ok(), matches!(item, Item::Entry(_)));
            prop_assert_eq!(Item::decode(&bytes), Ok(item));
        }

        #[test]
        fn accepted_bytes_are_canonical(
            tag in any::<u8>(),
            bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..200),
        ) {
            let bytes = [&[tag], &bytes[..]].concat();
            if let Ok(item) = Item::decode(&bytes) {
                let mut again = Vec::new();
                item.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
