//! The settings that every mount asks of the kernel. Benchmarks mount other file systems with them, to
//! measure the cost of FUSE.

use std::io;
use std::time::Duration;

use fuser::{InitFlags, KernelConfig};

/// Cache lifetime of answers that never change.
pub const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Enables the features of this kernel that make reading faster. `with_acls` makes the kernel enforce ACLs
/// for users other than the one who mounts.
///
/// # Errors
/// Fails if ACLs are wanted and the kernel cannot enforce them.
pub fn negotiate(config: &mut KernelConfig, with_acls: bool) -> io::Result<()> {
    // All listings include attributes, not only their first part (READDIRPLUS_AUTO). A process that lists
    // usually needs them, and a look-up costs a hundred times as much as one more entry.
    let mut wanted = InitFlags::FUSE_DO_READDIRPLUS
        | InitFlags::FUSE_PARALLEL_DIROPS
        | InitFlags::FUSE_CACHE_SYMLINKS
        // The kernel drops a cached listing when the modification time of its folder changes.
        | InitFlags::FUSE_AUTO_INVAL_DATA
        | InitFlags::FUSE_ASYNC_DIO;
    if with_acls {
        wanted |= InitFlags::FUSE_POSIX_ACL;
    }
    if let Err(unsupported) = config.add_capabilities(wanted) {
        log::info!("this kernel's FUSE lacks {unsupported:?}");
        // Unsupported features were removed, so this cannot fail again.
        let _ = config.add_capabilities(wanted - unsupported);
        if unsupported.contains(InitFlags::FUSE_POSIX_ACL) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel cannot enforce ACLs"));
        }
    }
    Ok(())
}
