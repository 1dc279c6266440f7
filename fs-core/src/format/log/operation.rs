use super::fields::{decode_packs, decode_source, decode_tag};
use super::label::Label;
use super::state::LogState;
use crate::format::codec::{Cursor, Encode};
use crate::format::limits::MAX_RECORD;
use crate::format::{FormatError, PackId, SnapshotId};

const COMMIT: u8 = 1;
// Forgetting and its undoing will have the numbers 2 and 3, and pruning 6.
const TAG: u8 = 4;
const UNTAG: u8 = 5;
const AMEND: u8 = 7;
const RENAME: u8 = 8;
const RESET: u8 = 9;
const VOID: u8 = 10;

/// A change of the repository's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Publishes a snapshot, and announces the packs that were stored for it.
    Commit {
        /// The snapshot.
        snapshot: SnapshotId,
        /// What it is known by.
        label: Label,
        /// The packs. They count from this record on.
        packs: Vec<PackId>,
    },
    /// Gives a snapshot a tag.
    Tag {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Name of the tag; see [`check_tag_name`](crate::format::check_tag_name).
        name: Box<str>,
    },
    /// Takes a tag from a snapshot.
    Untag {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Name of the tag.
        name: Box<str>,
    },
    /// Changes what a snapshot is known by.
    Amend {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The label before. It stays known.
        before: Label,
        /// The label from this record on.
        after: Label,
    },
    /// Renames a source: changes it in the labels of all its snapshots.
    Rename {
        /// The name before.
        before: Box<[u8]>,
        /// The name from this record on. No source has it.
        after: Box<[u8]>,
    },
    /// Replaces the state after damage. No record before it counts any more.
    Reset {
        /// The state, of the records up to the number before this one.
        state: Box<LogState>,
        /// Numbers of the records that are missing or damaged, in order.
        lost: Vec<u64>,
    },
    /// Changes nothing. It takes a number that is missing, so that no late writer wins it.
    Void,
}

impl Operation {
    /// The word for this kind of change.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Commit { .. } => "commit",
            Operation::Tag { .. } => "tag",
            Operation::Untag { .. } => "untag",
            Operation::Amend { .. } => "amend",
            Operation::Rename { .. } => "rename",
            Operation::Reset { .. } => "reset",
            Operation::Void => "void",
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Operation::Commit { snapshot, label, packs } => {
                out.push(COMMIT);
                out.extend(snapshot.0);
                label.encode(out);
                out.put_varint(packs.len() as u64);
                packs.iter().for_each(|pack| out.extend(pack.0));
            }
            Operation::Tag { snapshot, name } | Operation::Untag { snapshot, name } => {
                out.push(if matches!(self, Operation::Tag { .. }) { TAG } else { UNTAG });
                out.extend(snapshot.0);
                out.put_bytes(name.as_bytes());
            }
            Operation::Amend { snapshot, before, after } => {
                out.push(AMEND);
                out.extend(snapshot.0);
                before.encode(out);
                after.encode(out);
            }
            Operation::Rename { before, after } => {
                out.push(RENAME);
                out.put_bytes(before);
                out.put_bytes(after);
            }
            Operation::Reset { state, lost } => {
                out.push(RESET);
                state.encode(out);
                out.put_varint(lost.len() as u64);
                lost.iter().for_each(|number| out.put_varint(*number));
            }
            Operation::Void => out.push(VOID),
        }
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        Ok(match cursor.u8("record's kind")? {
            COMMIT => Operation::Commit {
                snapshot: SnapshotId(cursor.array("record's snapshot")?),
                label: Label::decode(cursor)?,
                packs: decode_packs(cursor)?,
            },
            TAG => {
                let (snapshot, name) = decode_tag(cursor)?;
                Operation::Tag { snapshot, name }
            }
            UNTAG => {
                let (snapshot, name) = decode_tag(cursor)?;
                Operation::Untag { snapshot, name }
            }
            AMEND => Operation::Amend {
                snapshot: SnapshotId(cursor.array("record's snapshot")?),
                before: Label::decode(cursor)?,
                after: Label::decode(cursor)?,
            },
            RENAME => Operation::Rename { before: decode_source(cursor)?, after: decode_source(cursor)? },
            RESET => {
                let state = Box::new(LogState::take(cursor)?);
                let count = cursor.count(MAX_RECORD, 1, "lost records")?;
                let lost = (0..count).map(|_| cursor.varint("lost record")).collect::<Result<Vec<_>, _>>()?;
                FormatError::invalid_if(!lost.is_sorted_by(|one, other| one < other), "lost records")?;
                Operation::Reset { state, lost }
            }
            VOID => Operation::Void,
            kind => return Err(FormatError::Kind(kind)),
        })
    }
}
