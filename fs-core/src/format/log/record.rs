use super::operation::Operation;
use crate::format::codec::{Cursor, Encode};
use crate::format::object::SingleFrame;
use crate::format::parts::{decode_parts, encode_parts};
use crate::format::{FormatError, Keys, RecordHash, Salt, Time, TransactionId};

/// Maximum bytes of a name of an author. Longer names are cut.
const MAX_AUTHOR_NAME: usize = 255;

/// Who made a record, as the program that wrote it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// Name of the machine.
    pub host: Box<[u8]>,
    /// Name or number of the user.
    pub user: Box<[u8]>,
}

/// One numbered change in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the record, from 1.
    pub number: u64,
    /// Hash of the record before; zeros if there is none, or if its file is missing.
    pub before: RecordHash,
    /// Tells this record from any other writer's of the same number.
    pub transaction: TransactionId,
    /// Number of the last record before this one that pruned; 0 if there is none.
    pub last_prune: u64,
    /// Time at which the record was made, by its author's clock.
    pub made: Time,
    /// Who made it.
    pub author: Author,
    /// The change.
    pub operation: Operation,
}

impl Author {
    /// An author with these names.
    pub fn new(host: &[u8], user: &[u8]) -> Self {
        let cut = |name: &[u8]| name[..name.len().min(MAX_AUTHOR_NAME)].into();
        Self { host: cut(host), user: cut(user) }
    }
}

impl Record {
    /// Bytes of the record's object.
    pub fn seal(&self, keys: &Keys, salt: Salt) -> Vec<u8> {
        SingleFrame::RECORD.seal(keys, salt, &self.encode())
    }

    /// Verifies and parses the record with this number.
    pub fn open(keys: &Keys, number: u64, bytes: Vec<u8>) -> Result<Self, FormatError> {
        let record = Self::decode(&SingleFrame::RECORD.open(keys, bytes)?)?;
        FormatError::invalid_if(record.number != number, "record's number")?;
        Ok(record)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.put_varint(self.number);
        out.extend(self.before.0);
        out.extend(self.transaction.0);
        out.put_varint(self.last_prune);
        self.made.encode(&mut out);
        out.put_bytes(&self.author.host);
        out.put_bytes(&self.author.user);
        self.operation.encode(&mut out);
        encode_parts(&[], &mut out);
        out
    }

    /// Decodes the body within the frame.
    pub fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let number = cursor.varint("record's number")?;
        FormatError::invalid_if(number == 0, "record's number")?;
        let before = RecordHash(cursor.array("hash of the record before")?);
        let transaction = TransactionId(cursor.array("record's transaction")?);
        let last_prune = cursor.bounded(number - 1, "number of the last prune")?;
        let made = Time::decode(&mut cursor)?;
        let host = cursor.bytes(MAX_AUTHOR_NAME, "host")?.into();
        let user = cursor.bytes(MAX_AUTHOR_NAME, "user")?.into();
        let operation = Operation::decode(&mut cursor)?;
        decode_parts(&mut cursor, "record of the log", |_, _| Ok(false))?;
        cursor.end("record of the log")?;
        let author = Author { host, user };
        Ok(Self { number, before, transaction, last_prune, made, author, operation })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::log::Label;
    use crate::format::log::state::tests::states;
    use crate::format::{PackId, Secret, SnapshotId};

    pub(in crate::format::log) fn labels() -> impl Strategy<Value = Label> {
        ("[a-z:]{1,20}", any::<i64>(), 0..1_000_000_000_u32, 1..=u32::MAX).prop_map(
            |(source, secs, nanos, number)| Label {
                source: source.into_bytes().into(),
                time: Time::new(secs, nanos).unwrap(),
                number,
            },
        )
    }

    pub(in crate::format::log) fn tag_names() -> impl Strategy<Value = String> {
        "[a-zü][a-zü0-9_+=,;!-]{0,30}"
    }

    fn operations() -> impl Strategy<Value = Operation> {
        let id = || any::<[u8; 32]>().prop_map(SnapshotId);
        let tag = || (id(), tag_names().prop_map(Box::from));
        let packs = prop::collection::vec(any::<[u8; 32]>().prop_map(PackId), 0..4);
        let source = || "[a-z:]{1,20}".prop_map(|name| name.into_bytes().into_boxed_slice());
        let lost = prop::collection::btree_set(any::<u64>(), 0..4);
        prop_oneof![
            (id(), labels(), packs).prop_map(|(snapshot, label, packs)| Operation::Commit {
                snapshot,
                label,
                packs
            }),
            tag().prop_map(|(snapshot, name)| Operation::Tag { snapshot, name }),
            tag().prop_map(|(snapshot, name)| Operation::Untag { snapshot, name }),
            (id(), labels(), labels()).prop_map(|(snapshot, before, after)| Operation::Amend {
                snapshot,
                before,
                after
            }),
            (source(), source()).prop_map(|(before, after)| Operation::Rename { before, after }),
            (states(), lost).prop_map(|(state, lost)| Operation::Reset {
                state: Box::new(state),
                lost: lost.into_iter().collect()
            }),
            Just(Operation::Void),
        ]
    }

    fn records() -> impl Strategy<Value = Record> {
        let numbers = (1..=u64::MAX).prop_flat_map(|number| (Just(number), 0..number));
        let fixed = (any::<[u8; 32]>(), any::<[u8; 16]>(), any::<i64>());
        let name = || prop::collection::vec(any::<u8>(), 0..300);
        (numbers, fixed, (name(), name()), operations()).prop_map(
            |((number, last_prune), (before, transaction, secs), (host, user), operation)| Record {
                number,
                before: RecordHash(before),
                transaction: TransactionId(transaction),
                last_prune,
                made: Time::new(secs, 7).unwrap(),
                author: Author::new(&host, &user),
                operation,
            },
        )
    }

    fn keys() -> Keys {
        Keys::derive(&Secret([9; 32]))
    }

    proptest! {
        #[test]
        fn records_survive(record in records()) {
            let bytes = record.seal(&keys(), Salt([1; 32]));
            prop_assert!(Record::open(&keys(), record.number ^ 1, bytes.clone()).is_err());
            prop_assert_eq!(Record::open(&keys(), record.number, bytes), Ok(record));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Record::decode(&bytes);
        }
    }

    fn sample(operation: Operation) -> Record {
        Record {
            number: 7,
            before: RecordHash([1; 32]),
            transaction: TransactionId([2; 16]),
            last_prune: 3,
            made: Time::new(5, 6).unwrap(),
            author: Author::new(b"host", b"root"),
            operation,
        }
    }

    #[test]
    fn the_future_is_refused_or_skipped() {
        let record = sample(Operation::Void);
        let mut body = record.encode();
        assert_eq!(body.pop(), Some(0), "no parts");
        let with = |number: u8| [&body[..], &[1, number, 3, b'n', b'e', b'w']].concat();
        assert_eq!(Record::decode(&with(98)), Ok(record));
        let what = "record of the log";
        assert_eq!(Record::decode(&with(99)), Err(FormatError::Part { what, number: 49 }));
        // The kind is the last byte.
        *body.last_mut().unwrap() = 2;
        body.push(0);
        let refused = Record::decode(&body).unwrap_err();
        assert_eq!(refused, FormatError::Kind(2));
        assert!(refused.is_newer());
    }

    #[test]
    fn names_of_authors_are_cut() {
        assert_eq!(Author::new(&[b'x'; 1000], b"").host.len(), MAX_AUTHOR_NAME);
    }
}
