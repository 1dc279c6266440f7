//! What is asked of the kernel for every mount. Benchmarks mount other file systems with it, to tell what FUSE takes.

use std::io;
use std::time::Duration;

use fuser::{InitFlags, KernelConfig};

/// How long the kernel may keep what never changes.
pub const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Takes what helps reading and this kernel has. With ACLs the kernel enforces them for other users than the one who
/// mounts.
///
/// # Errors
/// When ACLs are wanted and the kernel cannot enforce them.
pub fn negotiate(config: &mut KernelConfig, with_acls: bool) -> io::Result<()> {
    // Every listing brings attributes, not only its first part (READDIRPLUS_AUTO): who lists usually looks, and a look-up
    // costs a hundred times what an entry more does.
    let mut wanted = InitFlags::FUSE_DO_READDIRPLUS
        | InitFlags::FUSE_PARALLEL_DIROPS
        | InitFlags::FUSE_CACHE_SYMLINKS
        // A listing is kept no longer than its folder's time of change stays what it was.
        | InitFlags::FUSE_AUTO_INVAL_DATA
        | InitFlags::FUSE_ASYNC_DIO;
    if with_acls {
        wanted |= InitFlags::FUSE_POSIX_ACL;
    }
    if let Err(unsupported) = config.add_capabilities(wanted) {
        log::info!("this kernel's FUSE lacks {unsupported:?}");
        // The rest is asked for by what is left; it cannot fail again.
        let _ = config.add_capabilities(wanted - unsupported);
        if unsupported.contains(InitFlags::FUSE_POSIX_ACL) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel cannot enforce ACLs"));
        }
    }
    Ok(())
}
