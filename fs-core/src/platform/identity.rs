//! Names of this machine and of the user.

/// This machine's host name.
pub(crate) fn host() -> Vec<u8> {
    #[cfg(unix)]
    {
        rustix::system::uname().nodename().to_bytes().to_vec()
    }
    #[cfg(windows)]
    {
        use winapi_util::sysinfo::{ComputerNameKind, get_computer_name};
        get_computer_name(ComputerNameKind::DnsHostname).unwrap_or_default().into_encoded_bytes()
    }
}

/// Name of the user who runs this process; a number if only that is known. Empty on Windows.
pub(crate) fn user() -> Vec<u8> {
    #[cfg(unix)]
    {
        let uid = rustix::process::getuid().as_raw();
        let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
        name_of(&passwd, uid).unwrap_or_else(|| uid.to_string().into_bytes())
    }
    #[cfg(windows)]
    {
        Vec::new()
    }
}

/// The name of a user in the bytes of `/etc/passwd`.
#[cfg(unix)]
fn name_of(passwd: &[u8], uid: u32) -> Option<Vec<u8>> {
    let uid = uid.to_string();
    passwd.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.as_bytes()).then(|| name.to_vec())
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\n\nodd\nbackup:x:34:34::/:\n";
        assert_eq!(name_of(passwd, 34), Some(b"backup".to_vec()));
        assert_eq!(name_of(passwd, 3), None);
    }
}
