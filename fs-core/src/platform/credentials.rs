//! Credentials of this process.

use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};

/// Capabilities, as bits of `CapEff`.
const CAP_CHOWN: u64 = 1;
pub(crate) const CAP_FOWNER: u64 = 1 << 3;
pub(crate) const CAP_SYS_ADMIN: u64 = 1 << 21;
pub(crate) const CAP_MKNOD: u64 = 1 << 27;
pub(crate) const CAP_SETFCAP: u64 = 1 << 31;

/// Capabilities of the process, and the user and group numbers that its user namespace maps.
#[derive(Debug)]
pub(crate) struct Credentials {
    capabilities: u64,
    /// Ranges of user and group numbers: the first number, and the count.
    users: Vec<(u64, u64)>,
    groups: Vec<(u64, u64)>,
}

/// Without /proc the ranges are unknown, and every number is accepted.
fn is_in(ranges: &[(u64, u64)], id: u32) -> bool {
    let holds = |(first, count): &(u64, u64)| u64::from(id).checked_sub(*first).is_some_and(|at| at < *count);
    ranges.is_empty() || ranges.iter().any(holds)
}

impl Credentials {
    /// The credentials of this process, read once.
    pub(crate) fn own() -> &'static Self {
        static CREDENTIALS: OnceLock<Credentials> = OnceLock::new();
        CREDENTIALS.get_or_init(Self::read)
    }

    /// Whether the process has a capability in its own user namespace.
    pub(crate) fn may(&self, capability: u64) -> bool {
        self.capabilities & capability != 0
    }

    /// Whether the process has a capability in the initial user namespace; false for the root of a container.
    pub(crate) fn may_for_all(&self, capability: u64) -> bool {
        self.may(capability) && is_in(&self.users, u32::MAX - 1)
    }

    /// Whether the process may act as the owner of this user's entries.
    pub(crate) fn owns(&self, user: u32) -> bool {
        user == geteuid().as_raw() || (self.may(CAP_FOWNER) && self.knows_user(user))
    }

    pub(crate) fn knows_user(&self, id: u32) -> bool {
        is_in(&self.users, id)
    }

    pub(crate) fn knows_group(&self, id: u32) -> bool {
        is_in(&self.groups, id)
    }

    /// Fails if the process may not give files to this user.
    pub(crate) fn check_user(&self, id: u32) -> Result<(), Errno> {
        self.check(self.knows_user(id), || id == geteuid().as_raw())
    }

    /// Fails if the process may not give files to this group.
    pub(crate) fn check_group(&self, id: u32) -> Result<(), Errno> {
        let is_own = || {
            id == getegid().as_raw()
                || getgroups().is_ok_and(|groups| groups.iter().any(|group| group.as_raw() == id))
        };
        self.check(self.knows_group(id), is_own)
    }

    fn check(&self, is_known: bool, is_own: impl FnOnce() -> bool) -> Result<(), Errno> {
        match is_known {
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
