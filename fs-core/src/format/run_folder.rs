use super::codec::{Cursor, Encode};
use super::limits::MAX_NAME;
use super::{FormatError, Time};

/// The folder of a run at the time of its import. It identifies the run even if the folder's time changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    /// Lasting identity of the folder's file system; empty if there is none.
    pub file_system: Box<[u8]>,
    /// Inode number of the folder.
    pub inode: u64,
    /// Creation time of the folder, if its file system records it. Inode numbers are reused; this time is
    /// not.
    pub born: Option<Time>,
    /// Name of the folder, such as `daily.3`.
    pub name: Box<[u8]>,
}

/// Bytes of a file system's identity: a UUID is 16.
const MAX_FILE_SYSTEM: usize = 64;

impl RunFolder {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_bytes(&self.file_system);
        out.put_varint(self.inode);
        out.push(self.born.is_some().into());
        self.born.into_iter().for_each(|born| born.encode(&mut out));
        out.put_bytes(&self.name);
        out
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let file_system = cursor.bytes(MAX_FILE_SYSTEM, "run's file system")?.into();
        let inode = cursor.varint("run's inode")?;
        let born = if cursor.flag("run's folder")? { Some(Time::decode(&mut cursor)?) } else { None };
        let name = cursor.bytes(MAX_NAME, "run's folder")?.into();
        cursor.end("run's folder")?;
        Ok(Self { file_system, inode, born, name })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn run_folders() -> impl Strategy<Value = RunFolder> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most).prop_map(Vec::into_boxed_slice);
        let born = prop::option::of((any::<i64>(), 0u32..1_000_000_000)).prop_map(|t| Time::new(t?.0, t?.1));
        (bytes(17), any::<u64>(), born, bytes(20)).prop_map(|(file_system, inode, born, name)| RunFolder {
            file_system,
            inode,
            born,
            name,
        })
    }

    #[test]
    fn a_time_is_there_or_not() {
        for bytes in [&[0, 7, 2, 0][..], &[0, 7, 1], &[0, 7, 0, 1]] {
            assert!(RunFolder::decode(bytes).is_err(), "{bytes:?}");
        }
        let folder = RunFolder::decode(&[0, 7, 0, 1, b'x']).unwrap();
        assert_eq!((folder.inode, folder.born, &*folder.name), (7, None, &b"x"[..]));
    }
}
