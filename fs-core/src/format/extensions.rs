//! The parts of a manifest after its fixed fields.

use super::codec::{Cursor, Encode};
use super::parts::{UnknownPart, decode_parts, encode_parts};
use super::{Ancestor, CopiedFrom, FormatError, Run, RunFolder, UnreadPaths, Version, v1};

/// The extensions of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    /// The run of another program that the snapshot was imported from.
    pub run: Option<Run>,
    /// Number of the snapshot among those of its source in the same second, from 1. It is assigned at the
    /// commit.
    pub number: Option<u32>,
    /// Paths that could not be read.
    pub unread: UnreadPaths,
    /// The directories above the tree, the root of the file system first. Empty if they are unknown.
    pub ancestors: Vec<Ancestor>,
    /// The folder that held the run when it was imported.
    pub run_folder: Option<RunFolder>,
    /// The snapshot that this one is a copy of.
    pub copied_from: Option<CopiedFrom>,
    /// Extensions of later versions, by number. A rewritten manifest keeps them.
    pub unknown: Vec<UnknownPart>,
}

const RUN: u64 = 1;
const NUMBER: u64 = 2;
const UNREAD: u64 = 3;
const ANCESTORS: u64 = 4;
const RUN_FOLDER: u64 = 5;
const COPIED_FROM: u64 = 6;

impl Extensions {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let known = [
            (RUN, self.run.as_ref().map(Run::encode)),
            (NUMBER, self.number.map(encode_number)),
            (UNREAD, (!self.unread.is_empty()).then(|| self.unread.encode())),
            (ANCESTORS, (!self.ancestors.is_empty()).then(|| Ancestor::encode_all(&self.ancestors))),
            (RUN_FOLDER, self.run_folder.as_ref().map(RunFolder::encode)),
            (COPIED_FROM, self.copied_from.as_ref().map(CopiedFrom::encode)),
        ];
        let known = known.into_iter().filter_map(|(tag, body)| Some((tag, body?)));
        let unknown = self.unknown.iter().map(|(tag, body)| (*tag, body.to_vec()));
        encode_parts(&known.chain(unknown).collect::<Vec<_>>(), out);
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>, version: Version) -> Result<Self, FormatError> {
        let mut extensions = Self::default();
        extensions.unknown = match version {
            Version::One => {
                let all = v1::extensions(cursor)?;
                let mut unknown = Vec::new();
                for (number, body) in all {
                    if !extensions.take(number, &body)? {
                        unknown.push((number, body));
                    }
                }
                unknown
            }
            Version::Two => {
                decode_parts(cursor, "snapshot manifest", |number, body| extensions.take(number, body))?
            }
        };
        Ok(extensions)
    }

    /// Takes one part. Returns false if it is not known.
    fn take(&mut self, number: u64, body: &[u8]) -> Result<bool, FormatError> {
        match number {
            RUN => self.run = Some(Run::decode(body)?),
            NUMBER => self.number = Some(decode_number(body)?),
            UNREAD => self.unread = UnreadPaths::decode(body)?,
            ANCESTORS => self.ancestors = Ancestor::decode_all(body)?,
            RUN_FOLDER => self.run_folder = Some(RunFolder::decode(body)?),
            COPIED_FROM => self.copied_from = Some(CopiedFrom::decode(body)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn encode_number(number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_varint(number.into());
    out
}

fn decode_number(body: &[u8]) -> Result<u32, FormatError> {
    let mut cursor = Cursor::new(body);
    let number = u32::try_from(cursor.varint("snapshot's number")?).ok().filter(|number| *number > 0);
    cursor.end("snapshot's number")?;
    number.ok_or(FormatError::Invalid("snapshot's number"))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::ancestors::tests::ancestors;
    use crate::format::copied_from::tests::originals;
    use crate::format::run::tests::runs;
    use crate::format::run_folder::tests::run_folders;
    use crate::format::unread::tests::unread;

    pub(crate) fn extensions() -> impl Strategy<Value = Extensions> {
        let unknown = (7u64..1 << 62, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(tag, body)| (tag, body.into_boxed_slice()));
        (
            prop::option::of(runs()),
            prop::option::of(1u32..),
            unread(),
            prop::collection::vec(ancestors(), 0..4),
            prop::option::of(run_folders()),
            prop::option::of(originals()),
            prop::collection::vec(unknown, 0..3),
        )
            .prop_map(|(run, number, unread, ancestors, run_folder, copied_from, unknown)| {
                Extensions { run, number, unread, ancestors, run_folder, copied_from, unknown }
            })
    }

    #[test]
    fn a_part_that_is_there_twice_is_refused() {
        let decode = |bytes: &[u8]| Extensions::decode(&mut Cursor::new(bytes), Version::Two);
        let twice = [&[2][..], &[4, 1, 1], &[4, 1, 2]].concat();
        assert!(decode(&twice).is_err());
        assert!(decode(&twice[..4]).is_err());
        assert_eq!(decode(&[1, 4, 1, 7]).unwrap().number, Some(7));
    }

    #[test]
    fn a_number_of_zero_is_refused() {
        assert!(Extensions::decode(&mut Cursor::new(&[1, 4, 1, 0]), Version::Two).is_err());
    }
}
