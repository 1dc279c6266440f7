//! Predicts what a restore cannot keep, for dry runs.

use std::ffi::CString;
use std::io;
use std::sync::OnceLock;

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};

use super::attributes::{LIST, NARROWED, allowed_mode, reason};
use super::subject::has_mode;
use super::{Folder, is_device};
use crate::format::XattrSet;
use crate::format::acl::{self, Acl, Tag};
use crate::service::restore::disk::{Lack, Lacking};
use crate::view::Attr;

/// Capabilities, as bits of `CapEff`.
const CAP_CHOWN: u64 = 1;
const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_MKNOD: u64 = 1 << 27;
const CAP_SETFCAP: u64 = 1 << 31;

/// What this process may do.
struct Rights {
    capabilities: u64,
    /// Ranges of user and group numbers of this user namespace: the first number, and the count.
    users: Vec<(u64, u64)>,
    groups: Vec<(u64, u64)>,
}

/// Predicts what an entry created in `folder` will lack. Fails if it cannot be created at all.
pub(in crate::service::restore) fn foresee(
    folder: Option<&Folder>,
    attr: &Attr,
    xattrs: &XattrSet,
) -> io::Result<Lacking> {
    static RIGHTS: OnceLock<Rights> = OnceLock::new();
    let rights = RIGHTS.get_or_init(Rights::read);
    if is_device(attr.kind) && attr.rdev != (0, 0) && !rights.may_for_all(CAP_MKNOD) {
        return Err(Errno::PERM.into());
    }
    let mut lacking = Lacking::new();
    let (user, group) = (rights.user(attr.uid), rights.group(attr.gid));
    if let Err(error) = user.and(group) {
        lacking.push(Lack {
            what: "owner".into(),
            reason: reason(Err(error)),
            expected: !geteuid().is_root(),
        });
    }
    let mut is_list_set = true;
    for name in xattrs.names() {
        let Err(error) = xattr(folder, rights, name, xattrs.get(name).unwrap_or_default()) else { continue };
        is_list_set &= name != acl::ACCESS;
        let is_list = name == acl::ACCESS || name == acl::DEFAULT;
        let attribute = || format!("extended attribute {}", String::from_utf8_lossy(name));
        let what = if is_list { LIST.to_owned() } else { attribute() };
        lacking.push(Lack { what, reason: reason(Err(error)), expected: false });
    }
    let (user, group) = (user.is_ok(), group.is_ok());
    if has_mode(attr.kind) && allowed_mode(attr, xattrs, user, group, is_list_set) != attr.mode {
        let expected = (!user || !group) && !geteuid().is_root();
        lacking.push(Lack { what: "mode".into(), reason: NARROWED.to_owned(), expected });
    }
    Ok(lacking)
}

/// Whether an attribute can be set.
fn xattr(folder: Option<&Folder>, rights: &Rights, name: &[u8], value: &[u8]) -> Result<(), Errno> {
    let named = if name == acl::ACCESS || name == acl::DEFAULT { Acl::decode(value) } else { None };
    let is_known = |tag| match tag {
        Tag::User(id) => is_in(&rights.users, id),
        Tag::Group(id) => is_in(&rights.groups, id),
        _ => true,
    };
    if named.is_some_and(|list| !list.entries().all(|(tag, _)| is_known(tag))) {
        return Err(Errno::INVAL);
    }
    if name.starts_with(b"trusted.") && !rights.may_for_all(CAP_SYS_ADMIN)
        || name == b"security.capability" && !rights.may(CAP_SETFCAP)
    {
        return Err(Errno::PERM);
    }
    let (Some(folder), Ok(name)) = (folder, CString::new(name)) else { return Ok(()) };
    match rustix::fs::fgetxattr(folder, &name, &mut [0; 1]) {
        Err(Errno::NOTSUP) => Err(Errno::NOTSUP),
        _ => Ok(()),
    }
}

/// Without /proc the ranges are unknown, and every number is accepted.
fn is_in(ranges: &[(u64, u64)], id: u32) -> bool {
    let holds = |(first, count): &(u64, u64)| u64::from(id).checked_sub(*first).is_some_and(|at| at < *count);
    ranges.is_empty() || ranges.iter().any(holds)
}

impl Folder {
    /// Fails if no entry can be created in it, even after a change of its mode if `may_change`.
    pub(in crate::service::restore) fn check_writable(&self, may_change: bool) -> io::Result<()> {
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        let is_own = || rustix::fs::fstat(self).is_ok_and(|stat| stat.st_uid == geteuid().as_raw());
        match rustix::fs::accessat(self, c".", wanted, AtFlags::EACCESS) {
            Err(Errno::ACCESS) if may_change && is_own() => Ok(()),
            checked => Ok(checked?),
        }
    }
}

impl Rights {
    /// Whether the process has a capability in its own user namespace.
    fn may(&self, capability: u64) -> bool {
        self.capabilities & capability != 0
    }

    /// The same in the initial user namespace, which excludes the root of a container.
    fn may_for_all(&self, capability: u64) -> bool {
        self.may(capability) && is_in(&self.users, u32::MAX - 1)
    }

    /// Whether it may give files to this user.
    fn user(&self, id: u32) -> Result<(), Errno> {
        match is_in(&self.users, id) {
            false => Err(Errno::INVAL),
            true if self.may(CAP_CHOWN) || id == geteuid().as_raw() => Ok(()),
            true => Err(Errno::PERM),
        }
    }

    /// The same for a group.
    fn group(&self, id: u32) -> Result<(), Errno> {
        let is_own = || {
            id == getegid().as_raw()
                || getgroups().is_ok_and(|groups| groups.iter().any(|group| group.as_raw() == id))
        };
        match is_in(&self.groups, id) {
            false => Err(Errno::INVAL),
            true if self.may(CAP_CHOWN) || is_own() => Ok(()),
            true => Err(Errno::PERM),
        }
    }

    fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        let ranges = |path: &str| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let range = |line: &str| {
                let mut words = line.split_ascii_whitespace();
                Some((words.next()?.parse().ok()?, words.nth(1)?.parse().ok()?))
            };
            text.lines().filter_map(range).collect()
        };
        Self {
            capabilities: effective.unwrap_or(u64::MAX),
            users: ranges("/proc/self/uid_map"),
            groups: ranges("/proc/self/gid_map"),
        }
    }
}
