//! What a restore will not be able to keep, as far as that is known before.

use std::ffi::CString;
use std::io;
use std::sync::OnceLock;

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};

use super::Folder;
use crate::format::{XattrSet, acl};
use crate::service::restore::disk::{Lack, Lacking};
use crate::view::Attr;

/// The capability that lets a process give files away, as a bit of `CapEff`.
const CAP_CHOWN: u64 = 1;

/// What this process may do with owners.
struct Rights {
    may_give: bool,
    /// Ranges of user and group numbers that there are here: a number, and how many.
    users: Vec<(u64, u64)>,
    groups: Vec<(u64, u64)>,
}

/// What an entry will lack, if it is made in `folder`, where that is there.
pub(in crate::service::restore) fn foresee(
    folder: Option<&Folder>,
    attr: &Attr,
    xattrs: &XattrSet,
) -> Lacking {
    let mut lacking = Lacking::new();
    let owner = owner(attr);
    if let Err(error) = owner {
        let expected = !geteuid().is_root();
        lacking.push(Lack { what: "owner".into(), reason: io::Error::from(error).to_string(), expected });
    }
    let Some(folder) = folder else { return lacking };
    for name in xattrs.names() {
        let Ok(c_name) = CString::new(name) else { continue };
        if rustix::fs::fgetxattr(folder, &c_name, &mut [0; 1]) == Err(Errno::NOTSUP) {
            let is_list = name == acl::ACCESS || name == acl::DEFAULT;
            let what = match is_list {
                true => "access control list".to_owned(),
                false => format!("extended attribute {}", String::from_utf8_lossy(name)),
            };
            lacking.push(Lack { what, reason: io::Error::from(Errno::NOTSUP).to_string(), expected: false });
        }
    }
    lacking
}

impl Folder {
    /// Fails when nothing can be put into it, not even when its mode may be changed for that.
    pub(in crate::service::restore) fn check_writable(&self, may_change: bool) -> io::Result<()> {
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        let is_own = || rustix::fs::fstat(self).is_ok_and(|stat| stat.st_uid == geteuid().as_raw());
        match rustix::fs::accessat(self, c".", wanted, AtFlags::EACCESS) {
            Err(Errno::ACCESS) if may_change && is_own() => Ok(()),
            checked => Ok(checked?),
        }
    }
}

fn owner(attr: &Attr) -> Result<(), Errno> {
    static RIGHTS: OnceLock<Rights> = OnceLock::new();
    let rights = RIGHTS.get_or_init(Rights::read);
    // Without /proc nothing is known, and nothing foretold.
    let there = |ranges: &[(u64, u64)], id: u32| {
        ranges.is_empty()
            || ranges
                .iter()
                .any(|(first, count)| u64::from(id).checked_sub(*first).is_some_and(|at| at < *count))
    };
    if !there(&rights.users, attr.uid) || !there(&rights.groups, attr.gid) {
        return Err(Errno::INVAL);
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let in_group = || getgroups().is_ok_and(|groups| groups.iter().any(|one| one.as_raw() == attr.gid));
    let is_own = attr.uid == user && (attr.gid == group || in_group());
    if rights.may_give || is_own { Ok(()) } else { Err(Errno::PERM) }
}

impl Rights {
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
            may_give: effective.is_none_or(|bits| bits & CAP_CHOWN != 0),
            users: ranges("/proc/self/uid_map"),
            groups: ranges("/proc/self/gid_map"),
        }
    }
}
