//! Fields that several layouts of the log have.

use crate::format::codec::Cursor;
use crate::format::limits::{MAX_RECORD, MAX_SOURCE_NAME, MAX_TAG_NAME};
use crate::format::{FormatError, PackId, SnapshotId, check_tag_name, is_source_name};

/// Takes the name of a source.
pub(super) fn decode_source(cursor: &mut Cursor<'_>) -> Result<Box<[u8]>, FormatError> {
    let source = cursor.bytes(MAX_SOURCE_NAME, "source's name")?;
    FormatError::invalid_if(!is_source_name(source), "source's name")?;
    Ok(source.into())
}

/// Takes the ids of packs, of which there may be as many as there are bytes.
pub(super) fn decode_packs(cursor: &mut Cursor<'_>) -> Result<Vec<PackId>, FormatError> {
    let count = cursor.count(MAX_RECORD, 32, "packs")?;
    (0..count).map(|_| Ok(PackId(cursor.array("pack")?))).collect()
}

/// Takes a snapshot and the name of a tag.
pub(super) fn decode_tag(cursor: &mut Cursor<'_>) -> Result<(SnapshotId, Box<str>), FormatError> {
    let snapshot = SnapshotId(cursor.array("tag's snapshot")?);
    let name = cursor.bytes(MAX_TAG_NAME, "tag's name")?;
    let name = check_tag_name(name).map_err(|_| FormatError::Invalid("tag's name"))?;
    Ok((snapshot, name.into()))
}
