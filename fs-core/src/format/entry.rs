use super::FormatError;
use super::codec::{Cursor, Encode};
use super::limits::{MAX_FILE, MAX_INLINE_XATTRS, MAX_TARGET};
use super::{BlobId, Content, Gaps, Keys, NotRead, Time, XattrSet};

/// Attributes of every entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with set-user-id, set-group-id and sticky: at most `0o7777`.
    pub mode: u16,
    /// User id of the owner.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Last modification of the content.
    pub mtime: Time,
}

/// Type and content of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// Number of these bytes that are in holes.
        holes: u64,
        /// Location of the bytes.
        content: Content,
    },
    /// A directory: the id of its topmost node.
    Directory(BlobId),
    /// A symbolic link and its target, which is empty only if it could not be read.
    Symlink(Box<[u8]>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix domain socket.
    Socket,
}

/// Location of an entry's extended attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Xattrs {
    /// The entry has none.
    None,
    /// In the entry itself.
    Inline(XattrSet),
    /// In a blob, for a long set.
    Blob(BlobId),
}

/// An entry of a directory, without its name, which the directory keeps. Snapshots share equal entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Mode, owner, time.
    pub attributes: Attributes,
    /// Type and content.
    pub kind: Kind,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// True if the file kept changing during the read. Its bytes may never have existed together.
    pub changed_while_read: bool,
    /// What could not be read of it.
    pub gaps: Gaps,
}

const FILE: u8 = 1;
const DIRECTORY: u8 = 2;
const SYMLINK: u8 = 3;
const CHAR_DEVICE: u8 = 4;
const BLOCK_DEVICE: u8 = 5;
const FIFO: u8 = 6;
const SOCKET: u8 = 7;
const KIND_MASK: u8 = 0x0f;

const XATTRS_INLINE: u8 = 0x10;
const XATTRS_BLOB: u8 = 0x20;
const CHANGED_WHILE_READ: u8 = 0x40;
const GAPS: u8 = 0x80;

impl Entry {
    /// Whether the entry is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// Length as `stat` reports it: a file's bytes, a symlink's target, or else 0.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File { size, .. } => *size,
            Kind::Symlink(target) => target.len() as u64,
            _ => 0,
        }
    }

    /// Whether an encoded entry is a directory.
    pub fn encodes_directory(body: &[u8]) -> bool {
        body.first().is_some_and(|tag| tag & KIND_MASK == DIRECTORY)
    }

    /// Whether an encoded entry is no directory, and lacks its content.
    pub fn encodes_not_read(body: &[u8]) -> bool {
        matches!(body, [tag, gaps, ..] if tag & GAPS != 0 && Gaps::lack_content(*gaps))
            && !Self::encodes_directory(body)
    }

    /// The reason why the content could not be read; `None` if it was read.
    pub fn not_read(&self) -> Option<&NotRead> {
        self.gaps.content.as_ref()
    }

    /// Id of the content, in the sense of [`NotRead::before`]. If the content was not read: the id of the one
    /// before. `None` if the kind of entry has no content.
    pub fn content_id(&self, keys: &Keys) -> Option<BlobId> {
        if let Some(not_read) = self.not_read() {
            return not_read.before;
        }
        match &self.kind {
            Kind::File { content: Content::Inline(bytes), .. } | Kind::Symlink(bytes) => {
                Some(keys.blob_id(bytes))
            }
            Kind::File { content: Content::Blob(id) | Content::Chunks(id), .. } | Kind::Directory(id) => {
                Some(*id)
            }
            _ => None,
        }
    }

    /// Appends the canonical encoding: equal entries have equal bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::File { .. } => FILE,
            Kind::Directory(_) => DIRECTORY,
            Kind::Symlink(_) => SYMLINK,
            Kind::CharDevice { .. } => CHAR_DEVICE,
            Kind::BlockDevice { .. } => BLOCK_DEVICE,
            Kind::Fifo => FIFO,
            Kind::Socket => SOCKET,
        };
        let xattrs = match self.xattrs {
            Xattrs::None => 0,
            Xattrs::Inline(_) => XATTRS_INLINE,
            Xattrs::Blob(_) => XATTRS_BLOB,
        };
        let changed = if self.changed_while_read { CHANGED_WHILE_READ } else { 0 };
        let gaps = if self.gaps.is_empty() { 0 } else { GAPS };
        out.push(kind | xattrs | changed | gaps);
        if !self.gaps.is_empty() {
            self.gaps.encode(out);
        }
        out.put_varint(u64::from(self.attributes.mode));
        out.put_varint(u64::from(self.attributes.uid));
        out.put_varint(u64::from(self.attributes.gid));
        self.attributes.mtime.encode(out);
        match &self.kind {
            Kind::File { size, content: Content::NotRead, .. } => out.put_varint(*size),
            Kind::File { size, holes, content } => {
                out.put_varint(*size);
                out.put_varint(*holes);
                content.encode(out);
            }
            Kind::Directory(id) => out.extend(id.0),
            Kind::Symlink(target) if target.is_empty() => {}
            Kind::Symlink(target) => out.put_bytes(target),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                out.put_varint(u64::from(*major));
                out.put_varint(u64::from(*minor));
            }
            Kind::Fifo | Kind::Socket => {}
        }
        match &self.xattrs {
            Xattrs::None => {}
            Xattrs::Inline(set) => out.put_bytes(&set.encode()),
            Xattrs::Blob(id) => out.extend(id.0),
        }
    }

    /// Decodes an entry. `bytes` must be the whole entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let tag = cursor.u8("entry kind")?;
        let gaps = if tag & GAPS == 0 { Gaps::default() } else { Gaps::decode(&mut cursor)? };
        let attributes = Attributes {
            mode: cursor.bounded(0o7777, "mode")? as u16,
            uid: cursor.bounded(u64::from(u32::MAX), "uid")? as u32,
            gid: cursor.bounded(u64::from(u32::MAX), "gid")? as u32,
            mtime: Time::decode(&mut cursor)?,
        };
        let kind = decode_kind(&mut cursor, tag & KIND_MASK, gaps.content.is_some())?;
        let is_directory = matches!(kind, Kind::Directory(_));
        FormatError::invalid_if(gaps.are_of_directory() && !is_directory, "gaps")?;
        let xattrs = match tag & (XATTRS_INLINE | XATTRS_BLOB) {
            0 => Xattrs::None,
            XATTRS_INLINE => {
                let set = XattrSet::decode(cursor.bytes(MAX_INLINE_XATTRS, "extended attributes")?)?;
                FormatError::invalid_if(set.is_empty(), "extended attributes")?;
                Xattrs::Inline(set)
            }
            XATTRS_BLOB => Xattrs::Blob(BlobId(cursor.array("extended attributes' id")?)),
            _ => return Err(FormatError::Invalid("entry kind")),
        };
        cursor.end("entry")?;
        Ok(Self { attributes, kind, xattrs, changed_while_read: tag & CHANGED_WHILE_READ != 0, gaps })
    }
}

fn decode_kind(cursor: &mut Cursor<'_>, kind: u8, not_read: bool) -> Result<Kind, FormatError> {
    let number =
        |cursor: &mut Cursor<'_>| cursor.bounded(u64::from(u32::MAX), "device").map(|number| number as u32);
    Ok(match kind {
        FILE => {
            let size = cursor.bounded(MAX_FILE, "file size")?;
            if not_read {
                return Ok(Kind::File { size, holes: 0, content: Content::NotRead });
            }
            let holes = cursor.bounded(size, "bytes in holes")?;
            Kind::File { size, holes, content: Content::decode(cursor, size)? }
        }
        DIRECTORY => Kind::Directory(BlobId(cursor.array("directory id")?)),
        SYMLINK if not_read => Kind::Symlink(Box::default()),
        SYMLINK => match cursor.bytes(MAX_TARGET, "symlink target")? {
            [] => return Err(FormatError::Invalid("symlink target")),
            target => Kind::Symlink(target.into()),
        },
        // Nothing of the other kinds is read but their attributes.
        CHAR_DEVICE | BLOCK_DEVICE | FIFO | SOCKET if not_read => return Err(FormatError::Invalid("gaps")),
        CHAR_DEVICE => Kind::CharDevice { major: number(cursor)?, minor: number(cursor)? },
        BLOCK_DEVICE => Kind::BlockDevice { major: number(cursor)?, minor: number(cursor)? },
        FIFO => Kind::Fifo,
        SOCKET => Kind::Socket,
        _ => return Err(FormatError::Invalid("entry kind")),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::gaps::tests::not_read;
    use super::*;

    pub(in crate::format) fn entries() -> impl Strategy<Value = Entry> {
        let id = any::<[u8; 32]>().prop_map(BlobId);
        let file = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..=32)
                .prop_map(|bytes| (bytes.len() as u64, Content::Inline(bytes.into()))),
            (0..=MAX_FILE, id.clone()).prop_map(|(size, id)| (size, Content::Blob(id))),
            (0..=MAX_FILE, id.clone()).prop_map(|(size, id)| (size, Content::Chunks(id))),
        ]
        .prop_map(|(size, content)| Kind::File { size, holes: size / 3, content });
        let kind = prop_oneof![
            file,
            id.clone().prop_map(Kind::Directory),
            prop::collection::vec(any::<u8>(), 1..300).prop_map(|target| Kind::Symlink(target.into())),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
            Just(Kind::Fifo),
            Just(Kind::Socket),
        ];
        let bytes = || prop::collection::vec(any::<u8>(), 1..20).prop_map(Vec::into_boxed_slice);
        let xattrs = prop_oneof![
            Just(Xattrs::None),
            prop::collection::vec((bytes(), bytes()), 1..5)
                .prop_map(|pairs| Xattrs::Inline(XattrSet::new(pairs).unwrap())),
            id.prop_map(Xattrs::Blob),
        ];
        let attributes = (0u16..=0o7777, any::<(u32, u32, i64)>(), 0u32..1_000_000_000).prop_map(
            |(mode, (uid, gid, secs), nanos)| Attributes {
                mode,
                uid,
                gid,
                mtime: Time::new(secs, nanos).unwrap(),
            },
        );
        let gaps = (prop::option::weighted(0.3, not_read()), any::<(bool, [bool; 3])>());
        (attributes, kind, xattrs, any::<bool>(), gaps).prop_map(
            |(attributes, mut kind, xattrs, changed_while_read, (content, (no_xattrs, of_directory)))| {
                let is_directory = matches!(kind, Kind::Directory(_));
                let content = content.filter(|_| match &mut kind {
                    Kind::File { holes, content, .. } => {
                        (*holes, *content) = (0, Content::NotRead);
                        true
                    }
                    Kind::Symlink(target) => {
                        *target = Box::default();
                        true
                    }
                    _ => is_directory,
                });
                let [below, excluded, left_out] = of_directory.map(|gap| gap && is_directory);
                let gaps = Gaps { content, xattrs: no_xattrs, below, excluded, left_out };
                Entry { attributes, kind, xattrs, changed_while_read, gaps }
            },
        )
    }

    proptest! {
        #[test]
        fn entries_survive(entry in entries()) {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            prop_assert_eq!(Entry::decode(&bytes), Ok(entry));
        }
    }
}
