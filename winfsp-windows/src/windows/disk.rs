use std::io;
use std::os::windows::ffi::OsStrExt;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

/// The size of a folder's disk, and the room on it for this user, in bytes.
#[expect(unsafe_code, reason = "std has no function for the room on a disk")]
pub(super) fn room(folder: &Path) -> io::Result<(u64, u64)> {
    let folder: Vec<u16> = folder.as_os_str().encode_wide().chain([0]).collect();
    let (mut free, mut total) = (0, 0);
    // SAFETY: the path ends in a zero and outlives the call. Only the call uses the two numbers. The third
    // may be null.
    let done =
        unsafe { GetDiskFreeSpaceExW(folder.as_ptr(), &raw mut free, &raw mut total, std::ptr::null_mut()) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok((total, free)) }
}
