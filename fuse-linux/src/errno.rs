use fs_core::view::ViewError;
use fuser::Errno;

/// The code for an error. What is wrong with the repository is logged, as the code cannot tell it.
pub(crate) fn errno(error: &ViewError) -> Errno {
    match error {
        ViewError::NotFound => Errno::ENOENT,
        ViewError::NotADirectory => Errno::ENOTDIR,
        ViewError::IsADirectory => Errno::EISDIR,
        ViewError::WrongKind => Errno::EINVAL,
        error => {
            log::error!("{error}");
            Errno::EIO
        }
    }
}
