use std::io;
use std::os::windows::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use windows_registry::LOCAL_MACHINE;
use windows_sys::Win32::System::LibraryLoader::{LOAD_WITH_ALTERED_SEARCH_PATH, LoadLibraryExW};
use winfsp::{FspInit, winfsp_init};

use crate::options::MountError;

/// The registry keys in which the installer of WinFsp records its folder. The first is used on 64-bit Intel
/// machines, the second where it is native.
const KEYS: [&str; 2] = [r"SOFTWARE\WOW6432Node\WinFsp", r"SOFTWARE\WinFsp"];
const LIBRARY: &str = if cfg!(target_arch = "aarch64") { "winfsp-a64.dll" } else { "winfsp-x64.dll" };

/// Loads WinFsp from its installation folder only.
pub(super) fn load() -> Result<FspInit, MountError> {
    let library = installed().ok_or(MountError::NotInstalled)?;
    let failed = |reason: String| MountError::NotLoaded { path: library.display().to_string(), reason };
    load_library(&library).map_err(|error| failed(error.to_string()))?;
    // The library is already loaded, so this finds it by its name.
    winfsp_init().map_err(|error| failed(format!("{error:?}")))
}

fn installed() -> Option<PathBuf> {
    let folder = |key: &&str| LOCAL_MACHINE.open(key).ok()?.get_string("InstallDir").ok();
    let library = Path::new(&KEYS.iter().find_map(folder)?).join("bin").join(LIBRARY);
    // An entry left in the registry does not mean that WinFsp is installed.
    library.is_file().then_some(library)
}

#[expect(unsafe_code, reason = "the linker's own loading would look for it in the folders of PATH only")]
fn load_library(path: &Path) -> io::Result<()> {
    let wide: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the path ends in a zero and outlives the call. Loading the library runs only WinFsp's own code,
    // from the folder that an administrator installed it in.
    let module =
        unsafe { LoadLibraryExW(wide.as_ptr(), std::ptr::null_mut(), LOAD_WITH_ALTERED_SEARCH_PATH) };
    if module.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
}
