use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use fs_core::view::{View, ViewError};
use winfsp::filesystem::{
    DirInfo, DirMarker, FileInfo, FileSecurity, FileSystemContext, ModificationDescriptor, OpenFileInfo,
    VolumeInfo, WideNameInfo,
};
use winfsp::{FspError, Result, U16CStr};

use super::{disk, user};
use crate::info::Info;
use crate::link::{Link, reparse_buffer};
use crate::listed::Listed;
use crate::options::MountOptions;
use crate::pattern::Pattern;
use crate::security::Security;
use crate::status::Status;
use crate::tree::{Found, Missing, Tree};

/// `FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_DELETE_CHILD | FILE_WRITE_ATTRIBUTES | DELETE |
/// WRITE_DAC | WRITE_OWNER`
const WRITE: u32 = 0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x1_0000 | 0x4_0000 | 0x8_0000;
/// `FILE_DELETE_ON_CLOSE`
const DELETE_ON_CLOSE: u32 = 0x1000;
/// Mask of the create options that WinFsp passes on.
const OPTIONS: u32 = 0x00ff_ffff;

/// The file system of a drive.
pub(super) struct Drive {
    tree: Tree,
    security: Security,
    label: String,
    on_end: Box<dyn Fn() + Send + Sync>,
}

/// An open file or directory.
pub(super) struct Handle {
    found: Found,
    /// The names of the listing in progress.
    listing: Mutex<Option<Arc<Listed>>>,
}

impl From<Status> for FspError {
    fn from(status: Status) -> Self {
        Self::NTSTATUS(status.0.cast_signed())
    }
}

fn refuse<T>(status: Status) -> Result<T> {
    Err(status.into())
}

fn failed(error: ViewError) -> FspError {
    Status::from(error).into()
}

impl Drive {
    pub(super) fn new(view: View, options: &MountOptions, on_end: Box<dyn Fn() + Send + Sync>) -> Self {
        let security = Security::new(user::current().as_ref(), options.allow_other);
        Self { tree: Tree::new(view), security, label: options.label.clone(), on_end }
    }

    fn find(&self, path: &U16CStr) -> Result<Found> {
        self.tree.find(path.as_slice()).map_err(|missing| match missing {
            Missing::Status(status) => status.into(),
            // Links of a path are resolved before anything is opened.
            Missing::Link => Status::OBJECT_PATH_NOT_FOUND.into(),
        })
    }

    fn security(&self, found: &Found) -> &[u8] {
        self.security.of(self.tree.modes(found))
    }

    fn reparse(found: &Found) -> Result<Vec<u8>> {
        match &found.link {
            Some(Link::Inside { target, .. }) => reparse_buffer(target).ok_or_else(|| {
                log::error!("a link's target is too long for Windows ({} characters)", target.len());
                Status::UNEXPECTED_IO_ERROR.into()
            }),
            _ => refuse(Status::NOT_A_REPARSE_POINT),
        }
    }
}

fn fill(answer: &mut FileInfo, info: &Info) {
    let modified = info.modified.ticks();
    *answer = FileInfo {
        file_attributes: info.attributes,
        reparse_tag: info.reparse_tag,
        allocation_size: info.allocation,
        file_size: info.size,
        creation_time: info.created.ticks(),
        last_access_time: modified,
        last_write_time: modified,
        change_time: modified,
        index_number: info.id,
        hard_links: info.links,
        ea_size: 0,
    };
}

/// Copies a security descriptor into WinFsp's buffer, if there is one. Returns its length.
#[expect(unsafe_code, reason = "winfsp types the buffer's bytes as c_void, which no safe code can write")]
fn write_security(descriptor: &[u8], buffer: Option<&mut [c_void]>) -> Result<u64> {
    if let Some(buffer) = buffer {
        if buffer.len() < descriptor.len() {
            return refuse(Status::BUFFER_OVERFLOW);
        }
        // SAFETY: the buffer has as many bytes as its length says, because `c_void` is a byte. The length was
        // checked just above. The buffer is borrowed mutably, so the two do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(descriptor.as_ptr(), buffer.as_mut_ptr().cast(), descriptor.len());
        }
    }
    Ok(descriptor.len() as u64)
}

fn write_reparse(data: &[u8], buffer: &mut [u8]) -> Result<u64> {
    let Some(room) = buffer.get_mut(..data.len()) else { return refuse(Status::BUFFER_TOO_SMALL) };
    room.copy_from_slice(data);
    Ok(data.len() as u64)
}

impl FileSystemContext for Drive {
    type FileContext = Handle;

    fn get_security_by_name(
        &self,
        path: &U16CStr,
        buffer: Option<&mut [c_void]>,
        resolve: impl FnOnce(&U16CStr) -> Option<FileSecurity>,
    ) -> Result<FileSecurity> {
        match self.tree.find(path.as_slice()) {
            Ok(found) => Ok(FileSecurity {
                reparse: false,
                sz_security_descriptor: write_security(self.security(&found), buffer)?,
                attributes: found.info.attributes,
            }),
            Err(Missing::Link) => resolve(path).ok_or_else(|| Status::OBJECT_PATH_NOT_FOUND.into()),
            Err(Missing::Status(status)) => refuse(status),
        }
    }

    fn open(&self, path: &U16CStr, options: u32, access: u32, answer: &mut OpenFileInfo) -> Result<Handle> {
        let found = self.find(path)?;
        if access & WRITE != 0 || options & OPTIONS & DELETE_ON_CLOSE != 0 {
            return refuse(Status::MEDIA_WRITE_PROTECTED);
        }
        fill(answer.as_mut(), &found.info);
        // The path differs from the requested one in case only, so there is room for it.
        if 2 * found.path.len() <= usize::from(answer.normalized_name_size()) {
            answer.set_normalized_name(&found.path, None);
        }
        Ok(Handle { found, listing: Mutex::default() })
    }

    fn close(&self, _handle: Handle) {}

    fn get_file_info(&self, handle: &Handle, answer: &mut FileInfo) -> Result<()> {
        fill(answer, &handle.found.info);
        Ok(())
    }

    fn get_security(&self, handle: &Handle, buffer: Option<&mut [c_void]>) -> Result<u64> {
        write_security(self.security(&handle.found), buffer)
    }

    fn read(&self, handle: &Handle, buffer: &mut [u8], offset: u64) -> Result<u32> {
        if handle.found.info.is_folder() {
            return refuse(Status::FILE_IS_A_DIRECTORY);
        }
        match self.tree.read(&handle.found, offset, buffer).map_err(failed)? {
            0 if !buffer.is_empty() => refuse(Status::END_OF_FILE),
            len => Ok(u32::try_from(len).unwrap_or(u32::MAX)),
        }
    }

    fn read_directory(
        &self,
        handle: &Handle,
        pattern: Option<&U16CStr>,
        marker: DirMarker<'_>,
        buffer: &mut [u8],
    ) -> Result<u32> {
        let mut listing = handle.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listing.take().filter(|_| !marker.is_none());
        let listed = match known {
            Some(listed) => listed,
            None => self.tree.listed(handle.found.node()).map_err(failed)?,
        };
        *listing = Some(Arc::clone(&listed));
        drop(listing);
        let pattern = pattern.and_then(|pattern| Pattern::new(pattern.as_slice()));
        let mut filled = 0;
        let mut entry: DirInfo = DirInfo::new();
        let mut emit = |name: &[u16], info: &Info| {
            entry.reset();
            fill(entry.file_info_mut(), info);
            if entry.set_name_raw(name).is_err() {
                // A directory of Linux cannot contain such a name.
                log::error!("a name is too long for Windows, and left out of a listing");
                return true;
            }
            entry.append_to_buffer(buffer, &mut filled)
        };
        match self.tree.list(&handle.found, &listed, marker.inner(), pattern.as_ref(), &mut emit) {
            Ok(true) => drop(DirInfo::<255>::finalize_buffer(buffer, &mut filled)),
            // The next request starts with the error.
            Ok(false) => {}
            Err(_) if filled > 0 => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(filled)
    }

    fn get_dir_info_by_name(&self, handle: &Handle, name: &U16CStr, answer: &mut DirInfo) -> Result<()> {
        let entry = self.tree.entry(&handle.found, name.as_slice()).map_err(failed)?;
        let Some((name, info)) = entry else { return refuse(Status::OBJECT_NAME_NOT_FOUND) };
        fill(answer.file_info_mut(), &info);
        answer.set_name_raw(&*name)
    }

    fn get_volume_info(&self, answer: &mut VolumeInfo) -> Result<()> {
        // The sizes of the disk of the repository: how much room is left for history.
        let (total, free) = disk::room(self.tree.view().repository().root()).unwrap_or_else(|error| {
            log::error!("cannot tell how much room the disk of the repository has: {error}");
            (0, 0)
        });
        answer.total_size = total;
        answer.free_size = free;
        answer.set_volume_label(&self.label);
        Ok(())
    }

    fn get_reparse_point_by_name(&self, path: &U16CStr, _is_folder: bool, buffer: &mut [u8]) -> Result<u64> {
        write_reparse(&Self::reparse(&self.find(path)?)?, buffer)
    }

    fn get_reparse_point(&self, handle: &Handle, _path: &U16CStr, buffer: &mut [u8]) -> Result<u64> {
        write_reparse(&Self::reparse(&handle.found)?, buffer)
    }

    fn dispatcher_stopped(&self, normally: bool) {
        if !normally {
            (self.on_end)();
        }
    }

    // The driver refuses writes before they get here. Any that still arrive are refused here. Without these
    // functions, the driver would answer that there is no such request.

    fn create(
        &self,
        _path: &U16CStr,
        _options: u32,
        _access: u32,
        _attributes: u32,
        _security: Option<&[c_void]>,
        _allocation: u64,
        _extra: Option<&[u8]>,
        _extra_is_reparse_point: bool,
        _answer: &mut OpenFileInfo,
    ) -> Result<Handle> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn overwrite(
        &self,
        _handle: &Handle,
        _attributes: u32,
        _replace: bool,
        _allocation: u64,
        _extra: Option<&[u8]>,
        _answer: &mut FileInfo,
    ) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn write(
        &self,
        _handle: &Handle,
        _bytes: &[u8],
        _offset: u64,
        _to_end: bool,
        _constrained: bool,
        _answer: &mut FileInfo,
    ) -> Result<u32> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn rename(&self, _handle: &Handle, _from: &U16CStr, _to: &U16CStr, _replace: bool) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_basic_info(
        &self,
        _handle: &Handle,
        _attributes: u32,
        _created: u64,
        _accessed: u64,
        _written: u64,
        _changed: u64,
        _answer: &mut FileInfo,
    ) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_delete(&self, _handle: &Handle, _path: &U16CStr, _delete: bool) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_file_size(
        &self,
        _handle: &Handle,
        _size: u64,
        _allocation: bool,
        _answer: &mut FileInfo,
    ) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_security(&self, _handle: &Handle, _what: u32, _security: ModificationDescriptor) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_volume_label(&self, _label: &U16CStr, _answer: &mut VolumeInfo) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_reparse_point(&self, _handle: &Handle, _path: &U16CStr, _data: &[u8]) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn delete_reparse_point(&self, _handle: &Handle, _path: &U16CStr, _data: &[u8]) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn set_extended_attributes(&self, _handle: &Handle, _data: &[u8], _answer: &mut FileInfo) -> Result<()> {
        refuse(Status::MEDIA_WRITE_PROTECTED)
    }

    fn flush(&self, _handle: Option<&Handle>, _answer: &mut FileInfo) -> Result<()> {
        // There is nothing to write.
        Ok(())
    }
}
