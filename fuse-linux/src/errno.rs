use fs_core::view::ViewError;
use fuser::Errno;

/// The errno of an error. Faults of the repository are also logged, because an errno cannot describe them.
pub(crate) fn errno(error: &ViewError) -> Errno {
    match error {
        ViewError::NotFound => Errno::ENOENT,
        ViewError::NotADirectory => Errno::ENOTDIR,
        ViewError::IsADirectory => Errno::EISDIR,
        ViewError::WrongKind => Errno::EINVAL,
        ViewError::NotRead(_) => {
            log::info!("{error}");
            Errno::EIO
        }
        error => {
            log::error!("{error}");
            Errno::EIO
        }
    }
}
