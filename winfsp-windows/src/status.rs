//! Errors as the codes of Windows.

use fs_core::view::ViewError;

/// An `NTSTATUS` ([MS-ERREF] 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// The operation does not fit the object.
    pub const INVALID_DEVICE_REQUEST: Self = Self(0xc000_0010);
    /// The offset is at the end of the file or beyond.
    pub const END_OF_FILE: Self = Self(0xc000_0011);
    /// There is no driver.
    pub const NO_SUCH_DEVICE: Self = Self(0xc000_000e);
    /// There is no object of this name.
    pub const OBJECT_NAME_NOT_FOUND: Self = Self(0xc000_0034);
    /// The name exists already.
    pub const OBJECT_NAME_COLLISION: Self = Self(0xc000_0035);
    /// A directory of the path does not exist.
    pub const OBJECT_PATH_NOT_FOUND: Self = Self(0xc000_003a);
    /// The volume is read-only.
    pub const MEDIA_WRITE_PROTECTED: Self = Self(0xc000_00a2);
    /// The operation needs something other than a directory.
    pub const FILE_IS_A_DIRECTORY: Self = Self(0xc000_00ba);
    /// The disk failed.
    pub const UNEXPECTED_IO_ERROR: Self = Self(0xc000_00e9);
    /// The stored data is damaged.
    pub const FILE_CORRUPT_ERROR: Self = Self(0xc000_0102);
    /// The operation needs a directory.
    pub const NOT_A_DIRECTORY: Self = Self(0xc000_0103);
    /// The object is no link.
    pub const NOT_A_REPARSE_POINT: Self = Self(0xc000_0275);
    /// The answer does not fit into the buffer. Its length is returned.
    pub const BUFFER_OVERFLOW: Self = Self(0x8000_0005);
    /// The answer does not fit into the buffer.
    pub const BUFFER_TOO_SMALL: Self = Self(0xc000_0023);
}

/// Faults of the repository are also logged, because a code cannot describe them.
impl From<ViewError> for Status {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::NotFound => Self::OBJECT_NAME_NOT_FOUND,
            ViewError::NotADirectory => Self::NOT_A_DIRECTORY,
            ViewError::IsADirectory => Self::FILE_IS_A_DIRECTORY,
            ViewError::WrongKind => Self::INVALID_DEVICE_REQUEST,
            ViewError::NotRead(_) => {
                log::info!("{error}");
                Self::UNEXPECTED_IO_ERROR
            }
            error => {
                log::error!("{error}");
                match error {
                    ViewError::Store(error) if error.is_damage() => Self::FILE_CORRUPT_ERROR,
                    _ => Self::UNEXPECTED_IO_ERROR,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fs_core::store::{Object, StoreError};

    use super::*;

    #[test]
    fn damage_has_a_status_of_its_own() {
        assert_eq!(Status::from(ViewError::NotFound), Status::OBJECT_NAME_NOT_FOUND);
        assert_eq!(
            Status::from(ViewError::Store(StoreError::Missing(Object::config()))),
            Status::FILE_CORRUPT_ERROR
        );
        let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
        let error = StoreError::Io { action: "read", object: "x".into(), source };
        assert_eq!(Status::from(ViewError::Store(error)), Status::UNEXPECTED_IO_ERROR);
    }
}
