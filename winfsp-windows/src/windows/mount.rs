use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use fs_core::view::View;
use winfsp::FspError;
use winfsp::host::{FileSystemHost, FileSystemParams, VolumeParams};

use super::filesystem::Drive;
use super::runtime;
use crate::info::UNIT;
use crate::options::{MountError, MountOptions};
use crate::status::Status;

const SECTOR: u16 = 512;
const SECTORS: u16 = 8;
const _: () = assert!(UNIT == SECTOR as u64 * SECTORS as u64);
/// Cache lifetime of the driver, in milliseconds. It is short because new snapshots appear.
const LIFETIME: u32 = 1000;
/// Cache lifetime of security descriptors, in milliseconds.
const SECURITY_LIFETIME: u32 = 60_000;

/// A drive that this process serves. Dropping it unmounts.
pub struct Mount {
    host: FileSystemHost<Drive>,
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount").finish_non_exhaustive()
    }
}

/// Mounts `view` at a drive such as `Z:`, or at a folder that does not exist yet. `on_end` is called if
/// WinFsp stops by itself, for example when its driver stops.
pub fn mount(
    view: View,
    point: &OsStr,
    options: &MountOptions,
    on_end: impl Fn() + Send + Sync + 'static,
) -> Result<Mount, MountError> {
    runtime::load()?;
    let name = point.to_string_lossy();
    let mut view = view.for_mount();
    view.is_shared |= options.allow_other;
    let parameters =
        FileSystemParams { use_dir_info_by_name: true, ..FileSystemParams::default_params(volume()) };
    let drive = Drive::new(view, options, Box::new(on_end));
    let mut host: FileSystemHost<Drive> = FileSystemHost::new_with_options(parameters, drive)
        .map_err(|error| MountError::creating(&name, status(error)))?;
    host.mount(&mount_point(point)).map_err(|error| MountError::mounting(&name, status(error)))?;
    host.start().map_err(|error| MountError::creating(&name, status(error)))?;
    Ok(Mount { host })
}

/// The mount point in WinFsp's form: a drive without the backslash of its root, or an absolute path of a
/// folder.
fn mount_point(point: &OsStr) -> OsString {
    let text = point.to_string_lossy();
    let drive = text.strip_suffix(['\\', '/']).unwrap_or(&text);
    if drive.len() == 2 && drive.ends_with(':') {
        return drive.into();
    }
    std::path::absolute(point).map_or_else(|_| point.to_owned(), PathBuf::into_os_string)
}

impl Mount {
    /// Unmounts, and waits for the requests in progress.
    pub fn unmount(mut self) {
        self.host.unmount();
        self.host.stop();
    }
}

fn volume() -> VolumeParams {
    let mut volume = VolumeParams::new();
    volume
        .filesystem_name("yester")
        .sector_size(SECTOR)
        .sectors_per_allocation_unit(SECTORS)
        .max_component_length(255)
        .case_sensitive_search(false)
        .case_preserved_names(true)
        .unicode_on_disk(true)
        .persistent_acls(true)
        .reparse_points(true)
        .read_only_volume(true)
        .pass_query_directory_pattern(true)
        .pass_query_directory_filename(true)
        .post_cleanup_when_modified_only(true)
        .file_info_timeout(LIFETIME)
        .dir_info_timeout(LIFETIME)
        .volume_info_timeout(LIFETIME)
        .security_timeout(SECURITY_LIFETIME);
    volume
}

fn status(error: impl Into<FspError>) -> Status {
    Status(error.into().to_ntstatus().cast_unsigned())
}
