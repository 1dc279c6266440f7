use super::FormatError;
use super::codec::{Cursor, Encode};
use super::limits::MAX_NAME;

/// The folder that held a run when it was imported: it tells the run again when the folder's time was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    /// What tells its file system from others on this machine and after a reboot; empty when nothing does.
    pub file_system: Box<[u8]>,
    /// Its inode number.
    pub inode: u64,
    /// Its name, such as `daily.3`.
    pub name: Box<[u8]>,
}

/// Bytes of a file system's identity: a UUID is 16.
const MAX_FILE_SYSTEM: usize = 64;

impl RunFolder {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_bytes(&self.file_system);
        out.put_varint(self.inode);
        out.put_bytes(&self.name);
        out
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let file_system = cursor.bytes(MAX_FILE_SYSTEM, "run's file system")?.into();
        let inode = cursor.varint("run's inode")?;
        let name = cursor.bytes(MAX_NAME, "run's folder")?.into();
        cursor.end("run's folder")?;
        Ok(Self { file_system, inode, name })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn run_folders() -> impl Strategy<Value = RunFolder> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most).prop_map(Vec::into_boxed_slice);
        (bytes(17), any::<u64>(), bytes(20)).prop_map(|(file_system, inode, name)| RunFolder {
            file_system,
            inode,
            name,
        })
    }
}
