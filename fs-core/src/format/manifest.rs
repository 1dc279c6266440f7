use super::codec::{Cursor, Encode};
use super::limits::{MAX_ORIGIN, MAX_SOURCE_NAME};
use super::object::SingleFrame;
use super::{
    Content, Entry, Extensions, FormatError, Keys, LINK_RECORD_LEN, Salt, SnapshotId, Time, Version, v1,
};

/// Status of the run that a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Everything was imported.
    Complete,
    /// Some files vanished during the run (rsync's exit status 24).
    Vanished,
    /// Some files could not be read (rsync's 23).
    Partial,
    /// A limit stopped deletions (rsync's 25).
    Limited,
    /// Metadata may be later than the content: an old hard-link level was changed in place.
    Approximate,
    /// The status is unknown.
    Unknown,
}

impl Status {
    /// All statuses, in the order of their declaration, which is that of their numbers in the format.
    const ALL: [(Status, &'static str); 6] = [
        (Status::Complete, "complete"),
        (Status::Vanished, "vanished"),
        (Status::Partial, "partial"),
        (Status::Limited, "limited"),
        (Status::Approximate, "approximate"),
        (Status::Unknown, "unknown"),
    ];

    /// Name of the status, such as `complete`.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// Origin of a snapshot's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Host name of the machine.
    pub host: Box<[u8]>,
    /// Absolute path of the tree.
    pub path: Box<[u8]>,
}

/// Counts over a snapshot's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Names of regular files.
    pub files: u64,
    /// Directories, including the root.
    pub directories: u64,
    /// Names of all other entries.
    pub others: u64,
    /// Bytes of the regular files, counted for each name.
    pub bytes: u64,
    /// Entries that could not be imported, or that changed during the read.
    pub troubled: u64,
}

impl Totals {
    /// Whether the tree is empty. The folder that a new file system has does not count.
    pub fn is_empty(&self) -> bool {
        self.files + self.others == 0 && self.directories <= 2
    }

    /// Number of entries below the root.
    pub fn entries(&self) -> u64 {
        self.files.saturating_add(self.directories).saturating_add(self.others).saturating_sub(1)
    }
}

/// The manifest of a snapshot: one source at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name of the source, as shown to users. It contains no `/` and no NUL, and does not begin with `@`.
    pub source: Box<[u8]>,
    /// Time of the snapshot: the completion of its run, or for a dirvish image the beginning.
    pub time: Time,
    /// Time at which reading began. The next import reads a file changed since then, even if it looks the
    /// same.
    pub started: Time,
    /// Status of the run.
    pub status: Status,
    /// Entry of the root directory.
    pub root: Entry,
    /// Length of the hard-link table in bytes, a multiple of [`LINK_RECORD_LEN`].
    pub links_len: u64,
    /// Content of the hard-link table.
    pub links: Content,
    /// Counts over the tree.
    pub totals: Totals,
    /// Origin of the tree.
    pub origin: Origin,
    /// The snapshot that the tree was compared with during the import.
    pub parent: Option<SnapshotId>,
    /// The optional parts.
    pub extensions: Extensions,
}

impl Manifest {
    /// Id of the snapshot and bytes of the manifest's file.
    pub fn seal(&self, keys: &Keys, salt: Salt) -> (SnapshotId, Vec<u8>) {
        let body = self.encode();
        (keys.snapshot_id(&body), SingleFrame::MANIFEST.seal(keys, salt, &body))
    }

    /// Verifies and parses the manifest of the snapshot `name`.
    pub fn open(keys: &Keys, name: &SnapshotId, bytes: Vec<u8>) -> Result<Self, FormatError> {
        let body = SingleFrame::MANIFEST.open(keys, bytes)?;
        let is_other = keys.snapshot_id(&body) != *name;
        FormatError::invalid_if(is_other, "snapshot's name: it holds another snapshot")?;
        Self::decode(&body, keys.version())
    }

    /// Encodes the body within the seal.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.put_bytes(&self.source);
        self.time.encode(&mut out);
        self.started.encode(&mut out);
        out.push(self.status as u8);
        let mut root = Vec::new();
        self.root.encode(&mut root);
        out.put_bytes(&root);
        out.put_varint(self.links_len);
        self.links.encode(&mut out);
        let Totals { files, directories, others, bytes, troubled } = self.totals;
        [files, directories, others, bytes, troubled].into_iter().for_each(|count| out.put_varint(count));
        out.put_bytes(&self.origin.host);
        out.put_bytes(&self.origin.path);
        out.push(self.parent.is_some().into());
        self.parent.iter().for_each(|parent| out.extend(parent.0));
        self.extensions.encode(&mut out);
        out
    }

    /// Decodes the body within the seal.
    pub(crate) fn decode(body: &[u8], version: Version) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        if version == Version::One {
            v1::no_features(cursor.varint("features")?)?;
        }
        let source = cursor.bytes(MAX_SOURCE_NAME, "source's name")?;
        FormatError::invalid_if(!is_source_name(source), "source's name")?;
        let time = Time::decode(&mut cursor)?;
        let started = Time::decode(&mut cursor)?;
        let number = usize::from(cursor.u8("status")?);
        let (status, _) = *Status::ALL.get(number).ok_or(FormatError::Invalid("snapshot's status"))?;
        let root = Entry::decode(cursor.bytes(MAX_ORIGIN, "root directory")?)?;
        FormatError::invalid_if(!root.is_directory(), "root directory")?;
        let links_len = cursor.varint("length of the link table")?;
        FormatError::invalid_if(links_len % LINK_RECORD_LEN as u64 != 0, "length of the link table")?;
        let links = Content::decode(&mut cursor, links_len)?;
        let totals = Totals {
            files: cursor.varint("files")?,
            directories: cursor.varint("directories")?,
            others: cursor.varint("others")?,
            bytes: cursor.varint("bytes")?,
            troubled: cursor.varint("troubled")?,
        };
        let origin = Origin {
            host: cursor.bytes(MAX_ORIGIN, "host")?.into(),
            path: cursor.bytes(MAX_ORIGIN, "path")?.into(),
        };
        let parent = if cursor.flag("parent")? { Some(SnapshotId(cursor.array("parent")?)) } else { None };
        let mut extensions = Extensions::decode(&mut cursor, version)?;
        cursor.end("snapshot manifest")?;
        // The first imports did not record which entries they could not read.
        if version == Version::One && status == Status::Partial && extensions.unread.is_empty() {
            extensions.unread.more = totals.troubled;
        }
        Ok(Self {
            source: source.into(),
            time,
            started,
            status,
            root,
            links_len,
            links,
            totals,
            origin,
            parent,
            extensions,
        })
    }
}

/// Whether a source may have this name. The name is a folder in a mount, where `@` begins times.
pub(crate) fn is_source_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= MAX_SOURCE_NAME
        && name[0] != b'@'
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::entry::tests::entries;
    use crate::format::extensions::tests::extensions;
    use crate::format::{BlobId, Kind, Secret};

    fn manifests() -> impl Strategy<Value = Manifest> {
        let times = || (any::<i64>(), 0u32..1_000_000_000).prop_map(|(s, n)| Time::new(s, n).unwrap());
        let bytes = || prop::collection::vec(any::<u8>(), 0..40).prop_map(Vec::into_boxed_slice);
        let root = (entries(), any::<[u8; 32]>())
            .prop_map(|(e, id)| Entry { kind: Kind::Directory(BlobId(id)), ..e });
        (
            times(),
            times(),
            root,
            0..6usize,
            (bytes(), bytes()),
            any::<[u64; 5]>(),
            (any::<Option<[u8; 32]>>(), extensions()),
        )
            .prop_map(|(time, started, root, status, (host, path), counts, (parent, extensions))| {
                Manifest {
                    source: b"web\xff1".as_slice().into(),
                    time,
                    started,
                    status: Status::ALL[status].0,
                    root,
                    links_len: 0,
                    links: Content::empty(),
                    totals: Totals {
                        files: counts[0],
                        directories: counts[1],
                        others: counts[2],
                        bytes: counts[3],
                        troubled: counts[4],
                    },
                    origin: Origin { host, path },
                    parent: parent.map(SnapshotId),
                    extensions,
                }
            })
    }

    proptest! {
        #[test]
        fn manifests_survive(manifest in manifests()) {
            let keys = Keys::derive(&Secret([9; 32]));
            let (id, bytes) = manifest.seal(&keys, Salt([1; 32]));
            prop_assert_eq!(Manifest::open(&keys, &id, bytes.clone()), Ok(manifest));
            prop_assert!(Manifest::open(&keys, &SnapshotId([0; 32]), bytes).is_err());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Manifest::decode(&bytes, Version::One);
            let _ = Manifest::decode(&bytes, Version::Two);
        }
    }

    #[test]
    fn a_feature_that_version_1_never_had_is_refused() {
        assert_eq!(Manifest::decode(&[4], Version::One), Err(FormatError::Features(4)));
    }

    #[test]
    fn statuses_keep_their_numbers() {
        for (at, (status, _)) in Status::ALL.iter().enumerate() {
            assert_eq!(*status as usize, at);
        }
    }
}
