use super::BlobId;
use super::FormatError;
use super::codec::Cursor;
use super::limits::MAX_INLINE;

/// Location of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// In the entry itself: at most [`MAX_INLINE`] bytes, none for an empty file.
    Inline(Box<[u8]>),
    /// In one blob.
    Blob(BlobId),
    /// In the chunks of a chunk list ([`super::ChunkList`]).
    Chunks(BlobId),
    /// Nowhere: the import could not read it.
    NotRead,
}

const INLINE: u8 = 0;
const BLOB: u8 = 1;
const CHUNKS: u8 = 2;

impl Content {
    /// Content of an empty file.
    pub fn empty() -> Self {
        Content::Inline(Box::default())
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (kind, bytes) = match self {
            Content::Inline(bytes) => (INLINE, &**bytes),
            Content::Blob(id) => (BLOB, &id.0[..]),
            Content::Chunks(id) => (CHUNKS, &id.0[..]),
            Content::NotRead => unreachable!("an entry without its content has no such field"),
        };
        out.push(kind);
        out.extend_from_slice(bytes);
    }

    /// Decodes a content. `size` is the file's size, which precedes its content.
    pub(super) fn decode(cursor: &mut Cursor<'_>, size: u64) -> Result<Self, FormatError> {
        match cursor.u8("content kind")? {
            INLINE if size <= MAX_INLINE as u64 => {
                Ok(Content::Inline(cursor.take(size as usize, "inline content")?.into()))
            }
            BLOB => Ok(Content::Blob(BlobId(cursor.array("content id")?))),
            CHUNKS => Ok(Content::Chunks(BlobId(cursor.array("chunk list id")?))),
            _ => Err(FormatError::Invalid("content kind")),
        }
    }
}
