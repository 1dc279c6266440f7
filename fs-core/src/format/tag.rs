use super::codec::{Cursor, Encode};
use super::limits::{MAX_SOURCE_NAME, MAX_TAG_NAME};
use super::object::SingleFrame;
use super::parts::{decode_parts, encode_parts};
use super::{FormatError, Keys, Salt, SnapshotId, TagId, Time, Version, is_source_name, v1};

/// A name that somebody gave to a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Id of the snapshot.
    pub snapshot: SnapshotId,
    /// Name of the snapshot's source.
    pub source: Box<[u8]>,
    /// The tag's name; see [`check_tag_name`].
    pub name: Box<str>,
    /// Time at which the tag was given.
    pub given: Time,
}

impl Tag {
    /// Id of the tag's object. It is always the same for the same snapshot, source and name.
    pub fn id(&self, keys: &Keys) -> TagId {
        let mut identity = Vec::with_capacity(512);
        identity.extend(self.snapshot.0);
        identity.put_bytes(&self.source);
        identity.put_bytes(self.name.as_bytes());
        keys.tag_id(&identity)
    }

    /// Id of the tag's object, and the bytes of the object.
    pub fn seal(&self, keys: &Keys, salt: Salt) -> (TagId, Vec<u8>) {
        (self.id(keys), SingleFrame::TAG.seal(keys, salt, &self.encode()))
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(512);
        body.extend(self.snapshot.0);
        body.put_bytes(&self.source);
        body.put_bytes(self.name.as_bytes());
        self.given.encode(&mut body);
        encode_parts(&[], &mut body);
        body
    }

    /// Verifies and parses the object `id`.
    pub fn open(keys: &Keys, id: &TagId, bytes: Vec<u8>) -> Result<Self, FormatError> {
        let tag = Self::decode(&SingleFrame::TAG.open(keys, bytes)?, keys.version())?;
        FormatError::invalid_if(tag.id(keys) != *id, "tag's file name: it holds another tag")?;
        Ok(tag)
    }

    /// Decodes the body within the seal.
    pub fn decode(body: &[u8], version: Version) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        if version == Version::One {
            v1::no_features(cursor.varint("features")?)?;
        }
        let snapshot = SnapshotId(cursor.array("tag's snapshot")?);
        let source = cursor.bytes(MAX_SOURCE_NAME, "source's name")?;
        FormatError::invalid_if(!is_source_name(source), "source's name")?;
        let name = cursor.bytes(MAX_TAG_NAME, "tag's name")?;
        let name = check_tag_name(name).map_err(|_| FormatError::Invalid("tag's name"))?;
        let given = Time::decode(&mut cursor)?;
        match version {
            Version::One => drop(v1::extensions(&mut cursor)?),
            Version::Two => drop(decode_parts(&mut cursor, "tag", |_, _| Ok(false))?),
        }
        cursor.end("tag")?;
        Ok(Self { snapshot, source: source.into(), name: name.into(), given })
    }
}

/// Returns the name of a tag, or the reason why it is invalid. After an `@` the name is a file name, also on
/// Windows. It precedes the colon of `T:PATH` and surrounds the dots of `@A..@B`. It is one word of a list.
pub fn check_tag_name(name: &[u8]) -> Result<&str, &'static str> {
    let text = str::from_utf8(name).map_err(|_| "it is no UTF-8")?;
    let is_blank = |char: char| char.is_whitespace() || char.is_control();
    let foul = ['/', '@', ':', '~', '<', '>', '"', '\\', '|', '?', '*'];
    let rules = [
        (text.is_empty() || text.len() > MAX_TAG_NAME, "it has not 1 to 100 bytes"),
        (text.starts_with(['-', '.', '#']), "it begins with - or . or #"),
        (text.contains(is_blank), "it has blanks or control characters"),
        (text.contains(foul), r#"it has one of / @ : ~ < > " \ | ? *"#),
        (text.contains("..") || text.ends_with('.'), "it has two dots in a row, or one at its end"),
    ];
    rules.into_iter().find(|(is_broken, _)| *is_broken).map_or(Ok(text), |(_, reason)| Err(reason))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Secret;

    fn tags() -> impl Strategy<Value = Tag> {
        let names = "[a-zü0-9_+=,;!-]{0,40}".prop_map(|name| format!("a{name}"));
        let time = (any::<i64>(), 0u32..1_000_000_000).prop_map(|(s, n)| Time::new(s, n).unwrap());
        (any::<[u8; 32]>(), "[a-z:]{1,40}", names, time).prop_map(|(snapshot, source, name, given)| Tag {
            snapshot: SnapshotId(snapshot),
            source: source.into_bytes().into(),
            name: name.into(),
            given,
        })
    }

    fn keys() -> Keys {
        Keys::derive(&Secret([9; 32]))
    }

    fn sample() -> Tag {
        let (source, given) = ((*b"web1").into(), Time::new(5, 6).unwrap());
        Tag { snapshot: SnapshotId([3; 32]), source, name: "before-upgrade".into(), given }
    }

    proptest! {
        #[test]
        fn tags_survive(tag in tags()) {
            let (id, bytes) = tag.seal(&keys(), Salt([1; 32]));
            prop_assert_eq!(Tag::open(&keys(), &id, bytes.clone()), Ok(tag));
            prop_assert!(Tag::open(&keys(), &TagId([0; 32]), bytes).is_err());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Tag::decode(&bytes, Version::One);
            let _ = Tag::decode(&bytes, Version::Two);
        }

        #[test]
        fn a_name_that_is_taken_can_be_a_part_of_a_path(name in "\\PC{0,120}") {
            if let Ok(name) = check_tag_name(name.as_bytes()) {
                prop_assert!((1..=100).contains(&name.len()) && !name.contains(['/', '\0', '@', ':']));
            }
        }
    }

    #[test]
    fn one_snapshot_has_a_name_once() {
        let later = Tag { given: Time::new(7, 0).unwrap(), ..sample() };
        assert_eq!(later.id(&keys()), sample().id(&keys()));
        let others = [
            Tag { snapshot: SnapshotId([4; 32]), ..sample() },
            Tag { source: (*b"web2").into(), ..sample() },
            Tag { name: "before".into(), ..sample() },
            // The same letters, but split differently.
            Tag { source: (*b"web1b").into(), name: "efore-upgrade".into(), ..sample() },
        ];
        for other in others {
            assert_ne!(other.id(&keys()), sample().id(&keys()), "{other:?}");
        }
    }

    #[test]
    fn the_future_is_refused_or_skipped() {
        assert_eq!(Tag::decode(&[4], Version::One), Err(FormatError::Features(4)));
        let mut body = sample().encode();
        assert_eq!(body.pop(), Some(0));
        let with = |number: u8| [&body[..], &[1, number, 3, b'n', b'e', b'w']].concat();
        assert_eq!(Tag::decode(&with(98), Version::Two), Ok(sample()));
        assert_eq!(Tag::decode(&with(99), Version::Two), Err(FormatError::Part { what: "tag", number: 49 }));
        let trailing = [&with(98)[..], &[0]].concat();
        assert_eq!(Tag::decode(&trailing, Version::Two), Err(FormatError::Trailing("tag")));
    }

    #[test]
    fn names_are_words_that_can_be_looked_up() {
        for name in ["a", "before-upgrade", "v1.2", "größe", "a;b,c", "(ok)", &"x".repeat(100)] {
            assert_eq!(check_tag_name(name.as_bytes()), Ok(name));
        }
        let long = "x".repeat(101);
        let refused = [
            "", ".", "..", ".a", "-a", "#a", "a/b", "a@b", "a:b", "a b", "a\tb", "a\u{a0}b", "a\0b", "a~1",
            "a..b", "a.", "a<", "a>", "a\"", "a\\b", "a|b", "a?", "a*", &long,
        ];
        for name in refused {
            assert!(check_tag_name(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(check_tag_name(b"a\xff").is_err());
    }
}
